using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>
/// What every container whose devices are restricted may use all the same: the OCI specification's default devices, pseudo terminals, and making
/// any node (not using it).
/// </summary>
internal static class DefaultDevices
{
    /// <summary>Rules to apply after those of the configuration.</summary>
    public static IReadOnlyList<DeviceRuleSpec> Rules { get; } =
    [
        Rule("c", null, null, "m"), Rule("b", null, null, "m"), Rule("c", 1, 3), Rule("c", 1, 5), Rule("c", 1, 7), Rule("c", 1, 8), Rule("c", 1, 9),
        Rule("c", 5, 0), Rule("c", 5, 1), Rule("c", 5, 2), Rule("c", 136, null),
    ];

    /// <summary>Whether <paramref name="rules"/> leave every device allowed.</summary>
    public static bool AllowEverything(IReadOnlyList<DeviceRuleSpec> rules)
    {
        bool allowsAll = true;
        foreach (DeviceRuleSpec rule in rules)
            allowsAll = IsEverything(rule) ? rule.Allow : allowsAll && rule.Allow;
        return allowsAll;
    }

    /// <summary>Whether a rule is about all devices.</summary>
    public static bool IsEverything(DeviceRuleSpec rule) =>
        rule.Type is null or "" or "a" && rule.Major is null or < 0 && rule.Minor is null or < 0;

    private static DeviceRuleSpec Rule(string type, long? major, long? minor, string access = "rwm") =>
        new() { Allow = true, Type = type, Major = major, Minor = minor, Access = access };
}
