using System.Text.Json.Serialization;

namespace Berth.Model.Oci.Runtime;

/// <summary>Cgroup limits (config-linux.md, "Control groups"). What is null stays as the kernel has it, or as it was before an update.</summary>
public sealed record ResourcesSpec
{
    public IReadOnlyList<DeviceRuleSpec>? Devices { get; init; }
    public MemorySpec? Memory { get; init; }
    public CpuSpec? Cpu { get; init; }
    public PidsSpec? Pids { get; init; }

    [JsonPropertyName("blockIO")]
    public BlockIoSpec? BlockIo { get; init; }

    public IReadOnlyList<HugepageLimitSpec>? HugepageLimits { get; init; }
    public NetworkClassSpec? Network { get; init; }
    public Dictionary<string, RdmaSpec>? Rdma { get; init; }

    /// <summary>File names of cgroup v2 and what to write to them.</summary>
    public Dictionary<string, string>? Unified { get; init; }
}

/// <summary>One rule of the device allow list, applied in order; null major or minor is any.</summary>
public sealed record DeviceRuleSpec
{
    public bool Allow { get; init; }
    public string? Type { get; init; }
    public long? Major { get; init; }
    public long? Minor { get; init; }
    public string? Access { get; init; }
}

/// <summary>Memory limits in bytes; -1 is none. <see cref="Swap"/> is memory and swap together.</summary>
public sealed record MemorySpec
{
    public long? Limit { get; init; }
    public long? Reservation { get; init; }
    public long? Swap { get; init; }
    public long? Kernel { get; init; }

    [JsonPropertyName("kernelTCP")]
    public long? KernelTcp { get; init; }

    public ulong? Swappiness { get; init; }

    [JsonPropertyName("disableOOMKiller")]
    public bool? DisableOomKiller { get; init; }

    public bool? UseHierarchy { get; init; }
    public bool? CheckBeforeUpdate { get; init; }
}

/// <summary>CPU limits; times in microseconds, cpus and mems as lists (<c>0-3,7</c>).</summary>
public sealed record CpuSpec
{
    public ulong? Shares { get; init; }
    public long? Quota { get; init; }
    public ulong? Burst { get; init; }
    public ulong? Period { get; init; }
    public long? RealtimeRuntime { get; init; }
    public ulong? RealtimePeriod { get; init; }
    public string? Cpus { get; init; }
    public string? Mems { get; init; }
    public long? Idle { get; init; }
}

/// <summary>The most tasks the container may have; 0 or less is no limit.</summary>
public sealed record PidsSpec(long Limit);

/// <summary>Weights (10 to 1000) and rates of block devices.</summary>
public sealed record BlockIoSpec
{
    public ushort? Weight { get; init; }
    public ushort? LeafWeight { get; init; }
    public IReadOnlyList<WeightDeviceSpec>? WeightDevice { get; init; }
    public IReadOnlyList<ThrottleDeviceSpec>? ThrottleReadBpsDevice { get; init; }
    public IReadOnlyList<ThrottleDeviceSpec>? ThrottleWriteBpsDevice { get; init; }

    [JsonPropertyName("throttleReadIOPSDevice")]
    public IReadOnlyList<ThrottleDeviceSpec>? ThrottleReadIopsDevice { get; init; }

    [JsonPropertyName("throttleWriteIOPSDevice")]
    public IReadOnlyList<ThrottleDeviceSpec>? ThrottleWriteIopsDevice { get; init; }
}

/// <summary>The weight of one device.</summary>
public sealed record WeightDeviceSpec
{
    public long Major { get; init; }
    public long Minor { get; init; }
    public ushort? Weight { get; init; }
    public ushort? LeafWeight { get; init; }
}

/// <summary>A limit of one device, in bytes or operations a second.</summary>
public sealed record ThrottleDeviceSpec(long Major, long Minor, ulong Rate);

/// <summary>The most bytes in huge pages of one size (<c>2MB</c>, <c>1GB</c>).</summary>
public sealed record HugepageLimitSpec(string PageSize, ulong Limit);

/// <summary>The class id of outgoing packets, and their priority by interface (cgroup v1).</summary>
public sealed record NetworkClassSpec
{
    [JsonPropertyName("classID")]
    public uint? ClassId { get; init; }

    public IReadOnlyList<InterfacePrioritySpec>? Priorities { get; init; }
}

/// <summary>The priority of packets that leave by one interface.</summary>
public sealed record InterfacePrioritySpec(string Name, uint Priority);

/// <summary>Limits of one RDMA device; null is none.</summary>
public sealed record RdmaSpec
{
    public uint? HcaHandles { get; init; }
    public uint? HcaObjects { get; init; }
}
