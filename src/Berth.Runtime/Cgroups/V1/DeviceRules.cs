using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>Device access through <c>devices.allow</c> and <c>devices.deny</c> (kernel: cgroup-v1/devices.rst).</summary>
internal static class DeviceRules
{
    /// <summary>Writes the rules in order, then the defaults unless everything is allowed anyway.</summary>
    /// <exception cref="Berth.Linux.LinuxException">Names the rule.</exception>
    public static void Apply(string folder, IReadOnlyList<DeviceRuleSpec> rules)
    {
        var batch = new List<string>();
        bool batchAllows = false;
        foreach (DeviceRuleSpec rule in rules)
        {
            if (rule.Allow != batchAllows)
                Flush(folder, batch, batchAllows);
            batchAllows = rule.Allow;
            batch.Add(Format(rule));
        }

        if (!DefaultDevices.AllowEverything(rules))
        {
            if (!batchAllows)
                Flush(folder, batch, allow: false);
            batchAllows = true;
            batch.AddRange(DefaultDevices.Rules.Select(Format));
        }

        Flush(folder, batch, batchAllows);
    }

    /// <summary>A rule in the kernel's syntax.</summary>
    public static string Format(DeviceRuleSpec rule) =>
        DefaultDevices.IsEverything(rule)
            ? "a"
            : $"{rule.Type ?? "a"} {Number(rule.Major)}:{Number(rule.Minor)} {(string.IsNullOrEmpty(rule.Access) ? "rwm" : rule.Access)}";

    private static string Number(long? number) => number is null or < 0 ? "*" : number.Value.ToString();

    private static void Flush(string folder, List<string> batch, bool allow)
    {
        if (batch.Count > 0)
            CgroupFile.Write(folder + (allow ? "/devices.allow" : "/devices.deny"), [.. batch]);
        batch.Clear();
    }
}
