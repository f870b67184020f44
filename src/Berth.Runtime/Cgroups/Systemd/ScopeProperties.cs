using System.Globalization;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>
/// A scope's properties. systemd is told of the limits so that it shows them and does not take them back when it reloads; the files are written all the
/// same, as it knows only some of them.
/// </summary>
internal static class ScopeProperties
{
    private const ulong MicrosecondsPerSecond = 1_000_000;

    // systemd keeps the quota as percent of a processor.
    private const ulong QuotaStep = 10_000;

    private const int QuotaPeriodSince = 242, CpusetsSince = 244, IdleWeightSince = 252;

    /// <summary>What every scope has.</summary>
    /// <param name="unit">The scope.</param>
    /// <param name="containerId">For its description.</param>
    /// <param name="pid">A process to begin with: a scope without any is none.</param>
    /// <param name="isV2">Which kind of accounting there is.</param>
    public static IReadOnlyList<UnitProperty> Fixed(SystemdUnit unit, string containerId, uint pid, bool isV2) =>
    [
        UnitProperty.Of("Description", $"berth container {containerId}"),
        UnitProperty.Of("Slice", unit.Slice),
        UnitProperty.Of("PIDs", [pid]),
        UnitProperty.Of("Delegate", true),
        UnitProperty.Of("DefaultDependencies", false),
        UnitProperty.Of("CPUAccounting", true),
        UnitProperty.Of("MemoryAccounting", true),
        UnitProperty.Of("TasksAccounting", true),
        UnitProperty.Of(isV2 ? "IOAccounting" : "BlockIOAccounting", true),
    ];

    /// <summary>Those limits that systemd knows.</summary>
    /// <param name="settings">What will be written to files.</param>
    /// <param name="version">systemd's; a property that came later is left out.</param>
    public static IReadOnlyList<UnitProperty> Limits(IEnumerable<CgroupSetting> settings, int version)
    {
        var properties = new List<UnitProperty>();
        long quota = 0;
        ulong period = 0;
        foreach (CgroupSetting setting in settings)
        {
            switch (setting.File)
            {
                case "cpu.max":
                    string[] words = setting.Value.Split(' ');
                    quota = words[0] == "max" ? -1 : long.Parse(words[0], CultureInfo.InvariantCulture);
                    period = ulong.Parse(words[1], CultureInfo.InvariantCulture);
                    break;
                case "cpu.cfs_quota_us":
                    quota = long.Parse(setting.Value, CultureInfo.InvariantCulture);
                    break;
                case "cpu.cfs_period_us":
                    period = ulong.Parse(setting.Value, CultureInfo.InvariantCulture);
                    break;
                case "cpuset.cpus" or "cpuset.mems" when version >= CpusetsSince:
                    properties.Add(UnitProperty.Of(setting.File == "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes", Bits(setting.Value)));
                    break;
                case "cpu.idle" when version >= IdleWeightSince && setting.Value == "1":
                    properties.Add(UnitProperty.Of("CPUWeight", 0UL));
                    break;
                default:
                    if (NameOf(setting.File) is { } name && TryNumber(setting.Value, out ulong number))
                        properties.Add(UnitProperty.Of(name, number));
                    break;
            }
        }

        AddQuota(properties, quota, period, version);
        return properties;
    }

    /// <summary>
    /// Device rules, if systemd can say them all: it allows by node or by a driver's name. Empty: it is not to restrict anything, and the rules
    /// that are set beside it hold alone.
    /// </summary>
    /// <param name="rules">The configuration's.</param>
    /// <param name="drivers">The text of /proc/devices.</param>
    public static IReadOnlyList<UnitProperty> Devices(IReadOnlyList<DeviceRuleSpec>? rules, string drivers)
    {
        if (rules is not { Count: > 0 } || DefaultDevices.AllowEverything(rules) || rules.Skip(1).Any(static r => !r.Allow) || rules[0].Allow)
            return [];
        var allowed = new List<(string, string)>();
        foreach (DeviceRuleSpec rule in rules.Skip(1).Concat(DefaultDevices.Rules))
        {
            string access = V1.DeviceList.Letters(DefaultDevices.AccessBits(rule.Access));
            foreach (char type in rule.Type is "b" or "c" ? rule.Type : "bc")
            {
                string kind = type == 'b' ? "block" : "char";
                if (rule is { Major: >= 0, Minor: >= 0 })
                    allowed.Add(($"/dev/{kind}/{rule.Major}:{rule.Minor}", access));
                else if (rule.Major is null or < 0 && rule.Minor is null or < 0)
                    allowed.Add(($"{kind}-*", access));
                else if (rule.Major is { } major && DriverOf(drivers, type, major) is { } driver)
                    allowed.Add(($"{kind}-{driver}", access));
                else
                    return [];
            }
        }

        return [UnitProperty.Of("DevicePolicy", "strict"), UnitProperty.Of("DeviceAllow", Array.Empty<(string, string)>()), UnitProperty.Of("DeviceAllow", [.. allowed])];
    }

    /// <summary>A list like <c>0-2,8</c> as bits, the lowest number in the first byte's lowest bit.</summary>
    /// <exception cref="ArgumentException">It is no such list.</exception>
    public static byte[] Bits(string list)
    {
        const int Most = 8192;
        var bits = new List<byte>();
        foreach (string part in list.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], CultureInfo.InvariantCulture, out int first) || !int.TryParse(ends[^1], CultureInfo.InvariantCulture, out int last) || first > last || last > Most)
                throw new ArgumentException($"linux.resources.cpu: \"{list}\" must be a list of numbers and ranges like 0-2,8");
            for (int number = first; number <= last; number++)
            {
                while (bits.Count <= number / 8)
                    bits.Add(0);
                bits[number / 8] |= (byte)(1 << (number % 8));
            }
        }

        return [.. bits];
    }

    private static string? NameOf(string file) => file switch
    {
        "cpu.weight" => "CPUWeight",
        "cpu.shares" => "CPUShares",
        "memory.max" => "MemoryMax",
        "memory.high" => "MemoryHigh",
        "memory.low" => "MemoryLow",
        "memory.min" => "MemoryMin",
        "memory.swap.max" => "MemorySwapMax",
        "memory.limit_in_bytes" => "MemoryLimit",
        "pids.max" => "TasksMax",
        "io.weight" => "IOWeight",
        "blkio.weight" or "blkio.bfq.weight" => "BlockIOWeight",
        _ => null,
    };

    private static bool TryNumber(string text, out ulong number)
    {
        number = ulong.MaxValue;
        return text is "max" or "-1" || ulong.TryParse(text, CultureInfo.InvariantCulture, out number);
    }

    private static void AddQuota(List<UnitProperty> properties, long quota, ulong period, int version)
    {
        if (quota == 0)
            return;
        ulong perSecond = ulong.MaxValue;
        if (quota > 0)
        {
            perSecond = (ulong)quota * MicrosecondsPerSecond / (period == 0 ? 100_000 : period);
            perSecond = (perSecond + QuotaStep - 1) / QuotaStep * QuotaStep;
        }

        if (period != 0 && version >= QuotaPeriodSince)
            properties.Add(UnitProperty.Of("CPUQuotaPeriodUSec", period));
        properties.Add(UnitProperty.Of("CPUQuotaPerSecUSec", perSecond));
    }

    // Two lists in /proc/devices, each line a major number and a name: "Character devices:", an empty line, "Block devices:".
    private static string? DriverOf(string drivers, char type, long major)
    {
        int block = drivers.IndexOf("Block devices:", StringComparison.Ordinal);
        string list = block < 0 ? drivers : type == 'b' ? drivers[block..] : drivers[..block];
        foreach (string line in list.Split('\n'))
        {
            if (line.Trim().Split(' ') is [var number, var name] && number == major.ToString(CultureInfo.InvariantCulture))
                return name;
        }

        return null;
    }
}
