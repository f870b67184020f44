using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>Device access in the unified hierarchy, which has no files for it: only a BPF program could restrict it.</summary>
internal static class DeviceRules
{
    /// <summary>Accepts rules that allow everything and refuses others.</summary>
    /// <exception cref="NotSupportedException">The rules restrict devices.</exception>
    public static void Check(IReadOnlyList<DeviceRuleSpec> rules)
    {
        DeviceRuleSpec? denied = rules.LastOrDefault(static r => r.Type is null or "" or "a" && r.Major is null or < 0) is { Allow: true }
            ? null
            : rules.FirstOrDefault(static r => !r.Allow);
        if (denied is not null)
            throw new NotSupportedException("device rules on a host with cgroup v2 alone are not built yet; start the container privileged, or boot with cgroup v1");
    }
}
