using System.Text.Json.Serialization;

namespace Berth.Model.Oci.Runtime;

/// <summary>The Linux part of the configuration (config-linux.md).</summary>
public sealed record LinuxSpec
{
    public IReadOnlyList<NamespaceSpec>? Namespaces { get; init; }
    public IReadOnlyList<IdMappingSpec>? UidMappings { get; init; }
    public IReadOnlyList<IdMappingSpec>? GidMappings { get; init; }
    public Dictionary<string, TimeOffsetSpec>? TimeOffsets { get; init; }
    public IReadOnlyList<DeviceSpec>? Devices { get; init; }
    public string? CgroupsPath { get; init; }
    public ResourcesSpec? Resources { get; init; }
    public IntelRdtSpec? IntelRdt { get; init; }
    public SeccompSpec? Seccomp { get; init; }
    public string? RootfsPropagation { get; init; }
    public IReadOnlyList<string>? MaskedPaths { get; init; }
    public IReadOnlyList<string>? ReadonlyPaths { get; init; }
    public string? MountLabel { get; init; }
    public Dictionary<string, string>? Sysctl { get; init; }
    public PersonalitySpec? Personality { get; init; }
}

/// <summary>A namespace to create (no path) or join; types are <c>pid network mount ipc uts user cgroup time</c>.</summary>
public sealed record NamespaceSpec(string Type, string? Path = null);

/// <summary>A range of ids: <see cref="Size"/> of them, from <see cref="ContainerId"/> inside and <see cref="HostId"/> outside (user_namespaces(7)).</summary>
public sealed record IdMappingSpec
{
    [JsonPropertyName("containerID")]
    public uint ContainerId { get; init; }

    [JsonPropertyName("hostID")]
    public uint HostId { get; init; }

    public uint Size { get; init; }
}

/// <summary>How far a clock of a new time namespace is from the host's (time_namespaces(7)); clocks are <c>monotonic</c> and <c>boottime</c>.</summary>
public sealed record TimeOffsetSpec
{
    public long Secs { get; init; }
    public uint Nanosecs { get; init; }
}

/// <summary>A device node to create in the container.</summary>
public sealed record DeviceSpec
{
    public required string Type { get; init; }
    public required string Path { get; init; }
    public long? Major { get; init; }
    public long? Minor { get; init; }
    public uint? FileMode { get; init; }
    public uint? Uid { get; init; }
    public uint? Gid { get; init; }
}

/// <summary>Class of service and monitoring of a processor's cache and memory bandwidth (resctrl).</summary>
public sealed record IntelRdtSpec
{
    [JsonPropertyName("closID")]
    public string? ClosId { get; init; }

    public string? L3CacheSchema { get; init; }
    public string? MemBwSchema { get; init; }

    [JsonPropertyName("enableCMT")]
    public bool EnableCmt { get; init; }

    [JsonPropertyName("enableMBM")]
    public bool EnableMbm { get; init; }
}

/// <summary>personality(2): the domain is <c>LINUX</c> or <c>LINUX32</c>; no flags are defined yet.</summary>
public sealed record PersonalitySpec
{
    public string Domain { get; init; } = "";
    public IReadOnlyList<string>? Flags { get; init; }
}
