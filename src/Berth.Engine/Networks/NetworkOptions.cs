using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>What the daemon was told about networks.</summary>
public sealed record NetworkOptions
{
    /// <summary>Whether there is a network that containers get without asking.</summary>
    public bool HasDefault { get; init; } = true;

    /// <summary>The bridge of the default network. One that is there already and is not ours stays its owner's: its addresses are the network's.</summary>
    public string DefaultBridge { get; init; } = "berth0";

    /// <summary>That bridge's own address with its prefix length, which gives the default network's subnet; empty: chosen.</summary>
    public string DefaultAddress { get; init; } = "";

    /// <summary>The part of its subnet that containers get addresses from; empty: all of it. Without an address of the bridge it is the subnet.</summary>
    public string DefaultRange { get; init; } = "";

    /// <summary>Whether the default network has IPv6.</summary>
    public bool HasIPv6 { get; init; }

    /// <summary>As <see cref="DefaultAddress"/>, of IPv6.</summary>
    public string DefaultAddressIPv6 { get; init; } = "";

    /// <summary>As <see cref="DefaultRange"/>, of IPv6.</summary>
    public string DefaultRangeIPv6 { get; init; } = "";

    /// <summary>Where the default route of the default network's containers leads; null: to the bridge.</summary>
    public NetAddress? DefaultGateway { get; init; }

    /// <summary>The same of IPv6.</summary>
    public NetAddress? DefaultGatewayIPv6 { get; init; }

    /// <summary>Options that networks of users' get unless they say otherwise, by their driver.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> DriverOptions { get; init; } = new Dictionary<string, IReadOnlyDictionary<string, string>>();

    /// <summary>Whether the daemon passes on what the kernel cannot translate: a published port's IPv6 into a container that has IPv4 alone, and what comes from ::1.</summary>
    public bool HasProxy { get; init; } = true;

    /// <summary>What <c>host-gateway</c> stands for in containers' extra hosts; empty: the gateways of the default network.</summary>
    public IReadOnlyList<NetAddress> HostGateways { get; init; } = [];

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
