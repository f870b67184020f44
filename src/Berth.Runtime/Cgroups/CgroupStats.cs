using System.Text.Json.Serialization;

namespace Berth.Runtime.Cgroups;

/// <summary>
/// What the kernel has counted of a container, in the shape that runc's <c>events</c> prints as <c>data</c>: a field that is 0 is left out where runc
/// leaves it out. Times are nanoseconds, sizes bytes; a limit that is none is the kernel's largest number.
/// </summary>
public sealed record CgroupStats
{
    public CpuStats Cpu { get; init; } = new();
    public CpusetStats Cpuset { get; init; } = new();
    public MemoryStats Memory { get; init; } = new();
    public PidsStats Pids { get; init; } = new();
    public BlockIoStats Blkio { get; init; } = new();

    /// <summary>By page size (<c>2MB</c>).</summary>
    public SortedDictionary<string, HugetlbStats> Hugetlb { get; init; } = [];

    /// <summary>By device; runc's <c>events</c> does not print it.</summary>
    [JsonIgnore]
    public SortedDictionary<string, RdmaStats> Rdma { get; init; } = [];

    /// <summary>Always empty: Intel RDT groups are not made. Here because runc prints it.</summary>
    [JsonPropertyName("intel_rdt")]
    public IntelRdtStats IntelRdt { get; init; } = new();

    /// <summary>Always null, as runc prints it for containers whose network it did not make.</summary>
    [JsonPropertyName("network_interfaces")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<string>? NetworkInterfaces { get; init; }
}

/// <summary>Processor time.</summary>
public sealed record CpuStats
{
    public CpuUsageStats Usage { get; init; } = new();
    public ThrottlingStats Throttling { get; init; } = new();
    public PressureStats? Psi { get; init; }
}

/// <summary>Processor time that was used; per processor only on cgroup v1.</summary>
public sealed record CpuUsageStats
{
    public ulong Total { get; init; }
    public IReadOnlyList<ulong>? Percpu { get; init; }

    [JsonPropertyName("percpu_kernel")]
    public IReadOnlyList<ulong>? PercpuKernel { get; init; }

    [JsonPropertyName("percpu_user")]
    public IReadOnlyList<ulong>? PercpuUser { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong Kernel { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong User { get; init; }
}

/// <summary>Periods in which a quota of processor time was used up.</summary>
public sealed record ThrottlingStats
{
    public ulong Periods { get; init; }
    public ulong ThrottledPeriods { get; init; }
    public ulong ThrottledTime { get; init; }
}

/// <summary>cgroup v1's cpuset; flags are 0 or 1.</summary>
public sealed record CpusetStats
{
    public IReadOnlyList<ushort>? Cpus { get; init; }

    [JsonPropertyName("cpu_exclusive")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong CpuExclusive { get; init; }
    public IReadOnlyList<ushort>? Mems { get; init; }

    [JsonPropertyName("mem_hardwall")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemHardwall { get; init; }

    [JsonPropertyName("mem_exclusive")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemExclusive { get; init; }

    [JsonPropertyName("memory_migrate")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemoryMigrate { get; init; }

    [JsonPropertyName("memory_spread_page")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemorySpreadPage { get; init; }

    [JsonPropertyName("memory_spread_slab")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemorySpreadSlab { get; init; }

    [JsonPropertyName("memory_pressure")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong MemoryPressure { get; init; }

    [JsonPropertyName("sched_load_balance")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong SchedLoadBalance { get; init; }

    [JsonPropertyName("sched_relax_domain_level")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long SchedRelaxDomainLevel { get; init; }
}

/// <summary>Memory.</summary>
public sealed record MemoryStats
{
    public ulong Cache { get; init; }
    public MemoryEntryStats Usage { get; init; } = new();

    /// <summary>Memory and swap together, on v2 as well.</summary>
    public MemoryEntryStats Swap { get; init; } = new();
    public MemoryEntryStats Kernel { get; init; } = new();

    [JsonPropertyName("kernelTCP")]
    public MemoryEntryStats KernelTcp { get; init; } = new();

    /// <summary>All of the kernel's memory.stat.</summary>
    public SortedDictionary<string, ulong>? Raw { get; init; }
    public PressureStats? Psi { get; init; }
}

/// <summary>One kind of memory: its limit, what is used, the most that was, and how often the limit was met.</summary>
public sealed record MemoryEntryStats
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong Limit { get; init; }
    public ulong Usage { get; init; }
    public ulong Max { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong Failcnt { get; init; }
}

/// <summary>Tasks; a limit of 0 is none.</summary>
public sealed record PidsStats
{
    public ulong Current { get; init; }
    public ulong Limit { get; init; }
}

/// <summary>Block devices.</summary>
public sealed record BlockIoStats
{
    public IReadOnlyList<BlockIoEntry>? IoServiceBytesRecursive { get; init; }
    public IReadOnlyList<BlockIoEntry>? IoServicedRecursive { get; init; }

    [JsonPropertyName("ioQueueRecursive")]
    public IReadOnlyList<BlockIoEntry>? IoQueuedRecursive { get; init; }
    public IReadOnlyList<BlockIoEntry>? IoServiceTimeRecursive { get; init; }

    public IReadOnlyList<BlockIoEntry>? IoWaitTimeRecursive { get; init; }
    public IReadOnlyList<BlockIoEntry>? IoMergedRecursive { get; init; }

    public IReadOnlyList<BlockIoEntry>? IoTimeRecursive { get; init; }
    public IReadOnlyList<BlockIoEntry>? SectorsRecursive { get; init; }

    public PressureStats? Psi { get; init; }
}

/// <summary>A count of one device and kind of operation (<c>Read</c>, <c>Write</c>, <c>Total</c>, ...).</summary>
public sealed record BlockIoEntry
{
    public ulong Major { get; init; }
    public ulong Minor { get; init; }
    public string? Op { get; init; }

    public ulong Value { get; init; }
}

/// <summary>Huge pages of one size.</summary>
public sealed record HugetlbStats
{
    public ulong Usage { get; init; }
    public ulong Max { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ulong Failcnt { get; init; }
}

/// <summary>One RDMA device: what is used and the limits; the largest number is none.</summary>
public sealed record RdmaStats(uint HcaHandles, uint HcaObjects, uint HcaHandlesLimit, uint HcaObjectsLimit);

/// <summary>Nothing.</summary>
public sealed record IntelRdtStats;

/// <summary>How long members waited for something (kernel: accounting/psi.rst).</summary>
/// <param name="Some">At least one did.</param>
/// <param name="Full">All did at once.</param>
public sealed record PressureStats(PressureShare Some, PressureShare Full);

/// <summary>Percent of the last 10, 60 and 300 seconds, and microseconds in all.</summary>
public sealed record PressureShare(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double Avg10,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double Avg60,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double Avg300,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ulong Total)
{
    /// <summary>Nobody waited.</summary>
    public static PressureShare None { get; } = new(0, 0, 0, 0);
}

/// <summary>JSON of <see cref="CgroupStats"/> as in runc's <c>events</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(CgroupStats))]
public sealed partial class CgroupStatsJsonContext : JsonSerializerContext;
