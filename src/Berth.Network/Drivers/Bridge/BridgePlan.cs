using Berth.Linux.Netlink;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers.Bridge;

/// <summary>How what is outside reaches a network's containers, of one address family (docker's <c>com.docker.network.bridge.gateway_mode_ipv4/6</c>).</summary>
public enum GatewayMode
{
    /// <summary>Through published ports alone; what leaves gets the host's address.</summary>
    Nat,

    /// <summary>As <see cref="Nat"/>, and every port is reachable by those who have a route.</summary>
    NatUnprotected,

    /// <summary>By the containers' own addresses: no translation; published ports alone are let in.</summary>
    Routed,

    /// <summary>Not at all; the bridge has no address of this family. Only for internal networks.</summary>
    Isolated,
}

/// <summary>A network that is a Linux bridge of this host. Each pool's gateway is the bridge's own address unless the network is <see cref="GatewayMode.Isolated"/>.</summary>
public sealed record BridgePlan : NetworkPlan
{
    /// <summary>The bridge's name, at most 15 characters.</summary>
    public required string Bridge { get; init; }

    /// <summary>Whether the bridge is somebody else's: it must exist, keeps its addresses and is never removed.</summary>
    public bool IsBridgeForeign { get; init; }

    /// <summary>Bytes; null: the kernel's default.</summary>
    public int? Mtu { get; init; }

    /// <summary>Whether its containers may talk to each other without being linked.</summary>
    public bool HasInterContainerTraffic { get; init; } = true;

    /// <summary>Whether what leaves it gets the host's address.</summary>
    public bool HasMasquerade { get; init; } = true;
    public GatewayMode IPv4Mode { get; init; }
    public GatewayMode IPv6Mode { get; init; }

    /// <summary>The address of the host that what leaves gets; null: that of the interface it leaves by.</summary>
    public NetAddress? HostIPv4 { get; init; }
    public NetAddress? HostIPv6 { get; init; }

    /// <inheritdoc/>
    public override bool CanPublish => true;

    /// <inheritdoc/>
    public override WayOut? WayOutOf(PoolPlan pool) =>
        !IsInternal && ModeOf(pool.Subnet.IsIPv6) != GatewayMode.Isolated && pool.Gateway is { } gateway ? new WayOut(pool.Router ?? gateway) : null;

    /// <summary>How a family's addresses are reached.</summary>
    internal GatewayMode ModeOf(bool isIPv6) => isIPv6 ? IPv6Mode : IPv4Mode;

    internal override bool Owns(LinkInfo link, string id) => id == Id && link.Name == Bridge;
}
