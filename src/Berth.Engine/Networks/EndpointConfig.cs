using Berth.Network.Drivers;

namespace Berth.Engine.Networks;

/// <summary>What was asked of a container's place in one network.</summary>
public sealed record EndpointConfig
{
    /// <summary>The network as the user called it.</summary>
    public required string Network { get; init; }
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>The container's own names for others of this network: <c>NAME[:ALIAS]</c>.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];
    public string IPv4 { get; init; } = "";
    public string IPv6 { get; init; } = "";
    public string Mac { get; init; } = "";

    /// <summary>Link-local addresses that its link has besides (<see cref="LinkLocalAddresses"/>). Records of older daemons have none.</summary>
    public IReadOnlyList<string> LinkLocal { get; init => field = value ?? []; } = [];
    public IReadOnlyDictionary<string, string> DriverOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>The network of the highest has the default route.</summary>
    public int GatewayPriority { get; init; }
}

/// <summary>A container's place in one network: what was asked and, while it runs, what it got; immutable.</summary>
public sealed record ContainerEndpoint
{
    public required EndpointConfig Config { get; init; }

    /// <summary>Which network that is; empty until there was one of this name.</summary>
    public string NetworkId { get; init; } = "";

    /// <summary>The network's name when it was last seen.</summary>
    public string NetworkName { get; init; } = "";

    /// <summary>Null when it does not run.</summary>
    public EndpointState? State { get; init; }
}

/// <summary>What a container that runs got in one network; texts as the API has them, empty where there is none.</summary>
public sealed record EndpointState
{
    /// <summary>64 lower-case hexadecimal digits, new with every run.</summary>
    public required string Id { get; init; }
    public string Interface { get; init; } = "";
    public string IPv4 { get; init; } = "";
    public int IPv4PrefixLength { get; init; }
    public string IPv4Gateway { get; init; } = "";
    public string IPv6 { get; init; } = "";
    public int IPv6PrefixLength { get; init; }
    public string IPv6Gateway { get; init; } = "";
    public string Mac { get; init; } = "";

    /// <summary>Whether the default route of the family leads through it.</summary>
    public bool IsIPv4Gateway { get; init; }
    public bool IsIPv6Gateway { get; init; }

    /// <summary>The names by which others of the network find it.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];
    public IReadOnlyList<PortState> Ports { get; init; } = [];

    /// <summary>Whether the network has no published ports (macvlan, ipvlan): exposed ones are not told either, as in docker.</summary>
    public bool IsWithoutPorts { get; init; }

    /// <summary>Ports of linked containers that it may reach on a network without traffic between containers. Records of older daemons have none.</summary>
    public IReadOnlyList<LinkState> Links { get; init => field = value ?? []; } = [];

    /// <summary>Of networks that a plugin makes: its link. Null on all others.</summary>
    public PluginLinkState? PluginLink { get; init; }
}

/// <summary>A link that a plugin made for a container.</summary>
/// <param name="Source">Its name on the host's side, where it goes back to; empty: the plugin gave none.</param>
/// <param name="Routes">Ways to single networks.</param>
public sealed record PluginLinkState(string Source, IReadOnlyList<RouteState> Routes);

/// <summary>The way to one network.</summary>
/// <param name="Destination">ADDRESS/LENGTH.</param>
/// <param name="NextHop">Empty: it is on the link.</param>
public sealed record RouteState(string Destination, string NextHop);

/// <summary>A port of a linked container.</summary>
public sealed record LinkState(PortProtocol Protocol, string Address, ushort Port);

/// <summary>A port of the host that leads to the container's.</summary>
public sealed record PortState(PortProtocol Protocol, string HostAddress, ushort HostPort, ushort ContainerPort);

/// <summary>A port to publish: <c>-p</c>.</summary>
/// <param name="HostAddress">Empty: each.</param>
/// <param name="FirstPort">0: any that is free.</param>
/// <param name="LastPort">The last of a range of which one is taken; as <paramref name="FirstPort"/> for one port.</param>
public sealed record PortBinding(PortProtocol Protocol, ushort ContainerPort, string HostAddress, ushort FirstPort, ushort LastPort);
