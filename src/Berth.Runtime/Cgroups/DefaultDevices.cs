using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>
/// What every container whose devices are restricted may use all the same: the OCI specification's default devices, pseudo terminals, and making
/// any node (not using it).
/// </summary>
internal static class DefaultDevices
{
    /// <summary>The kinds of access as bits: mknod 1, read 2, write 4 (BPF_DEVCG_ACC of linux/bpf.h).</summary>
    public const int AllAccess = 7;

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
            allowsAll = IsEverything(rule) && AccessBits(rule.Access) == AllAccess ? rule.Allow : allowsAll && rule.Allow;
        return allowsAll;
    }

    /// <summary>A rule's access letters as bits; none at all is every access.</summary>
    public static int AccessBits(string? access) => string.IsNullOrEmpty(access)
        ? AllAccess
        : (access.Contains('m', StringComparison.Ordinal) ? 1 : 0) | (access.Contains('r', StringComparison.Ordinal) ? 2 : 0)
            | (access.Contains('w', StringComparison.Ordinal) ? 4 : 0);

    /// <summary>Refuses rules that mean nothing.</summary>
    /// <exception cref="ArgumentException">Names the rule and its value.</exception>
    public static void Check(IReadOnlyList<DeviceRuleSpec> rules)
    {
        for (int i = 0; i < rules.Count; i++)
        {
            DeviceRuleSpec rule = rules[i];
            string? wrong =
                rule.Type is not (null or "" or "a" or "b" or "c") ? $"type \"{rule.Type}\" must be a, b or c"
                : rule.Access?.AsSpan().IndexOfAnyExcept("rwm") >= 0 ? $"access \"{rule.Access}\" must be made of r, w and m"
                : rule.Major > int.MaxValue || rule.Minor > int.MaxValue ? $"{rule.Major}:{rule.Minor} is no device number"
                : null;
            if (wrong is not null)
                throw new ArgumentException($"linux.resources.devices[{i}]: {wrong}");
        }
    }

    /// <summary>Whether a rule is about all devices.</summary>
    public static bool IsEverything(DeviceRuleSpec rule) =>
        (rule.Type is null or "" or "a") && rule.Major is null or < 0 && rule.Minor is null or < 0;

    private static DeviceRuleSpec Rule(string type, long? major, long? minor, string access = "rwm") =>
        new() { Allow = true, Type = type, Major = major, Minor = minor, Access = access };
}
