using System.Globalization;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Init;

/// <summary>The clocks of a new time namespace (time_namespaces(7)).</summary>
internal static class TimeOffsets
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Checks what needs no kernel.</summary>
    /// <exception cref="ArgumentException">An unknown clock, or a fraction of a second or more.</exception>
    public static void Validate(Dictionary<string, TimeOffsetSpec>? offsets)
    {
        foreach ((string clock, TimeOffsetSpec offset) in offsets ?? [])
        {
            if (clock is not ("monotonic" or "boottime"))
                throw new ArgumentException($"linux.timeOffsets: unknown clock '{clock}'; known are monotonic and boottime");
            if (offset.Nanosecs >= NanosecondsPerSecond)
                throw new ArgumentException($"linux.timeOffsets.{clock}: {offset.Nanosecs} nanoseconds are a second or more");
        }
    }

    /// <summary>Sets them for the time namespace that the process has made for its children.</summary>
    /// <exception cref="Linux.LinuxException">The kernel refuses: ERANGE for a clock that would be negative.</exception>
    public static void Write(int pid, Dictionary<string, TimeOffsetSpec> offsets) =>
        UserNamespaceMaps.WriteFile(
            $"/proc/{pid}/timens_offsets",
            string.Concat(offsets.Select(static o => string.Create(CultureInfo.InvariantCulture, $"{o.Key} {o.Value.Secs} {o.Value.Nanosecs}\n"))));
}
