using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary><c>POST /containers/create</c>; the name and the platform travel in the query.</summary>
public sealed record ContainerCreateRequest : ContainerConfig
{
    public HostConfig? HostConfig { get; set; }
    public NetworkingConfig? NetworkingConfig { get; set; }
}

/// <summary>Answer 201 of <c>POST /containers/create</c>; <see cref="Warnings"/> is never null on the wire.</summary>
public sealed record ContainerCreateResponse
{
    public string Id { get; set => field = value ?? ""; } = "";
    public List<string> Warnings { get; set => field = value ?? []; } = [];
}

/// <summary>The networks a container is created in, by name.</summary>
public sealed record NetworkingConfig
{
    public Dictionary<string, EndpointSettings?>? EndpointsConfig { get; set; }

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A container's end in a network, asked for or as it is.</summary>
public sealed record EndpointSettings
{
    public EndpointIpamConfig? IPAMConfig { get; set; }
    public List<string>? Links { get; set; }
    public List<string>? Aliases { get; set; }
    public string MacAddress { get; set => field = value ?? ""; } = "";
    public Dictionary<string, string>? DriverOpts { get; set; }
    public int GwPriority { get; set; }
    public string NetworkID { get; set => field = value ?? ""; } = "";
    public string EndpointID { get; set => field = value ?? ""; } = "";
    public string Gateway { get; set => field = value ?? ""; } = "";
    public string IPAddress { get; set => field = value ?? ""; } = "";
    public int IPPrefixLen { get; set; }
    public string IPv6Gateway { get; set => field = value ?? ""; } = "";
    public string GlobalIPv6Address { get; set => field = value ?? ""; } = "";
    public int GlobalIPv6PrefixLen { get; set; }
    public List<string>? DNSNames { get; set; }
}

/// <summary>Addresses asked for in a network.</summary>
public sealed record EndpointIpamConfig
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IPv4Address { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IPv6Address { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? LinkLocalIPs { get; set; }
}

/// <summary>Answer of <c>POST /containers/{id}/wait</c>.</summary>
public sealed record ContainerWaitResponse
{
    /// <summary>Why the container could not be started; absent when it ended by itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ContainerWaitError? Error { get; set; }

    public long StatusCode { get; set; }
}

/// <summary>Why a wait failed.</summary>
public sealed record ContainerWaitError
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; set; }
}

/// <summary>Answer of <c>GET /containers/{id}/top</c>: a table of ps(1).</summary>
public sealed record ContainerTopResponse
{
    public List<List<string>>? Processes { get; set; }
    public List<string>? Titles { get; set; }
}

/// <summary>Answer of <c>POST /containers/{id}/update</c>.</summary>
public sealed record ContainerUpdateResponse
{
    /// <summary>Null when there are none.</summary>
    public List<string>? Warnings { get; set; }
}

/// <summary>Answer of <c>POST /containers/prune</c>.</summary>
public sealed record ContainerPruneResponse
{
    /// <summary>Ids; null when there are none.</summary>
    public List<string>? ContainersDeleted { get; set; }

    /// <summary>Bytes.</summary>
    public long SpaceReclaimed { get; set; }
}

/// <summary><c>POST /containers/{id}/exec</c>.</summary>
public sealed record ExecCreateRequest
{
    public string User { get; set => field = value ?? ""; } = "";
    public bool Privileged { get; set; }
    public bool Tty { get; set; }

    /// <summary>Rows and columns of the client's terminal.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<uint>? ConsoleSize { get; set; }

    public bool AttachStdin { get; set; }
    public bool AttachStderr { get; set; }
    public bool AttachStdout { get; set; }
    public bool Detach { get; set; }
    public string DetachKeys { get; set => field = value ?? ""; } = "";
    public List<string>? Env { get; set; }
    public string WorkingDir { get; set => field = value ?? ""; } = "";

    [JsonConverter(typeof(StringOrListConverter))]
    public List<string>? Cmd { get; set; }

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>An answer that is only an id, such as 201 of <c>POST /containers/{id}/exec</c>.</summary>
public sealed record IdResponse
{
    public string Id { get; set => field = value ?? ""; } = "";
}

/// <summary><c>POST /exec/{id}/start</c>.</summary>
public sealed record ExecStartRequest
{
    public bool Detach { get; set; }
    public bool Tty { get; set; }

    /// <summary>Rows and columns of the client's terminal.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<uint>? ConsoleSize { get; set; }

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Answer of <c>GET /exec/{id}/json</c>.</summary>
public sealed record ExecInspect
{
    public string ID { get; set => field = value ?? ""; } = "";
    public bool Running { get; set; }

    /// <summary>Null until the session has ended.</summary>
    public int? ExitCode { get; set; }

    public ExecProcessConfig ProcessConfig { get; set => field = value ?? new ExecProcessConfig(); } = new();
    public bool OpenStdin { get; set; }
    public bool OpenStderr { get; set; }
    public bool OpenStdout { get; set; }
    public bool CanRemove { get; set; }
    public string ContainerID { get; set => field = value ?? ""; } = "";

    /// <summary>The keys' bytes in base64, as Go writes a byte slice.</summary>
    public string DetachKeys { get; set => field = value ?? ""; } = "";

    public int Pid { get; set; }
}

/// <summary>The process of an exec session.</summary>
public sealed record ExecProcessConfig
{
    [JsonPropertyName("tty")]
    public bool Tty { get; set; }

    [JsonPropertyName("entrypoint")]
    public string Entrypoint { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("arguments")]
    public List<string>? Arguments { get; set; }

    [JsonPropertyName("privileged")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Privileged { get; set; }

    [JsonPropertyName("user")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? User { get; set; }
}
