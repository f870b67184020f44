using System.Globalization;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Memory of a process, in KiB, as the kernel counts it.</summary>
internal static class ProcessMemory
{
    /// <summary>Pages in memory, shared ones in full.</summary>
    public static long ResidentKilobytes(int pid) => Field(pid, "status", "VmRSS:");

    /// <summary>Of those the ones that belong to no file.</summary>
    public static long AnonymousKilobytes(int pid) => Field(pid, "status", "RssAnon:");

    /// <summary>Pages in memory, shared ones by share.</summary>
    public static long ProportionalKilobytes(int pid) => Field(pid, "smaps_rollup", "Pss:");

    private static long Field(int pid, string file, string name)
    {
        string line = File.ReadLines($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/{file}").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..^2], CultureInfo.InvariantCulture);
    }
}
