using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>
/// Answer of <c>GET /networks/{id}</c>, and one network of <c>GET /networks</c>, where <see cref="Containers"/> stays empty (API 1.28 on).
/// A null list or map is written as <c>null</c>, an empty one as such, as Go does.
/// </summary>
public sealed record NetworkInspect
{
    public string Name { get; set => field = value ?? ""; } = "";
    public string Id { get; set => field = value ?? ""; } = "";

    /// <summary>RFC 3339 with nanoseconds (see <see cref="WireTime"/>).</summary>
    public string Created { get; set => field = value ?? WireTime.Zero; } = WireTime.Zero;

    /// <summary><c>local</c>, <c>swarm</c> or <c>global</c>.</summary>
    public string Scope { get; set => field = value ?? ""; } = "";

    public string Driver { get; set => field = value ?? ""; } = "";
    public bool EnableIPv4 { get; set; }
    public bool EnableIPv6 { get; set; }
    public NetworkIpam IPAM { get; set => field = value ?? new NetworkIpam(); } = new();
    public bool Internal { get; set; }
    public bool Attachable { get; set; }
    public bool Ingress { get; set; }
    public NetworkConfigReference ConfigFrom { get; set => field = value ?? new NetworkConfigReference(); } = new();
    public bool ConfigOnly { get; set; }

    /// <summary>By the container's id; <c>ep-</c> and the endpoint's id where no container is known for an endpoint.</summary>
    public Dictionary<string, NetworkEndpoint>? Containers { get; set; } = [];

    public Dictionary<string, string>? Options { get; set; } = [];
    public Dictionary<string, string>? Labels { get; set; } = [];

    /// <summary>Members that the API of this version does not know or that are a swarm's alone, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Where a network's addresses come from.</summary>
public sealed record NetworkIpam
{
    public string Driver { get; set => field = value ?? ""; } = "";
    public Dictionary<string, string>? Options { get; set; }

    /// <summary>One for each address range; null and empty mean that the engine chooses.</summary>
    public List<NetworkIpamConfig>? Config { get; set; }
}

/// <summary>One address range of a network; addresses as text, ranges as <c>address/bits</c>.</summary>
public sealed record NetworkIpamConfig
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Subnet { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IPRange { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Gateway { get; set; }

    /// <summary>Addresses that containers never get, by a name for each.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? AuxiliaryAddresses { get; set; }
}

/// <summary>The network that another one has its configuration from; empty for none.</summary>
public sealed record NetworkConfigReference
{
    public string Network { get; set => field = value ?? ""; } = "";
}

/// <summary>One container in a network's inspect answer; addresses as <c>address/bits</c>, empty where there are none.</summary>
public sealed record NetworkEndpoint
{
    public string Name { get; set => field = value ?? ""; } = "";
    public string EndpointID { get; set => field = value ?? ""; } = "";
    public string MacAddress { get; set => field = value ?? ""; } = "";
    public string IPv4Address { get; set => field = value ?? ""; } = "";
    public string IPv6Address { get; set => field = value ?? ""; } = "";
}

/// <summary><c>POST /networks/create</c>.</summary>
public sealed record NetworkCreateRequest
{
    /// <summary>What clients before API 1.44 asked for; without a meaning since.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? CheckDuplicate { get; set; }

    public string Driver { get; set => field = value ?? ""; } = "";
    public string Scope { get; set => field = value ?? ""; } = "";

    /// <summary>Null for the engine's default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? EnableIPv4 { get; set; }

    /// <summary>Null for the engine's default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? EnableIPv6 { get; set; }

    public NetworkIpam? IPAM { get; set; }
    public bool Internal { get; set; }
    public bool Attachable { get; set; }
    public bool Ingress { get; set; }
    public bool ConfigOnly { get; set; }
    public NetworkConfigReference? ConfigFrom { get; set; }
    public Dictionary<string, string>? Options { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public string Name { get; set => field = value ?? ""; } = "";

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Answer 201 of <c>POST /networks/create</c>.</summary>
public sealed record NetworkCreateResponse
{
    public string Id { get; set => field = value ?? ""; } = "";

    /// <summary>Empty when there is nothing to say.</summary>
    public string Warning { get; set => field = value ?? ""; } = "";
}

/// <summary><c>POST /networks/{id}/connect</c>.</summary>
public sealed record NetworkConnectRequest
{
    /// <summary>Id or name.</summary>
    public string Container { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EndpointSettings? EndpointConfig { get; set; }

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary><c>POST /networks/{id}/disconnect</c>.</summary>
public sealed record NetworkDisconnectRequest
{
    /// <summary>Id or name.</summary>
    public string Container { get; set => field = value ?? ""; } = "";

    public bool Force { get; set; }

    /// <summary>Members that the API of this version does not know, as they came.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Answer of <c>POST /networks/prune</c>.</summary>
public sealed record NetworksPruneResponse
{
    /// <summary>Names; null when there are none.</summary>
    public List<string>? NetworksDeleted { get; set; }
}
