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

/// <summary>Answer of <c>GET /berth/networks/diagnosis</c>, which is Berth's own.</summary>
public sealed record NetworkDiagnosisAnswer
{
    /// <summary>Whether the host sends packets on from one link to another.</summary>
    public bool IPv4Forwarding { get; set; }
    public bool IPv6Forwarding { get; set; }

    /// <summary>The table with Berth's rules: <c>nft list table</c> and this.</summary>
    public string Table { get; set => field = value ?? ""; } = "";

    /// <summary>What stands out, problems first.</summary>
    public List<NetworkFinding> Findings { get; set => field = value ?? []; } = [];
    public List<DiagnosedNetwork> Networks { get; set => field = value ?? []; } = [];

    /// <summary>What can be reached from outside of the networks.</summary>
    public List<NetworkExposure> Reachable { get; set => field = value ?? []; } = [];
}

/// <summary>Something that the owner of a host should know.</summary>
public sealed record NetworkFinding
{
    /// <summary><c>problem</c>: packets that should pass do not; <c>note</c>: it may surprise.</summary>
    public string Level { get; set => field = value ?? ""; } = "";
    public string Text { get; set => field = value ?? ""; } = "";

    /// <summary>What to do; may be empty.</summary>
    public string Advice { get; set => field = value ?? ""; } = "";
}

/// <summary>How one network is reached.</summary>
public sealed record DiagnosedNetwork
{
    public string Name { get; set => field = value ?? ""; } = "";
    public string Driver { get; set => field = value ?? ""; } = "";
    public List<string> Subnets { get; set => field = value ?? []; } = [];

    /// <summary>What comes in and goes out, in words.</summary>
    public string Reach { get; set => field = value ?? ""; } = "";
}

/// <summary>Something of a container that others than those of its network can reach.</summary>
public sealed record NetworkExposure
{
    public string ContainerId { get; set => field = value ?? ""; } = "";
    public string Container { get; set => field = value ?? ""; } = "";
    public string Network { get; set => field = value ?? ""; } = "";
    public string From { get; set => field = value ?? ""; } = "";
    public string To { get; set => field = value ?? ""; } = "";

    /// <summary>What lets it pass.</summary>
    public string By { get; set => field = value ?? ""; } = "";

    /// <summary>Whether it is an address that only the host itself has.</summary>
    public bool HostOnly { get; set; }
}
