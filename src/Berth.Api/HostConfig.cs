using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>
/// How a container uses its host (Engine API, HostConfig with its Resources): the same record in create requests and inspect answers.
/// A null list is written as <c>null</c>, an empty one as <c>[]</c>, as Go does; members that Go declares <c>omitempty</c> are absent when null or zero.
/// </summary>
public sealed record HostConfig
{
    public List<string>? Binds { get; set; }
    public string ContainerIDFile { get; set => field = value ?? ""; } = "";
    public LogConfig LogConfig { get; set => field = value ?? new LogConfig(); } = new();
    public string NetworkMode { get; set => field = value ?? ""; } = "";
    public Dictionary<string, List<PortBinding>?>? PortBindings { get; set; }
    public RestartPolicy RestartPolicy { get; set => field = value ?? new RestartPolicy(); } = new();
    public bool AutoRemove { get; set; }
    public string VolumeDriver { get; set => field = value ?? ""; } = "";
    public List<string>? VolumesFrom { get; set; }

    /// <summary>Rows and columns of the client's terminal.</summary>
    public List<uint> ConsoleSize { get; set => field = value ?? [0, 0]; } = [0, 0];

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Annotations { get; set; }

    [JsonConverter(typeof(StringOrListConverter))]
    public List<string>? CapAdd { get; set; }

    [JsonConverter(typeof(StringOrListConverter))]
    public List<string>? CapDrop { get; set; }

    public string CgroupnsMode { get; set => field = value ?? ""; } = "";
    public List<string>? Dns { get; set; }
    public List<string>? DnsOptions { get; set; }
    public List<string>? DnsSearch { get; set; }
    public List<string>? ExtraHosts { get; set; }
    public List<string>? GroupAdd { get; set; }
    public string IpcMode { get; set => field = value ?? ""; } = "";
    public string Cgroup { get; set => field = value ?? ""; } = "";
    public List<string>? Links { get; set; }
    public int OomScoreAdj { get; set; }
    public string PidMode { get; set => field = value ?? ""; } = "";
    public bool Privileged { get; set; }
    public bool PublishAllPorts { get; set; }
    public bool ReadonlyRootfs { get; set; }
    public List<string>? SecurityOpt { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? StorageOpt { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Tmpfs { get; set; }

    [JsonPropertyName("UTSMode")]
    public string UtsMode { get; set => field = value ?? ""; } = "";

    public string UsernsMode { get; set => field = value ?? ""; } = "";

    /// <summary>Bytes of <c>/dev/shm</c>; zero for the default.</summary>
    public long ShmSize { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Sysctls { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Runtime { get; set; }

    public string Isolation { get; set => field = value ?? ""; } = "";

    public long CpuShares { get; set; }

    /// <summary>Bytes; zero for no limit.</summary>
    public long Memory { get; set; }

    /// <summary>Thousand-millionths of a CPU.</summary>
    public long NanoCpus { get; set; }

    public string CgroupParent { get; set => field = value ?? ""; } = "";
    public ushort BlkioWeight { get; set; }
    public List<WeightDevice>? BlkioWeightDevice { get; set; }
    public List<ThrottleDevice>? BlkioDeviceReadBps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceWriteBps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceReadIOps { get; set; }
    public List<ThrottleDevice>? BlkioDeviceWriteIOps { get; set; }

    /// <summary>Microseconds.</summary>
    public long CpuPeriod { get; set; }

    /// <summary>Microseconds in each period.</summary>
    public long CpuQuota { get; set; }

    public long CpuRealtimePeriod { get; set; }
    public long CpuRealtimeRuntime { get; set; }
    public string CpusetCpus { get; set => field = value ?? ""; } = "";
    public string CpusetMems { get; set => field = value ?? ""; } = "";
    public List<DeviceMapping>? Devices { get; set; }
    public List<string>? DeviceCgroupRules { get; set; }
    public List<DeviceRequest>? DeviceRequests { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long KernelMemory { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long KernelMemoryTCP { get; set; }

    public long MemoryReservation { get; set; }
    public long MemorySwap { get; set; }
    public long? MemorySwappiness { get; set; }
    public bool? OomKillDisable { get; set; }
    public long? PidsLimit { get; set; }
    public List<Ulimit>? Ulimits { get; set; }
    public long CpuCount { get; set; }
    public long CpuPercent { get; set; }
    public ulong IOMaximumIOps { get; set; }
    public ulong IOMaximumBandwidth { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<MountSpec>? Mounts { get; set; }

    /// <summary>Null for the daemon's default set, empty for none.</summary>
    public List<string>? MaskedPaths { get; set; }

    /// <summary>Null for the daemon's default set, empty for none.</summary>
    public List<string>? ReadonlyPaths { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Init { get; set; }

    /// <summary>Members of a request that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Which driver keeps a container's log.</summary>
public sealed record LogConfig
{
    public string Type { get; set => field = value ?? ""; } = "";
    public Dictionary<string, string>? Config { get; set; }
}

/// <summary>What happens when a container ends: name <c>no</c>, <c>always</c>, <c>unless-stopped</c> or <c>on-failure</c>.</summary>
public sealed record RestartPolicy
{
    public string Name { get; set => field = value ?? ""; } = "";
    public int MaximumRetryCount { get; set; }
}

/// <summary>A host address that a container's port is published on; an empty port is chosen by the daemon.</summary>
public sealed record PortBinding
{
    public string HostIp { get; set => field = value ?? ""; } = "";
    public string HostPort { get; set => field = value ?? ""; } = "";
}

/// <summary>A device's share of block I/O.</summary>
public sealed record WeightDevice
{
    public string Path { get; set => field = value ?? ""; } = "";
    public ushort Weight { get; set; }
}

/// <summary>A device's limit in bytes or operations per second.</summary>
public sealed record ThrottleDevice
{
    public string Path { get; set => field = value ?? ""; } = "";
    public ulong Rate { get; set; }
}

/// <summary>A host device made visible in a container.</summary>
public sealed record DeviceMapping
{
    public string PathOnHost { get; set => field = value ?? ""; } = "";
    public string PathInContainer { get; set => field = value ?? ""; } = "";
    public string CgroupPermissions { get; set => field = value ?? ""; } = "";
}

/// <summary>A request for devices by driver or capability, such as GPUs.</summary>
public sealed record DeviceRequest
{
    public string Driver { get; set => field = value ?? ""; } = "";
    public int Count { get; set; }
    public List<string>? DeviceIDs { get; set; }
    public List<List<string>>? Capabilities { get; set; }
    public Dictionary<string, string>? Options { get; set; }
}

/// <summary>A resource limit of a process, by setrlimit(2)'s name in lower case without prefix.</summary>
public sealed record Ulimit
{
    public string Name { get; set => field = value ?? ""; } = "";
    public long Hard { get; set; }
    public long Soft { get; set; }
}

/// <summary>A mount in the long form of <c>--mount</c>; options of its kinds are kept as they came.</summary>
public sealed record MountSpec
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Source { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Target { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ReadOnly { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Consistency { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BindOptions? BindOptions { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? VolumeOptions { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? ImageOptions { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? TmpfsOptions { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? ClusterOptions { get; set; }
}
