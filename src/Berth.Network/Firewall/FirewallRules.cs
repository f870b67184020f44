using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;
using static Berth.Network.Firewall.FirewallLayout;

namespace Berth.Network.Firewall;

/// <summary>The rules, by the chain that they are in. docs/flows/network.md, "Rules".</summary>
internal static class FirewallRules
{
    private static readonly IPNetwork Loopback4 = new(new IPAddress([127, 0, 0, 0]), 8), LinkLocal6 = new(IPAddress.Parse("fe80::"), 10);
    private static readonly NftValue NeighbourSolicitation = NftValue.FromBytes([135]), NeighbourAdvertisement = NftValue.FromBytes([136]);

    private static readonly NftField[] Pair = [NftField.InputInterface, NftField.OutputInterface];
    private static readonly NftField[] Link4 = [NftField.Ipv4Source, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort];
    private static readonly NftField[] Link6 = [NftField.Ipv6Source, NftField.Ipv6Destination, NftField.Protocol, NftField.DestinationPort];

    /// <summary>The rules of the table of the family inet that do not depend on networks.</summary>
    public static IEnumerable<(string Chain, NftRule Rule)> Static()
    {
        foreach (NftRule rule in RawRules())
        {
            yield return (Raw, rule);
        }

        // A port of 127.0.0.1 is reached from the host alone, whose packets go by the chain output.
        yield return (Prerouting, new NftRule().DestinationType(RouteType.Local).Goto(Published));

        // A sender ::1 cannot be sent on, as 127.0.0.1 can: there the host's proxy listens.
        yield return (Output, new NftRule().Destination(new IPNetwork(IPAddress.IPv6Loopback, 128)).Return());
        yield return (Output, new NftRule().DestinationType(RouteType.Local).Goto(Published));
        foreach (NftRule rule in PublishedRules())
        {
            yield return (Published, rule);
        }

        yield return (Postrouting, new NftRule().MarkHas(TurnMark).Masquerade());
        yield return (Postrouting, new NftRule().In(Bridges.Name, NftField.OutputInterface).Source(Loopback4).Masquerade());
        foreach ((string chain, NftRule rule) in ForwardRules())
        {
            yield return (chain, rule);
        }
    }

    /// <summary>
    /// A network's own chain, and the way there: which source its packets get. By their source they are known, as before 5.7 the kernel does not tell at this
    /// place which link packets came in by; and only the first packet of a connection goes through it.
    /// </summary>
    public static IEnumerable<(string Chain, NftRule Rule)> OfNetwork(BridgePlan network)
    {
        string chain = FirewallElements.SourceChainOf(network);
        List<NftRule> rules = [.. Translation(network)];
        return rules.Count == 0 ? [] : [.. rules.Select(rule => (chain, rule)), (Postrouting, new NftRule().Jump(chain))];
    }

    private static IEnumerable<NftRule> Translation(BridgePlan network)
    {
        foreach (PoolPlan pool in network.Pools.Where(_ => network is { HasMasquerade: true, IsInternal: false }))
        {
            bool isIPv6 = pool.Subnet.IsIPv6;
            if ((isIPv6 ? network.IPv6Mode : network.IPv4Mode) is not (GatewayMode.Nat or GatewayMode.NatUnprotected))
            {
                continue;
            }

            NftRule leaving = new NftRule().Source(new IPNetwork(pool.Subnet.Address.ToIPAddress(), pool.Subnet.PrefixLength)).OutputInterface(network.Bridge, not: true);
            yield return (isIPv6 ? network.HostIPv6 : network.HostIPv4) is { } source ? leaving.SourceNat(source.ToIPAddress()) : leaving.Masquerade();
        }
    }

    /// <summary>The rules of the table of the family bridge, where nothing is known of connections: links are let through in both directions, as docker's.</summary>
    public static IEnumerable<NftRule> Bridge()
    {
        yield return OfBridge().NotIn(Closed.Name, NftField.InputInterface).NotIn(Closed.Name, NftField.OutputInterface).Accept();

        // With br_netfilter what is sent back to a published port is half routed, and comes by here; the other table has seen it then.
        yield return OfBridge().MarkHas(TurnMark).Accept();
        yield return OfBridge().In(Links4.Name, Link4).Accept();
        yield return OfBridge().In(Links4.Name, NftField.Ipv4Destination, NftField.Ipv4Source, NftField.Protocol, NftField.SourcePort).Accept();
        yield return OfBridge().In(Links6.Name, Link6).Accept();
        yield return OfBridge().In(Links6.Name, NftField.Ipv6Destination, NftField.Ipv6Source, NftField.Protocol, NftField.SourcePort).Accept();
        foreach (NftValue type in (NftValue[])[NeighbourSolicitation, NeighbourAdvertisement])
        {
            yield return OfBridge().Network(AddressFamily.InterNetworkV6).Protocol(ProtocolType.IcmpV6).Match(NftField.IcmpType, type).Accept();
        }

        yield return OfBridge().Network(AddressFamily.InterNetwork).Drop();
        yield return OfBridge().Network(AddressFamily.InterNetworkV6).Drop();
    }

    private static NftRule OfBridge() => new(NftFamily.Bridge);

    // Before any translation, which would hide that somebody else than the host speaks to, or as, its loopback: bridges let it through (route_localnet), and a
    // published port of 127.0.0.1 would be open to the host's neighbours (CVE-2020-8558 and others).
    private static IEnumerable<NftRule> RawRules()
    {
        yield return new NftRule().InputInterface("lo", not: true).Destination(Loopback4).Drop();
        yield return new NftRule().In(Bridges.Name, NftField.InputInterface).Source(Loopback4).Drop();
    }

    private static IEnumerable<NftRule> PublishedRules()
    {
        // What has a link-local sender is never sent on (RFC 4291, 2.5.6).
        yield return new NftRule().Source(LinkLocal6).Return();
        yield return new NftRule().DestinationNat(AddressFamily.InterNetwork, Ports4.Name, hasPort: true, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort);
        yield return new NftRule().Network(AddressFamily.InterNetwork).DestinationNat(AddressFamily.InterNetwork, Any4.Name, hasPort: true, NftField.Protocol, NftField.DestinationPort);
        yield return new NftRule().DestinationNat(AddressFamily.InterNetworkV6, Ports6.Name, hasPort: true, NftField.Ipv6Destination, NftField.Protocol, NftField.DestinationPort);
        yield return new NftRule().Network(AddressFamily.InterNetworkV6).DestinationNat(AddressFamily.InterNetworkV6, Any6.Name, hasPort: true, NftField.Protocol, NftField.DestinationPort);
    }

    private static IEnumerable<(string Chain, NftRule Rule)> ForwardRules()
    {
        yield return (Forward, new NftRule().Jump(User));
        yield return (Forward, new NftRule().In(Bridges.Name, NftField.OutputInterface).Goto(Ours));
        yield return (Forward, new NftRule().In(Bridges.Name, NftField.InputInterface).Goto(Ours));

        // Answers to a container's own network would go past the host, and have the wrong sender; so this gets the host's. With br_netfilter such packets are only
        // half routed, and postrouting is not told by which bridge they came in.
        yield return (Ours, new NftRule().ConnectionStatus(NftConnectionStatus.DestinationNat).In(Same.Name, Pair).AddToMark(TurnMark));
        yield return (Ours, new NftRule().ConnectionState(NftConnectionState.Established | NftConnectionState.Related).Goto(Pass));
        yield return (Ours, new NftRule().VerdictMap(Inside.Name, Pair));
        yield return (Ours, new NftRule().In(Internal.Name, NftField.InputInterface).Drop());
        yield return (Ours, new NftRule().In(Internal.Name, NftField.OutputInterface).Drop());
        yield return (Ours, new NftRule().In(Bridges.Name, NftField.OutputInterface).ConnectionStatus(NftConnectionStatus.DestinationNat).Goto(Pass));
        yield return (Ours, new NftRule().In(Open4.Name, NftField.OutputInterface, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort).Goto(Pass));
        yield return (Ours, new NftRule().In(Open6.Name, NftField.OutputInterface, NftField.Ipv6Destination, NftField.Protocol, NftField.DestinationPort).Goto(Pass));
        yield return (Ours, new NftRule().Network(AddressFamily.InterNetwork).VerdictMap(Guard4.Name, NftField.OutputInterface));
        yield return (Ours, new NftRule().Network(AddressFamily.InterNetworkV6).VerdictMap(Guard6.Name, NftField.OutputInterface));
        yield return (Ours, new NftRule().Goto(Pass));

        yield return (Linked, new NftRule().ConnectionStatus(NftConnectionStatus.DestinationNat).Goto(Pass));
        yield return (Linked, new NftRule().In(Links4.Name, Link4).Goto(Pass));
        yield return (Linked, new NftRule().In(Links6.Name, Link6).Goto(Pass));
        foreach (NftValue type in (NftValue[])[NeighbourSolicitation, NeighbourAdvertisement])
        {
            yield return (Linked, new NftRule().Network(AddressFamily.InterNetworkV6).Protocol(ProtocolType.IcmpV6).Match(NftField.IcmpType, type).Goto(Pass));
        }

        yield return (Linked, new NftRule().Drop());

        // Other networks of ours stay apart from one that is open to everything else.
        yield return (Unprotected, new NftRule().In(Bridges.Name, NftField.InputInterface).Drop());
        yield return (Unprotected, new NftRule().Goto(Pass));

        yield return (Routed, new NftRule().Network(AddressFamily.InterNetwork).Protocol(ProtocolType.Icmp).Goto(Pass));
        yield return (Routed, new NftRule().Network(AddressFamily.InterNetworkV6).Protocol(ProtocolType.IcmpV6).Goto(Pass));
        yield return (Routed, new NftRule().Drop());

        yield return (Pass, new NftRule().AddToMark(PassMark));
        yield return (Unmark, new NftRule().MarkHas(PassMark).TakeFromMark(PassMark));
    }
}
