namespace Berth.Linux.Netlink;

/// <summary>A link (network device) as the kernel tells of it. What it does not tell, and what its kind does not have, is null.</summary>
public sealed record LinkInfo
{
    private const uint IFF_UP = 1, IFF_LOOPBACK = 8, IFF_RUNNING = 0x40;

    /// <summary>Its number in its namespace, from 1 on.</summary>
    public required int Index { get; init; }

    /// <summary>Its name, at most 15 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>IFF_* of netdevice(7).</summary>
    public required uint Flags { get; init; }

    /// <summary>Such as <c>veth</c> or <c>bridge</c>; null: a device of hardware, or loopback.</summary>
    public string? Kind { get; init; }

    /// <summary>The largest packet, in bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>Its Ethernet address.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The bridge (or bond) that it is a port of.</summary>
    public int? Master { get; init; }

    /// <summary>What it lies on, or for veth its other end: an index in the namespace of <see cref="LowerNamespace"/>.</summary>
    public int? Lower { get; init; }

    /// <summary>The kernel's id for the namespace that <see cref="Lower"/> is in; null: the same.</summary>
    public int? LowerNamespace { get; init; }

    /// <summary>Free text, <c>alias</c> of ip-link(8).</summary>
    public string? Alias { get; init; }

    /// <summary>A number by which links are told together, <c>group</c> of ip-link(8).</summary>
    public uint Group { get; init; }

    /// <summary>IF_OPER_* of RFC 2863: 6 is up, 2 down, 0 unknown.</summary>
    public byte OperationalState { get; init; }

    /// <summary>A bridge's own settings.</summary>
    public BridgeSettings? Bridge { get; init; }

    /// <summary>A bridge port's.</summary>
    public BridgePortSettings? Port { get; init; }

    /// <summary>A macvlan's mode.</summary>
    public MacvlanMode? Macvlan { get; init; }

    /// <summary>An ipvlan's mode.</summary>
    public IpvlanMode? Ipvlan { get; init; }

    /// <summary>A VLAN's number.</summary>
    public ushort? VlanId { get; init; }

    /// <summary>Whether it is switched on (which does not say that packets pass).</summary>
    public bool IsUp => (Flags & IFF_UP) != 0;

    /// <summary>Whether packets pass.</summary>
    public bool IsRunning => (Flags & IFF_RUNNING) != 0;

    /// <summary>Whether it is the loopback device.</summary>
    public bool IsLoopback => (Flags & IFF_LOOPBACK) != 0;
}

/// <summary>Settings of a bridge, ip-link(8). Null: the kernel's default when one is made, not told when one is read.</summary>
public sealed record BridgeSettings
{
    /// <summary>Whether multicast goes only where somebody listens (<c>mcast_snooping</c>).</summary>
    public bool? MulticastSnooping { get; init; }

    /// <summary>How long an unused Ethernet address is remembered (<c>ageing_time</c>), in steps of 10 ms; zero: not at all.</summary>
    public TimeSpan? Ageing { get; init; }

    /// <summary>Whether loops of bridges are found and cut (<c>stp_state</c>).</summary>
    public bool? SpanningTree { get; init; }

    /// <summary>How long a new port listens before it forwards, with a spanning tree (<c>forward_delay</c>).</summary>
    public TimeSpan? ForwardDelay { get; init; }

    /// <summary>Whether ports keep VLANs apart (<c>vlan_filtering</c>).</summary>
    public bool? VlanFiltering { get; init; }
}

/// <summary>Settings of a bridge's port, bridge(8). Null: left as it is.</summary>
public sealed record BridgePortSettings
{
    /// <summary>Whether a frame may leave through the port that it came from (<c>hairpin</c>).</summary>
    public bool? Hairpin { get; init; }

    /// <summary>Whether it talks only to ports that are not isolated (<c>isolated</c>).</summary>
    public bool? Isolated { get; init; }

    /// <summary>Whether addresses are learnt from what comes in (<c>learning</c>).</summary>
    public bool? Learning { get; init; }

    /// <summary>Whether frames for unknown addresses go out here (<c>flood</c>).</summary>
    public bool? Flood { get; init; }
}

/// <summary>How links on one device see each other, <c>macvlan</c> of ip-link(8). Numbers are the kernel's.</summary>
public enum MacvlanMode : uint
{
    /// <summary>Not at all.</summary>
    Private = 1,

    /// <summary>Through a switch outside that sends frames back.</summary>
    Vepa = 2,

    /// <summary>Directly.</summary>
    Bridge = 4,

    /// <summary>There is only one, which has the device for itself.</summary>
    Passthru = 8,

    /// <summary>By a list of allowed addresses.</summary>
    Source = 16,
}

/// <summary>On which layer links on one device share its address, <c>ipvlan</c> of ip-link(8). Numbers are the kernel's.</summary>
public enum IpvlanMode : ushort
{
    /// <summary>Frames, with ARP.</summary>
    L2 = 0,

    /// <summary>Packets, routed in the device's namespace, without netfilter.</summary>
    L3 = 1,

    /// <summary>Packets, through netfilter of the device's namespace.</summary>
    L3S = 2,
}

/// <summary>Who may talk to whom among the links on one device. Numbers are the kernel's.</summary>
[Flags]
public enum IpvlanFlags : ushort
{
    /// <summary>Everybody (<c>bridge</c>).</summary>
    None = 0,

    /// <summary>Nobody.</summary>
    Private = 1,

    /// <summary>Through a switch outside.</summary>
    Vepa = 2,
}
