using Berth.Linux.Netlink;

namespace Berth.Network.Firewall;

/// <summary>The chains, sets and maps that are there with any number of networks and containers.</summary>
/// <remarks>
/// What a container or a network adds is elements, looked up by hash; rules do not become more. The names are those of <c>nft list table</c>.
/// </remarks>
internal static class FirewallLayout
{
    /// <summary>Of the host's owner: made once, never flushed, asked first about everything that is sent on.</summary>
    public const string User = "user";

    public const string Raw = "raw", Prerouting = "prerouting", Output = "output", Published = "published", Postrouting = "postrouting", Forward = "forward",
        Ours = "ours", Linked = "linked", Unprotected = "unprotected", Routed = "routed", Pass = "pass", Unmark = "unmark";

    /// <summary>What the names of the chains of single networks begin with, in which their source addresses are translated.</summary>
    public const string SourcePrefix = "source-";

    /// <summary>
    /// The bit of a packet's mark that says, between our forward chain and the end of that hook, that our rules let it pass: a rule in the chain FORWARD of
    /// iptables, whose policy may be to drop, can see it. Kubernetes has bits 14 and 15, Calico 16 to 19 or so, Tailscale 16 to 23, Cilium 8 to 11.
    /// </summary>
    public const uint PassMark = 0x0200_0000;

    /// <summary>The bit of the mark of packets of connections that a published port sends back to the network that they came from, from there until they leave the host.</summary>
    public const uint TurnMark = 0x0400_0000;

    private const int RawPriority = -300, DestinationNatPriority = -100, SourceNatPriority = 100;

    // After br_netfilter, which has 0 and shows a frame to the rules of the family inet.
    private const int BridgeFilterPriority = 1;

    // Before and after the chain FORWARD of iptables, which has 0.
    private const int BeforeFilter = -1, AfterFilter = 1;

    /// <summary>The bridges of all networks.</summary>
    public static readonly NftSetConfig Bridges = Set("bridges", NftDataType.InterfaceName);

    /// <summary>The bridges of internal networks.</summary>
    public static readonly NftSetConfig Internal = Set("internal", NftDataType.InterfaceName);

    /// <summary>Each bridge twice: what leaves by the bridge that it came in by.</summary>
    public static readonly NftSetConfig Same = Set("same", NftDataType.InterfaceName, NftDataType.InterfaceName);

    /// <summary>What becomes of traffic within a network.</summary>
    public static readonly NftSetConfig Inside = Map("inside", [NftDataType.InterfaceName, NftDataType.InterfaceName], NftDataType.Verdict);

    /// <summary>What becomes of what is sent to a network by its containers' own addresses.</summary>
    public static readonly NftSetConfig Guard4 = Map("guard4", [NftDataType.InterfaceName], NftDataType.Verdict), Guard6 = Guard4 with { Name = "guard6" };

    /// <summary>Ports published on one address of the host.</summary>
    public static readonly NftSetConfig
        Ports4 = Map("ports4", [NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService], NftDataType.Ipv4Address, NftDataType.InetService),
        Ports6 = Map("ports6", [NftDataType.Ipv6Address, NftDataType.InetProtocol, NftDataType.InetService], NftDataType.Ipv6Address, NftDataType.InetService);

    /// <summary>Ports published on every address of the host.</summary>
    public static readonly NftSetConfig
        Any4 = Map("any4", [NftDataType.InetProtocol, NftDataType.InetService], NftDataType.Ipv4Address, NftDataType.InetService),
        Any6 = Map("any6", [NftDataType.InetProtocol, NftDataType.InetService], NftDataType.Ipv6Address, NftDataType.InetService);

    /// <summary>Published ports of networks that are routed: reached by the container's own address.</summary>
    public static readonly NftSetConfig
        Open4 = Set("open4", NftDataType.InterfaceName, NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService),
        Open6 = Set("open6", NftDataType.InterfaceName, NftDataType.Ipv6Address, NftDataType.InetProtocol, NftDataType.InetService);

    /// <summary>What linked containers may open: from, to, protocol, port.</summary>
    public static readonly NftSetConfig
        Links4 = Set("links4", NftDataType.Ipv4Address, NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService),
        Links6 = Set("links6", NftDataType.Ipv6Address, NftDataType.Ipv6Address, NftDataType.InetProtocol, NftDataType.InetService);

    /// <summary>In the table of the family bridge: the host's ends of containers that do not talk to each other. (By their bridge only newer kernels know frames.)</summary>
    public static readonly NftSetConfig Closed = Set("closed", NftDataType.InterfaceName);

    /// <summary>Of the table of the family inet.</summary>
    public static readonly IReadOnlyList<NftSetConfig> Sets =
        [Bridges, Internal, Same, Inside, Guard4, Guard6, Ports4, Ports6, Any4, Any6, Open4, Open6, Links4, Links6];

    /// <summary>Of the table of the family bridge.</summary>
    public static readonly IReadOnlyList<NftSetConfig> BridgeSets = [Closed, Links4, Links6];

    /// <summary>Chains of the table of the family inet, without those of single networks.</summary>
    public static readonly IReadOnlyList<NftChainConfig> Chains =
    [
        new() { Name = Pass }, new() { Name = Linked }, new() { Name = Unprotected }, new() { Name = Routed }, new() { Name = Published }, new() { Name = Ours },
        new() { Name = Raw, Base = new NftBase("filter", NftHook.Prerouting, RawPriority) },
        new() { Name = Prerouting, Base = new NftBase("nat", NftHook.Prerouting, DestinationNatPriority) },
        new() { Name = Output, Base = new NftBase("nat", NftHook.Output, DestinationNatPriority) },
        new() { Name = Postrouting, Base = new NftBase("nat", NftHook.Postrouting, SourceNatPriority) },
        new() { Name = Forward, Base = new NftBase("filter", NftHook.Forward, BeforeFilter) },
        new() { Name = Unmark, Base = new NftBase("filter", NftHook.Forward, AfterFilter) },
    ];

    /// <summary>The one chain of the table of the family bridge: frames from port to port are not seen by the other table, or by it as well.</summary>
    public static readonly NftChainConfig BridgeForward = new() { Name = Forward, Base = new NftBase("filter", NftHook.Forward, BridgeFilterPriority) };

    private static NftSetConfig Set(string name, params IReadOnlyList<NftDataType> key) => new() { Name = name, Key = key };

    private static NftSetConfig Map(string name, IReadOnlyList<NftDataType> key, params IReadOnlyList<NftDataType> data) => new() { Name = name, Key = key, Data = data };
}
