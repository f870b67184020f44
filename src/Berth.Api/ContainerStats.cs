using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One document of <c>GET /containers/{id}/stats</c>; all zero for a container that does not run.</summary>
public sealed record ContainerStats
{
    /// <summary>When this was measured.</summary>
    [JsonPropertyName("read")]
    public string Read { get; set => field = value ?? ""; } = WireTime.Zero;

    /// <summary>When <see cref="PreviousCpu"/> was.</summary>
    [JsonPropertyName("preread")]
    public string PreviousRead { get; set => field = value ?? ""; } = WireTime.Zero;

    [JsonPropertyName("pids_stats")]
    public StatsPids Pids { get; set => field = value ?? new(); } = new();

    [JsonPropertyName("blkio_stats")]
    public StatsBlockIo BlockIo { get; set => field = value ?? new(); } = new();

    /// <summary>Always 0 on Linux.</summary>
    [JsonPropertyName("num_procs")]
    public long NumProcs { get; set; }

    /// <summary>Always empty on Linux.</summary>
    [JsonPropertyName("storage_stats")]
    public Dictionary<string, ulong> Storage { get; set => field = value ?? []; } = [];

    [JsonPropertyName("cpu_stats")]
    public StatsCpu Cpu { get; set => field = value ?? new(); } = new();

    [JsonPropertyName("precpu_stats")]
    public StatsCpu PreviousCpu { get; set => field = value ?? new(); } = new();

    [JsonPropertyName("memory_stats")]
    public StatsMemory Memory { get; set => field = value ?? new(); } = new();

    /// <summary>Traffic by interface; null for a container without networks of its own.</summary>
    [JsonPropertyName("networks"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, StatsNetwork>? Networks { get; set; }

    /// <summary>With its slash.</summary>
    [JsonPropertyName("name")]
    public string Name { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("id")]
    public string Id { get; set => field = value ?? ""; } = "";
}

/// <summary>Tasks; without a limit that is left out.</summary>
public sealed record StatsPids
{
    [JsonPropertyName("current"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong Current { get; set; }

    [JsonPropertyName("limit"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong Limit { get; set; }
}

/// <summary>Processor time in nanoseconds: the container's and, up to the same moment, all of the machine's.</summary>
public sealed record StatsCpu
{
    [JsonPropertyName("cpu_usage")]
    public StatsCpuUsage Usage { get; set => field = value ?? new(); } = new();

    [JsonPropertyName("system_cpu_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong System { get; set; }

    [JsonPropertyName("online_cpus"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public uint OnlineCpus { get; set; }

    [JsonPropertyName("throttling_data")]
    public StatsThrottling Throttling { get; set => field = value ?? new(); } = new();
}

/// <summary>A container's processor time; per processor only on cgroup v1.</summary>
public sealed record StatsCpuUsage
{
    [JsonPropertyName("total_usage")]
    public ulong Total { get; set; }

    [JsonPropertyName("percpu_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ulong>? PerCpu { get; set; }

    [JsonPropertyName("usage_in_kernelmode")]
    public ulong Kernel { get; set; }

    [JsonPropertyName("usage_in_usermode")]
    public ulong User { get; set; }
}

/// <summary>Periods in which a quota was used up, and the nanoseconds lost by that.</summary>
public sealed record StatsThrottling
{
    [JsonPropertyName("periods")]
    public ulong Periods { get; set; }

    [JsonPropertyName("throttled_periods")]
    public ulong ThrottledPeriods { get; set; }

    [JsonPropertyName("throttled_time")]
    public ulong ThrottledTime { get; set; }
}

/// <summary>Bytes of memory; the limit is the machine's memory where there is none of the container's own.</summary>
public sealed record StatsMemory
{
    [JsonPropertyName("usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong Usage { get; set; }

    [JsonPropertyName("max_usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong MaxUsage { get; set; }

    /// <summary>The kernel's memory.stat.</summary>
    [JsonPropertyName("stats"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, ulong>? Stats { get; set; }

    [JsonPropertyName("failcnt"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong FailCount { get; set; }

    [JsonPropertyName("limit"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ulong Limit { get; set; }
}

/// <summary>Block devices; null for a container that does not run.</summary>
public sealed record StatsBlockIo
{
    [JsonPropertyName("io_service_bytes_recursive")]
    public List<StatsBlockIoEntry>? ServiceBytes { get; set; }

    [JsonPropertyName("io_serviced_recursive")]
    public List<StatsBlockIoEntry>? Serviced { get; set; }

    [JsonPropertyName("io_queue_recursive")]
    public List<StatsBlockIoEntry>? Queued { get; set; }

    [JsonPropertyName("io_service_time_recursive")]
    public List<StatsBlockIoEntry>? ServiceTime { get; set; }

    [JsonPropertyName("io_wait_time_recursive")]
    public List<StatsBlockIoEntry>? WaitTime { get; set; }

    [JsonPropertyName("io_merged_recursive")]
    public List<StatsBlockIoEntry>? Merged { get; set; }

    [JsonPropertyName("io_time_recursive")]
    public List<StatsBlockIoEntry>? Time { get; set; }

    [JsonPropertyName("sectors_recursive")]
    public List<StatsBlockIoEntry>? Sectors { get; set; }
}

/// <summary>A count of one device and kind of operation.</summary>
public sealed record StatsBlockIoEntry
{
    [JsonPropertyName("major")]
    public ulong Major { get; set; }

    [JsonPropertyName("minor")]
    public ulong Minor { get; set; }

    [JsonPropertyName("op")]
    public string Op { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("value")]
    public ulong Value { get; set; }
}

/// <summary>Traffic of one interface, as the container sees it.</summary>
public sealed record StatsNetwork
{
    [JsonPropertyName("rx_bytes")]
    public ulong ReceivedBytes { get; set; }

    [JsonPropertyName("rx_packets")]
    public ulong ReceivedPackets { get; set; }

    [JsonPropertyName("rx_errors")]
    public ulong ReceiveErrors { get; set; }

    [JsonPropertyName("rx_dropped")]
    public ulong ReceiveDropped { get; set; }

    [JsonPropertyName("tx_bytes")]
    public ulong SentBytes { get; set; }

    [JsonPropertyName("tx_packets")]
    public ulong SentPackets { get; set; }

    [JsonPropertyName("tx_errors")]
    public ulong SendErrors { get; set; }

    [JsonPropertyName("tx_dropped")]
    public ulong SendDropped { get; set; }
}
