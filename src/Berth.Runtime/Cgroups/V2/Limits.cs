using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>
/// From the configuration, which speaks the language of cgroup v1, to the files of v2 (kernel: admin-guide/cgroup-v2.rst). Null is not asked for; so
/// is 0 where v1 has no such value. Devices are apart: <see cref="DeviceRules"/>.
/// </summary>
internal static class Limits
{
    private const string DefaultPeriod = "100000";

    private static readonly string[] Lifecycle =
        ["cgroup.procs", "cgroup.threads", "cgroup.type", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control"];

    /// <summary>All that is asked for, in the order in which it is best written.</summary>
    /// <param name="resources">What is asked.</param>
    /// <param name="read">The text of a file of the cgroup; null where there is none.</param>
    /// <exception cref="NotSupportedException">Only cgroup v1 has it.</exception>
    /// <exception cref="ArgumentException">The values contradict each other.</exception>
    public static IReadOnlyList<CgroupSetting> Of(ResourcesSpec resources, Func<string, string?> read)
    {
        RefuseWhatV1Has(resources);
        var settings = new SettingList();
        AddCpu(settings, resources.Cpu, read);
        AddMemory(settings, resources.Memory, read);
        if (resources.Pids is { Limit: not 0 } pids)
            settings.Add("pids", "pids.max", OrMax(pids.Limit), "pids.limit");
        IoLimits.Add(settings, resources.BlockIo, read);
        foreach (HugepageLimitSpec limit in resources.HugepageLimits ?? [])
        {
            string size = SettingList.HugePageSize(limit.PageSize);
            settings.Add("hugetlb", $"hugetlb.{size}.max", (ulong?)limit.Limit, "hugepageLimits");
            if (read($"hugetlb.{size}.rsvd.max") is not null)
                settings.Add("hugetlb", $"hugetlb.{size}.rsvd.max", (ulong?)limit.Limit, "hugepageLimits");
        }

        settings.AddRdma(resources.Rdma);
        AddUnified(settings, resources.Unified);
        return settings.All;
    }

    /// <summary>v1's shares (2 to 262144, usual 1024) on v2's scale of weights (1 to 10000), in proportion; 0 is unset.</summary>
    public static ulong Weight(ulong shares) => shares == 0 ? 0 : 1 + (Math.Clamp(shares, 2, 262144) - 2) * 9999 / 262142;

    /// <summary>v2 counts swap alone; the configuration memory and swap together.</summary>
    /// <param name="limit">Of memory; -1 is none, 0 unset.</param>
    /// <param name="memoryAndSwap">Of both; -1 is none, 0 unset.</param>
    /// <returns>The limit of swap; -1 is none, null unset.</returns>
    /// <exception cref="ArgumentException">Less for both than for memory alone.</exception>
    public static long? Swap(long limit, long memoryAndSwap) => (limit, memoryAndSwap) switch
    {
        (-1, 0) => -1,
        (_, 0) => null,
        (_, -1) => -1,
        ( <= 0, _) => throw new ArgumentException($"linux.resources.memory.swap is {memoryAndSwap} for memory and swap together, but memory has no limit: set memory.limit"),
        _ when memoryAndSwap < limit => throw new ArgumentException($"linux.resources.memory.swap is {memoryAndSwap} for memory and swap together, less than memory.limit {limit}"),
        _ => memoryAndSwap - limit,
    };

    private static void RefuseWhatV1Has(ResourcesSpec resources)
    {
        string? field =
            resources.Network is { ClassId: > 0 } ? "network.classID"
            : resources.Network?.Priorities is { Count: > 0 } ? "network.priorities"
            : resources.Cpu?.RealtimeRuntime is { } runtime and not 0 ? "cpu.realtimeRuntime"
            : resources.Cpu?.RealtimePeriod is > 0 ? "cpu.realtimePeriod"
            : resources.Memory?.Kernel is { } kernel and not (0 or -1) ? "memory.kernel"
            : resources.Memory?.KernelTcp is { } tcp and not (0 or -1) ? "memory.kernelTCP"
            : resources.Memory?.Swappiness is { } swappiness and not ulong.MaxValue ? "memory.swappiness"
            : resources.Memory?.DisableOomKiller is true ? "memory.disableOOMKiller"
            : resources.Memory?.UseHierarchy is false ? "memory.useHierarchy as false"
            : resources.BlockIo?.LeafWeight is > 0 || resources.BlockIo?.WeightDevice?.Any(static d => d.LeafWeight > 0) == true ? "blockIO.leafWeight"
            : null;
        if (field is not null)
            throw new NotSupportedException($"linux.resources.{field} exists in cgroup v1 only, but this host has v2");
    }

    private static void AddCpu(SettingList settings, CpuSpec? cpu, Func<string, string?> read)
    {
        if (cpu is null)
            return;
        settings.Add("cpu", "cpu.idle", cpu.Idle, "cpu.idle");
        if (cpu.Idle is null or 0)
            settings.AddUnlessZero("cpu", "cpu.weight", cpu.Shares is { } shares ? Weight(shares) : (ulong?)null, "cpu.shares");
        if (cpu.Quota is { } and not 0 || cpu.Period is > 0)
        {
            string[] now = (read("cpu.max") ?? "").Trim().Split(' ');
            string quota = cpu.Quota is { } asked and not 0 ? OrMax(asked) : now[0].Length > 0 ? now[0] : "max";
            string period = cpu.Period is { } time and > 0 ? $"{time}" : now.Length > 1 ? now[1] : DefaultPeriod;
            settings.Add("cpu", "cpu.max", $"{quota} {period}", cpu.Quota is null or 0 ? "cpu.period" : "cpu.quota");
        }

        settings.Add("cpu", "cpu.max.burst", cpu.Burst, "cpu.burst");
        settings.AddText("cpuset", "cpuset.cpus", cpu.Cpus, "cpu.cpus");
        settings.AddText("cpuset", "cpuset.mems", cpu.Mems, "cpu.mems");
    }

    private static void AddMemory(SettingList settings, MemorySpec? memory, Func<string, string?> read)
    {
        if (memory is null)
            return;
        long limit = memory.Limit ?? 0;
        if (limit == 0 && memory.Swap > 0)
            limit = long.TryParse(read("memory.max"), out long now) ? now : 0;
        // Without swap accounting there is nothing to forbid or to allow.
        if (Swap(limit, memory.Swap ?? 0) is { } swap && (swap > 0 || read("memory.swap.max") is not null))
            settings.Add("memory", "memory.swap.max", OrMax(swap, zeroIsValue: true), "memory.swap");
        if (memory.Limit is { } asked and not 0)
            settings.Add("memory", "memory.max", OrMax(asked), "memory.limit");
        if (memory.Reservation is { } reservation and not 0)
            settings.Add("memory", "memory.low", OrMax(reservation), "memory.reservation");
    }

    private static void AddUnified(SettingList settings, IReadOnlyDictionary<string, string>? unified)
    {
        foreach ((string file, string value) in unified ?? new Dictionary<string, string>(0))
        {
            if (file.Contains('/', StringComparison.Ordinal) || file.IndexOf('.', StringComparison.Ordinal) < 1)
                throw new ArgumentException($"linux.resources.unified: \"{file}\" must be the name of a cgroup's file, like memory.high");
            if (Lifecycle.Contains(file))
                throw new ArgumentException($"linux.resources.unified: \"{file}\" is no limit; the runtime itself writes it");
            // Some files take one line at a time, such as io.max.
            foreach (string line in value.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                settings.Add(file[..file.IndexOf('.', StringComparison.Ordinal)], file, line, $"unified \"{file}\"");
        }
    }

    private static string OrMax(long value, bool zeroIsValue = false) => value > 0 || (value == 0 && zeroIsValue) ? $"{value}" : "max";
}
