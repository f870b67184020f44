namespace Berth.Linux.Netlink;

/// <summary>A link to be made. What is null is left to the kernel.</summary>
public abstract record LinkConfig
{
    /// <summary>At most 15 bytes, without a slash or white space.</summary>
    public required string Name { get; init; }

    /// <summary>The kernel's name of its kind.</summary>
    public abstract string Kind { get; }

    /// <summary>The largest packet, in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary>Its Ethernet address; otherwise a random one.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Free text of at most 255 bytes. It is set by a second message: who is killed before that leaves a link without it.</summary>
    public string? Alias { get; init; }

    /// <summary>A number by which links can be told together, <c>group</c> of ip-link(8); it has it from the first moment on. Otherwise 0.</summary>
    public uint? Group { get; init; }

    /// <summary>The index of the bridge to be a port of.</summary>
    public int? Master { get; init; }

    /// <summary>Whether it is switched on at once.</summary>
    public bool IsUp { get; init; }

    /// <summary>The network namespace to be in; otherwise that of the socket.</summary>
    public FileDescriptor? Namespace { get; init; }
}

/// <summary>Two links that are each other's cable, veth(4).</summary>
public sealed record VethConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "veth";

    /// <summary>The other end.</summary>
    public required VethPeer Peer { get; init; }
}

/// <summary>The other end of a veth, made by the same message. It is off: the kernel switches one end on only when both are there.</summary>
public sealed record VethPeer
{
    /// <summary>At most 15 bytes.</summary>
    public required string Name { get; init; }

    /// <summary>The largest packet, in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary>Its Ethernet address; otherwise a random one.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The network namespace to be in; otherwise that of the socket.</summary>
    public FileDescriptor? Namespace { get; init; }
}

/// <summary>A switch.</summary>
public sealed record BridgeConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "bridge";

    /// <summary>What differs from the kernel's defaults.</summary>
    public BridgeSettings Settings { get; init; } = new();
}

/// <summary>A device that swallows what is sent.</summary>
public sealed record DummyConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "dummy";
}

/// <summary>A link on a device, with an Ethernet address of its own.</summary>
public sealed record MacvlanConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "macvlan";

    /// <summary>The device's index, in the socket's namespace.</summary>
    public required int Parent { get; init; }

    /// <summary>How links on it see each other.</summary>
    public MacvlanMode Mode { get; init; } = MacvlanMode.Bridge;
}

/// <summary>A link on a device, with the device's Ethernet address.</summary>
public sealed record IpvlanConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "ipvlan";

    /// <summary>The device's index, in the socket's namespace.</summary>
    public required int Parent { get; init; }

    /// <summary>On which layer it is shared.</summary>
    public IpvlanMode Mode { get; init; }

    /// <summary>Who may talk to whom.</summary>
    public IpvlanFlags Flags { get; init; }
}

/// <summary>The part of a device's traffic with a tag of IEEE 802.1Q.</summary>
public sealed record VlanConfig : LinkConfig
{
    /// <inheritdoc/>
    public override string Kind => "vlan";

    /// <summary>The device's index, in the socket's namespace.</summary>
    public required int Parent { get; init; }

    /// <summary>1 to 4094.</summary>
    public required ushort Id { get; init; }
}

/// <summary>What is to be changed of a link, by one message. What is null stays.</summary>
public sealed record LinkChange
{
    /// <summary>Switched on or off.</summary>
    public bool? IsUp { get; init; }

    /// <summary>Another name; many kernels want it off for that.</summary>
    public string? Name { get; init; }

    /// <summary>The largest packet, in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary>Another Ethernet address.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The index of a bridge; 0: out of the one that it is a port of.</summary>
    public int? Master { get; init; }

    /// <summary>Other text; empty: none.</summary>
    public string? Alias { get; init; }

    /// <summary>Another network namespace, where it gets another index, perhaps; it is off there, and without addresses.</summary>
    public FileDescriptor? Namespace { get; init; }
}
