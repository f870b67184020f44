using System.Globalization;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>Reads what the controllers of v1 have counted; one that the host lacks has counted nothing.</summary>
internal static class StatsReader
{
    // USER_HZ, in which cpuacct.stat counts; 100 on every architecture that counts.
    private const ulong NanosecondsPerTick = 10_000_000;

    /// <summary>Reads all.</summary>
    /// <param name="find">The cgroup's folder by controller.</param>
    public static CgroupStats Read(Func<string, string?> find) => new()
    {
        Cpu = new CpuStats { Usage = CpuUsage(find("cpuacct")), Throttling = Throttling(find("cpu")) },
        Cpuset = find("cpuset") is { } cpuset ? Cpuset(cpuset) : new CpusetStats(),
        Memory = find("memory") is { } memory ? Memory(memory) : new MemoryStats(),
        Pids = find("pids") is { } pids
            ? new PidsStats { Current = KeyedFile.Single(pids + "/pids.current"), Limit = KeyedFile.Single(pids + "/pids.max") is var max and not ulong.MaxValue ? max : 0 }
            : new PidsStats(),
        Blkio = find("blkio") is { } blkio ? BlockIo(blkio) : new BlockIoStats(),
        Hugetlb = find("hugetlb") is { } hugetlb ? Hugetlb(hugetlb) : [],
        Rdma = find("rdma") is { } rdma ? KeyedFile.RdmaStats(rdma) : [],
    };

    private static CpuUsageStats CpuUsage(string? folder)
    {
        if (folder is null)
            return new CpuUsageStats();
        string? stat = CgroupFile.TryRead(folder + "/cpuacct.stat");
        // A line for each processor: its number, time of the user, time of the kernel.
        string[][] processors = [.. (CgroupFile.TryRead(folder + "/cpuacct.usage_all") ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(static l => l.Split(' '))];
        return new CpuUsageStats
        {
            Total = KeyedFile.Single(folder + "/cpuacct.usage"),
            Percpu = KeyedFile.Numbers(folder + "/cpuacct.usage_percpu"),
            PercpuUser = processors.Length > 0 ? [.. processors.Select(static p => KeyedFile.Number(p.ElementAtOrDefault(1)))] : null,
            PercpuKernel = processors.Length > 0 ? [.. processors.Select(static p => KeyedFile.Number(p.ElementAtOrDefault(2)))] : null,
            User = (ulong)KeyedFile.Value(stat, "user") * NanosecondsPerTick,
            Kernel = (ulong)KeyedFile.Value(stat, "system") * NanosecondsPerTick,
        };
    }

    private static ThrottlingStats Throttling(string? folder)
    {
        string? stat = folder is null ? null : CgroupFile.TryRead(folder + "/cpu.stat");
        return new ThrottlingStats
        {
            Periods = (ulong)KeyedFile.Value(stat, "nr_periods"),
            ThrottledPeriods = (ulong)KeyedFile.Value(stat, "nr_throttled"),
            ThrottledTime = (ulong)KeyedFile.Value(stat, "throttled_time"),
        };
    }

    private static CpusetStats Cpuset(string folder)
    {
        string prefix = folder + "/cpuset.";
        return new CpusetStats
        {
            Cpus = KeyedFile.Ranges(prefix + "cpus"),
            CpuExclusive = KeyedFile.Single(prefix + "cpu_exclusive"),
            Mems = KeyedFile.Ranges(prefix + "mems"),
            MemHardwall = KeyedFile.Single(prefix + "mem_hardwall"),
            MemExclusive = KeyedFile.Single(prefix + "mem_exclusive"),
            MemoryMigrate = KeyedFile.Single(prefix + "memory_migrate"),
            MemorySpreadPage = KeyedFile.Single(prefix + "memory_spread_page"),
            MemorySpreadSlab = KeyedFile.Single(prefix + "memory_spread_slab"),
            MemoryPressure = KeyedFile.Single(prefix + "memory_pressure"),
            SchedLoadBalance = KeyedFile.Single(prefix + "sched_load_balance"),
            SchedRelaxDomainLevel = unchecked((long)KeyedFile.Single(prefix + "sched_relax_domain_level")),
        };
    }

    private static MemoryStats Memory(string folder)
    {
        SortedDictionary<string, ulong>? raw = KeyedFile.All(folder + "/memory.stat");
        return new MemoryStats
        {
            Cache = raw?.GetValueOrDefault("cache") ?? 0,
            Usage = Entry(folder + "/memory."),
            Swap = Entry(folder + "/memory.memsw."),
            Kernel = Entry(folder + "/memory.kmem."),
            KernelTcp = Entry(folder + "/memory.kmem.tcp."),
            Raw = raw,
        };
    }

    private static MemoryEntryStats Entry(string prefix) => new()
    {
        Limit = KeyedFile.Single(prefix + "limit_in_bytes"),
        Usage = KeyedFile.Single(prefix + "usage_in_bytes"),
        Max = KeyedFile.Single(prefix + "max_usage_in_bytes"),
        Failcnt = KeyedFile.Single(prefix + "failcnt"),
    };

    // CFQ's tables (until Linux 5.0), else BFQ's, else those of throttling, which every kernel has.
    private static BlockIoStats BlockIo(string folder)
    {
        string prefix = folder + "/blkio.";
        string? scheduler = Table(prefix + "io_serviced_recursive") is not null ? "" : Table(prefix + "bfq.io_serviced_recursive") is not null ? "bfq." : null;
        return scheduler is null
            ? new BlockIoStats
            {
                IoServiceBytesRecursive = Table(prefix + "throttle.io_service_bytes_recursive"),
                IoServicedRecursive = Table(prefix + "throttle.io_serviced_recursive"),
            }
            : new BlockIoStats
            {
                IoServiceBytesRecursive = Table(prefix + scheduler + "io_service_bytes_recursive"),
                IoServicedRecursive = Table(prefix + scheduler + "io_serviced_recursive"),
                IoQueuedRecursive = Table(prefix + scheduler + "io_queued_recursive"),
                IoServiceTimeRecursive = Table(prefix + scheduler + "io_service_time_recursive"),
                IoWaitTimeRecursive = Table(prefix + scheduler + "io_wait_time_recursive"),
                IoMergedRecursive = Table(prefix + scheduler + "io_merged_recursive"),
                IoTimeRecursive = Table(prefix + scheduler + "time_recursive"),
                SectorsRecursive = Table(prefix + scheduler + "sectors_recursive"),
            };
    }

    // Lines "MAJOR:MINOR [OPERATION] COUNT"; a last line without a device is the sum of all.
    private static List<BlockIoEntry>? Table(string path)
    {
        var entries = new List<BlockIoEntry>();
        foreach (string line in (CgroupFile.TryRead(path) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ', ':');
            if (words.Length < 3)
                continue;
            entries.Add(new BlockIoEntry
            {
                Major = ulong.Parse(words[0], CultureInfo.InvariantCulture),
                Minor = ulong.Parse(words[1], CultureInfo.InvariantCulture),
                Op = words.Length > 3 ? words[2] : null,
                Value = KeyedFile.Number(words[^1]),
            });
        }

        return entries.Count > 0 ? entries : null;
    }

    private static SortedDictionary<string, HugetlbStats> Hugetlb(string folder)
    {
        const string suffix = ".limit_in_bytes";
        var all = new SortedDictionary<string, HugetlbStats>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "hugetlb.*" + suffix))
        {
            string size = Path.GetFileName(file)["hugetlb.".Length..^suffix.Length];
            if (size.Contains('.', StringComparison.Ordinal))
                continue;
            string prefix = $"{folder}/hugetlb.{size}.{(File.Exists($"{folder}/hugetlb.{size}.rsvd{suffix}") ? "rsvd." : "")}";
            all[size] = new HugetlbStats
            {
                Usage = KeyedFile.Single(prefix + "usage_in_bytes"),
                Max = KeyedFile.Single(prefix + "max_usage_in_bytes"),
                Failcnt = KeyedFile.Single(prefix + "failcnt"),
            };
        }

        return all;
    }
}
