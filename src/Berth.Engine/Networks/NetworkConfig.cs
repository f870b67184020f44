using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>What was asked of a network.</summary>
public sealed record NetworkConfig
{
    public required string Name { get; init; }

    /// <summary><c>bridge</c>, <c>macvlan</c>, <c>ipvlan</c>, <c>host</c> or <c>null</c>, or a plugin's name; empty is <c>bridge</c>.</summary>
    public string Driver { get; init; } = "";
    public bool EnableIPv4 { get; init; } = true;
    public bool EnableIPv6 { get; init; }

    /// <summary>Whether nothing leaves it.</summary>
    public bool IsInternal { get; init; }

    /// <summary>Told, and without meaning for networks of one host.</summary>
    public bool IsAttachable { get; init; }

    /// <summary>Where it is to be: here, empty or <c>local</c>; others are a swarm's.</summary>
    public string Scope { get; init => field = value ?? ""; } = "";

    /// <summary>Whether it is to be a swarm's routing mesh.</summary>
    public bool IsIngress { get; init; }

    /// <summary>Whether it is nothing but what others are configured with: no container can be in it.</summary>
    public bool IsConfigOnly { get; init; }

    /// <summary>The name of the network that this one has its configuration from; empty: none.</summary>
    public string ConfigFrom { get; init => field = value ?? ""; } = "";

    /// <summary>The driver's, by docker's names.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    public IReadOnlyDictionary<string, string>? IpamOptions { get; init; }

    /// <summary>Who gives the addresses: a plugin's name, or <c>null</c> for nobody; empty: the engine.</summary>
    public string IpamDriver { get; init => field = value ?? ""; } = "";

    /// <summary>Empty: the engine chooses.</summary>
    public IReadOnlyList<AddressPoolRequest> Pools { get; init; } = [];
}

/// <summary>One pool of a network as it is kept: the texts of its addresses.</summary>
public sealed record NetworkPool
{
    public required string Subnet { get; init; }
    public string? IpRange { get; init; }

    /// <summary>Empty: there is none.</summary>
    public required string Gateway { get; init; }
    public IReadOnlyDictionary<string, string>? AuxAddresses { get; init; }

    /// <summary>By which it is given back to a plugin; null: it is of none.</summary>
    public string? PluginId { get; init; }

    /// <summary>The name that the one who gave it has for the addresses that it is of.</summary>
    public string? AddressSpace { get; init; }

    /// <summary>Whether a user named the gateway; told then, as docker tells it.</summary>
    public bool IsGatewayAsked { get; init; }
}

/// <summary>Everything durable about one network, as it stands in the journal; immutable.</summary>
public sealed record NetworkRecord
{
    /// <summary>64 lower-case hexadecimal digits.</summary>
    public required string Id { get; init; }
    public required DateTimeOffset Created { get; init; }
    public required NetworkConfig Config { get; init; }

    /// <summary>Those asked for and those chosen.</summary>
    public IReadOnlyList<NetworkPool> Pools { get; init; } = [];

    /// <summary>The Linux bridge; empty for networks without one.</summary>
    public string Bridge { get; init; } = "";

    /// <summary>Whether that bridge was there before, made by somebody else, who keeps it: it is never removed.</summary>
    public bool IsBridgeForeign { get; init; }

    /// <summary>Whether it is there from the start and stays: <c>bridge</c>, <c>host</c> and <c>none</c>.</summary>
    public bool IsPredefined { get; init; }
}

/// <summary>A network as reported.</summary>
/// <param name="Record">The durable part.</param>
/// <param name="Endpoints">Those of containers that run, by the container's id.</param>
public sealed record NetworkInfo(NetworkRecord Record, IReadOnlyDictionary<string, EndpointState> Endpoints);
