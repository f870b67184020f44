using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>Device access through <c>devices.allow</c> and <c>devices.deny</c> (kernel: cgroup-v1/devices.rst).</summary>
internal static class DeviceRules
{
    // What every container may use, as the OCI specification's default devices and the pseudo terminals need it; also making any node (not using it).
    private static readonly string[] Defaults =
        ["c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"];

    /// <summary>Writes the rules in order, then the defaults unless everything is allowed anyway.</summary>
    /// <exception cref="Berth.Linux.LinuxException">Names the rule.</exception>
    public static void Apply(string folder, IReadOnlyList<DeviceRuleSpec> rules)
    {
        bool allowsAll = true;
        var batch = new List<string>();
        bool batchAllows = false;
        foreach (DeviceRuleSpec rule in rules)
        {
            if (rule.Allow != batchAllows)
                Flush(folder, batch, batchAllows);
            batchAllows = rule.Allow;
            batch.Add(Format(rule));
            allowsAll = IsEverything(rule) ? rule.Allow : allowsAll && rule.Allow;
        }

        if (!allowsAll)
        {
            if (!batchAllows)
                Flush(folder, batch, allow: false);
            batchAllows = true;
            batch.AddRange(Defaults);
        }

        Flush(folder, batch, batchAllows);
    }

    /// <summary>A rule in the kernel's syntax.</summary>
    public static string Format(DeviceRuleSpec rule) =>
        IsEverything(rule)
            ? "a"
            : $"{rule.Type ?? "a"} {Number(rule.Major)}:{Number(rule.Minor)} {(string.IsNullOrEmpty(rule.Access) ? "rwm" : rule.Access)}";

    private static bool IsEverything(DeviceRuleSpec rule) =>
        rule.Type is null or "" or "a" && rule.Major is null or < 0 && rule.Minor is null or < 0;

    private static string Number(long? number) => number is null or < 0 ? "*" : number.Value.ToString();

    private static void Flush(string folder, List<string> batch, bool allow)
    {
        if (batch.Count > 0)
            CgroupFile.Write(folder + (allow ? "/devices.allow" : "/devices.deny"), [.. batch]);
        batch.Clear();
    }
}
