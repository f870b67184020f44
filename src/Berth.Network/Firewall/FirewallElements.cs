using System.Net.Sockets;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;
using static Berth.Network.Firewall.FirewallLayout;

namespace Berth.Network.Firewall;

/// <summary>Elements of sets and maps, by their set: what a network or an endpoint adds to the table.</summary>
internal sealed class FirewallElements
{
    private readonly Dictionary<NftSetConfig, List<NftElement>> elements = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<(string Set, NftValue Key)> once = [];

    /// <summary>The sets that get any, and what.</summary>
    public IEnumerable<KeyValuePair<NftSetConfig, List<NftElement>>> All => elements;

    /// <summary>How many a set gets.</summary>
    public int CountOf(NftSetConfig set) => elements.TryGetValue(set, out List<NftElement>? list) ? list.Count : 0;

    /// <summary>The name of a network's own chain.</summary>
    public static string SourceChainOf(BridgePlan network) => SourcePrefix + network.Id[..Math.Min(12, network.Id.Length)];

    /// <summary>What a network adds.</summary>
    public void Add(BridgePlan network)
    {
        NftValue bridge = NftValue.Interface(network.Bridge), twice = NftValue.Concat(bridge, bridge);
        Add(Bridges, new NftElement(bridge));
        Add(Same, new NftElement(twice));
        Add(Inside, new NftElement(twice, Verdict: new NftVerdict(NftVerdictCode.Goto, network.HasInterContainerTraffic ? Pass : Linked)));
        Add(Guard4, new NftElement(bridge, Verdict: GuardOf(network.IPv4Mode)));
        Add(Guard6, new NftElement(bridge, Verdict: GuardOf(network.IPv6Mode)));
        if (network.IsInternal)
        {
            Add(Internal, new NftElement(bridge));
        }
    }

    /// <summary>What an endpoint adds.</summary>
    public void Add(BridgePlan network, EndpointPlan endpoint)
    {
        foreach (PublishedPort port in endpoint.Ports.Where(_ => !network.IsInternal))
        {
            bool isIPv6 = port.HostAddress.IsIPv6;

            // To a container without an address of the family it is not the kernel that can send on.
            if ((isIPv6 ? endpoint.Addresses.IPv6 : endpoint.Addresses.IPv4) is not { } address)
            {
                continue;
            }

            switch (isIPv6 ? network.IPv6Mode : network.IPv4Mode)
            {
                case GatewayMode.Nat or GatewayMode.NatUnprotected:
                    AddTranslation(port, address, isIPv6);
                    break;
                case GatewayMode.Routed:
                    // A port may be published on several of the host's addresses, which do not matter here.
                    AddOnce(isIPv6 ? Open6 : Open4, new NftElement(NftValue.Concat(
                        NftValue.Interface(network.Bridge), Value(address), Value(port.Protocol), NftValue.Service(port.ContainerPort))));
                    break;
            }
        }

        if (network.HasInterContainerTraffic)
        {
            return;
        }

        Add(Closed, new NftElement(NftValue.Interface(LinkText.HostLinkOf(endpoint.Id))));
        foreach (LinkedPort link in endpoint.Links)
        {
            if ((link.Address.IsIPv6 ? endpoint.Addresses.IPv6 : endpoint.Addresses.IPv4) is { } from)
            {
                AddOnce(link.Address.IsIPv6 ? Links6 : Links4, new NftElement(NftValue.Concat(
                    Value(from), Value(link.Address), Value(link.Protocol), NftValue.Service(link.Port))));
            }
        }
    }

    /// <summary>The number of a protocol.</summary>
    public static ProtocolType ProtocolOf(PortProtocol protocol) => protocol switch
    {
        PortProtocol.Tcp => ProtocolType.Tcp,
        PortProtocol.Udp => ProtocolType.Udp,
        _ => (ProtocolType)132, // IPPROTO_SCTP, which the framework has no name for.
    };

    private void AddTranslation(PublishedPort port, NetAddress address, bool isIPv6)
    {
        NftValue target = NftValue.Concat(Value(address), NftValue.Service(port.ContainerPort)), service = NftValue.Service(port.HostPort);
        if (port.HostAddress.IsUnspecified)
        {
            AddOnce(isIPv6 ? Any6 : Any4, new NftElement(NftValue.Concat(Value(port.Protocol), service), target));
        }
        else
        {
            AddOnce(isIPv6 ? Ports6 : Ports4, new NftElement(NftValue.Concat(Value(port.HostAddress), Value(port.Protocol), service), target));
        }
    }

    private static NftVerdict GuardOf(GatewayMode mode) => mode switch
    {
        GatewayMode.NatUnprotected => new NftVerdict(NftVerdictCode.Goto, Unprotected),
        GatewayMode.Routed => new NftVerdict(NftVerdictCode.Goto, Routed),
        _ => new NftVerdict(NftVerdictCode.Drop),
    };

    private static NftValue Value(NetAddress address) => NftValue.Of(address.ToIPAddress());

    private static NftValue Value(PortProtocol protocol) => NftValue.Protocol(ProtocolOf(protocol));

    private void Add(NftSetConfig set, NftElement element)
    {
        if (!elements.TryGetValue(set, out List<NftElement>? list))
        {
            elements[set] = list = [];
        }

        list.Add(element);
    }

    // Of several endpoints with the same port, which the kernel refuses one by one, the first has it: their records must not keep a daemon from starting.
    private void AddOnce(NftSetConfig set, NftElement element)
    {
        if (once.Add((set.Name, element.Key)))
        {
            Add(set, element);
        }
    }
}
