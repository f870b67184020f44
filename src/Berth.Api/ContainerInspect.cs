using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>Answer of <c>GET /containers/{id}/json</c>. Times are RFC 3339 with nanoseconds (see <see cref="WireTime"/>).</summary>
public sealed record ContainerInspect
{
    public string Id { get; set => field = value ?? ""; } = "";
    public string Created { get; set => field = value ?? ""; } = "";
    public string Path { get; set => field = value ?? ""; } = "";
    public List<string>? Args { get; set; }
    public ContainerState? State { get; set; }
    public string Image { get; set => field = value ?? ""; } = "";
    public string ResolvConfPath { get; set => field = value ?? ""; } = "";
    public string HostnamePath { get; set => field = value ?? ""; } = "";
    public string HostsPath { get; set => field = value ?? ""; } = "";
    public string LogPath { get; set => field = value ?? ""; } = "";

    /// <summary>With a leading slash.</summary>
    public string Name { get; set => field = value ?? ""; } = "";

    public int RestartCount { get; set; }
    public string Driver { get; set => field = value ?? ""; } = "";
    public string Platform { get; set => field = value ?? ""; } = "";
    public string MountLabel { get; set => field = value ?? ""; } = "";
    public string ProcessLabel { get; set => field = value ?? ""; } = "";
    public string AppArmorProfile { get; set => field = value ?? ""; } = "";

    /// <summary>Null when there are none.</summary>
    public List<string>? ExecIDs { get; set; }

    public HostConfig? HostConfig { get; set; }
    public DriverData? GraphDriver { get; set; }

    /// <summary>Bytes; only with <c>size=1</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRw { get; set; }

    /// <summary>Bytes; only with <c>size=1</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRootFs { get; set; }

    public List<MountPoint> Mounts { get; set => field = value ?? []; } = [];
    public ContainerConfig? Config { get; set; }
    public NetworkSettings? NetworkSettings { get; set; }
}

/// <summary>Where a container is in its life.</summary>
public sealed record ContainerState
{
    /// <summary><c>created</c>, <c>running</c>, <c>paused</c>, <c>restarting</c>, <c>removing</c>, <c>exited</c> or <c>dead</c>.</summary>
    public string Status { get; set => field = value ?? ""; } = "";

    public bool Running { get; set; }
    public bool Paused { get; set; }
    public bool Restarting { get; set; }
    public bool OOMKilled { get; set; }
    public bool Dead { get; set; }
    public int Pid { get; set; }
    public int ExitCode { get; set; }
    public string Error { get; set => field = value ?? ""; } = "";
    public string StartedAt { get; set => field = value ?? WireTime.Zero; } = WireTime.Zero;
    public string FinishedAt { get; set => field = value ?? WireTime.Zero; } = WireTime.Zero;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HealthState? Health { get; set; }
}

/// <summary>What the health probe found so far.</summary>
public sealed record HealthState
{
    public string Status { get; set => field = value ?? ""; } = "";
    public int FailingStreak { get; set; }
    public List<HealthResult>? Log { get; set; }
}

/// <summary>One run of the health probe.</summary>
public sealed record HealthResult
{
    public string Start { get; set => field = value ?? ""; } = "";
    public string End { get; set => field = value ?? ""; } = "";
    public int ExitCode { get; set; }
    public string Output { get; set => field = value ?? ""; } = "";
}

/// <summary>What a snapshot driver tells about a root file system; data is null or empty when it tells nothing.</summary>
public sealed record DriverData
{
    public Dictionary<string, string>? Data { get; set; }
    public string Name { get; set => field = value ?? ""; } = "";
}

/// <summary>A mount of a container as it is.</summary>
public sealed record MountPoint
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; set; }

    public string Source { get; set => field = value ?? ""; } = "";
    public string Destination { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Driver { get; set; }

    public string Mode { get; set => field = value ?? ""; } = "";
    public bool RW { get; set; }
    public string Propagation { get; set => field = value ?? ""; } = "";
}

/// <summary>A container's networking as it is; the address members repeat those of the default bridge, if the container is in it.</summary>
public sealed record NetworkSettings
{
    public string Bridge { get; set => field = value ?? ""; } = "";
    public string SandboxID { get; set => field = value ?? ""; } = "";
    public string SandboxKey { get; set => field = value ?? ""; } = "";
    public Dictionary<string, List<PortBinding>?>? Ports { get; set; } = [];
    public bool HairpinMode { get; set; }
    public string LinkLocalIPv6Address { get; set => field = value ?? ""; } = "";
    public int LinkLocalIPv6PrefixLen { get; set; }
    public List<AddressInfo>? SecondaryIPAddresses { get; set; }
    public List<AddressInfo>? SecondaryIPv6Addresses { get; set; }
    public string EndpointID { get; set => field = value ?? ""; } = "";
    public string Gateway { get; set => field = value ?? ""; } = "";
    public string GlobalIPv6Address { get; set => field = value ?? ""; } = "";
    public int GlobalIPv6PrefixLen { get; set; }
    public string IPAddress { get; set => field = value ?? ""; } = "";
    public int IPPrefixLen { get; set; }
    public string IPv6Gateway { get; set => field = value ?? ""; } = "";
    public string MacAddress { get; set => field = value ?? ""; } = "";
    public Dictionary<string, EndpointSettings?>? Networks { get; set; }
}

/// <summary>An address with its prefix length in bits.</summary>
public sealed record AddressInfo
{
    public string Addr { get; set => field = value ?? ""; } = "";
    public int PrefixLen { get; set; }
}

/// <summary>One container of <c>GET /containers/json</c>.</summary>
public sealed record ContainerSummary
{
    public string Id { get; set => field = value ?? ""; } = "";

    /// <summary>With leading slashes.</summary>
    public List<string> Names { get; set => field = value ?? []; } = [];

    public string Image { get; set => field = value ?? ""; } = "";
    public string ImageID { get; set => field = value ?? ""; } = "";
    public string Command { get; set => field = value ?? ""; } = "";

    /// <summary>Seconds since 1970.</summary>
    public long Created { get; set; }

    public List<PortSummary> Ports { get; set => field = value ?? []; } = [];

    /// <summary>Bytes; only with <c>size=1</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long SizeRw { get; set; }

    /// <summary>Bytes; only with <c>size=1</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long SizeRootFs { get; set; }

    public Dictionary<string, string> Labels { get; set => field = value ?? []; } = [];
    public string State { get; set => field = value ?? ""; } = "";

    /// <summary>The state in words, such as <c>Up 3 minutes</c>.</summary>
    public string Status { get; set => field = value ?? ""; } = "";

    public ContainerSummaryHostConfig HostConfig { get; set => field = value ?? new ContainerSummaryHostConfig(); } = new();
    public ContainerSummaryNetworks? NetworkSettings { get; set; }
    public List<MountPoint> Mounts { get; set => field = value ?? []; } = [];
}

/// <summary>A published or exposed port in a list of containers.</summary>
public sealed record PortSummary
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IP { get; set; }

    public ushort PrivatePort { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ushort PublicPort { get; set; }

    public string Type { get; set => field = value ?? ""; } = "";
}

/// <summary>The part of a host configuration that lists show.</summary>
public sealed record ContainerSummaryHostConfig
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? NetworkMode { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Annotations { get; set; }
}

/// <summary>The networks of a container in a list.</summary>
public sealed record ContainerSummaryNetworks
{
    public Dictionary<string, EndpointSettings?> Networks { get; set => field = value ?? []; } = [];
}
