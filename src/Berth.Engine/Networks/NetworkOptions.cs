using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>What the daemon was told about networks.</summary>
public sealed record NetworkOptions
{
    /// <summary>Whether there is a network that containers get without asking.</summary>
    public bool HasDefault { get; init; } = true;

    /// <summary>The bridge of the default network.</summary>
    public string DefaultBridge { get; init; } = "berth0";

    /// <summary>That bridge's own address with its prefix length, which gives the default network's subnet; empty: chosen.</summary>
    public string DefaultAddress { get; init; } = "";

    /// <summary>The part of its subnet that containers get addresses from; empty: all of it. Without an address of the bridge it is the subnet.</summary>
    public string DefaultRange { get; init; } = "";

    /// <summary>Whether containers of the default network may talk to each other without links.</summary>
    public bool HasInterContainerTraffic { get; init; } = true;

    /// <summary>Whether what leaves the default network gets the host's address.</summary>
    public bool HasMasquerade { get; init; } = true;

    /// <summary>The host's address that the default network's ports are published on when nothing else is said.</summary>
    public NetAddress HostBinding { get; init; } = NetAddress.IPv4(0);

    /// <summary>Bytes of the default network's links; null: the kernel's default.</summary>
    public int? Mtu { get; init; }

    /// <summary>Where the pools of networks that name none come from.</summary>
    public IReadOnlyList<AddressPoolSource> Pools { get; init; } = AddressPoolSource.Defaults;

    /// <summary>What containers that say nothing use.</summary>
    public ResolverSettings Resolver { get; init; } = new();
}
