using Berth.Linux.Netlink;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers.Remote;

/// <summary>A network that a plugin makes. Of it the kernel gets nothing from us but the links that the plugin hands out for containers.</summary>
public sealed record RemotePlan : NetworkPlan
{
    /// <summary>The plugin's name.</summary>
    public required string Driver { get; init; }

    /// <summary>The network's options as the user wrote them.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();
    public bool HasIPv4 { get; init; } = true;
    public bool HasIPv6 { get; init; }

    /// <summary>The pools as plugins are told of them.</summary>
    public IReadOnlyList<RemotePool> Data { get; init; } = [];

    public override WayOut? WayOutOf(PoolPlan pool) => pool.Gateway is { } gateway ? new WayOut(gateway) : null;

    // A plugin's links are its own: ours have our alias.
    internal override bool Owns(LinkInfo link, string id) => false;
}

/// <summary>One pool of a network, as a network plugin is told of it.</summary>
/// <param name="AddressSpace">By the name that the address driver has for it.</param>
/// <param name="Subnet">The pool.</param>
/// <param name="Gateway">Null: it has none.</param>
/// <param name="AuxAddresses">Addresses that others on the link have, by a name of the user's.</param>
public sealed record RemotePool(string AddressSpace, Subnet Subnet, NetAddress? Gateway, IReadOnlyDictionary<string, NetAddress> AuxAddresses);

/// <summary>What a plugin said of an endpoint's link.</summary>
public sealed record RemoteLink
{
    /// <summary>Its name in the host's namespace, where it goes back to at the end.</summary>
    public required string Source { get; init; }
    public NetAddress? IPv4Gateway { get; init; }
    public NetAddress? IPv6Gateway { get; init; }

    /// <summary>Bits of the address that are the link's network.</summary>
    public int IPv4PrefixLength { get; init; }
    public int IPv6PrefixLength { get; init; }

    /// <summary>Ways to single networks; null as next hop: they are on the link.</summary>
    public IReadOnlyList<(Subnet Destination, NetAddress? NextHop)> Routes { get; init; } = [];
}
