using Berth.Linux.Capabilities;
using Berth.Linux.Processes;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Host;

/// <summary>What this process may hand on to containers; less than everything when the engine itself is confined.</summary>
public static class HostAbilities
{
    private static readonly CapabilitySet Bounding = CapabilitySet.Bounding;

    /// <summary>The capabilities of <paramref name="names"/> that containers can be given here. Unknown names are not among them.</summary>
    public static IReadOnlyList<string> Capabilities(IEnumerable<string> names) =>
        [.. names.Where(static name => default(CapabilitySet).TryAdd(name, out CapabilitySet one) && (one & Bounding) == one)];

    /// <summary>Whether resource limits may be raised above the engine's own, and oom_score_adj lowered below its own (CAP_SYS_RESOURCE).</summary>
    public static bool CanRaiseLimits => Capabilities(["CAP_SYS_RESOURCE"]).Count == 1;

    /// <summary>The hard limit up to which a container's limit can be set without more privilege; by the OCI name, <c>RLIMIT_NOFILE</c>.</summary>
    /// <exception cref="ArgumentException">No such resource.</exception>
    public static ulong HardLimit(string type) => ProcessControl.GetLimit(Init.ResourceLimits.Number(type)).Hard;

    /// <summary>Whether root here is root of a user namespace only, as for rootless engines: it may have no right to cgroups.</summary>
    public static bool IsInUserNamespace => CgroupFile.Read("/proc/self/uid_map").Split(' ', StringSplitOptions.RemoveEmptyEntries) is not ["0", "0", "4294967295\n"];

    internal static CapabilitySet BoundingSet => Bounding;
}
