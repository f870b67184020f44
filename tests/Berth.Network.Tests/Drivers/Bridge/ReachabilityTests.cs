using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers.Bridge;

/// <summary>Who reaches whom, by real packets.</summary>
public sealed class ReachabilityTests : IDisposable
{
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Fact]
    public void ContainersReachTheirOwnNetworkTheHostAndTheWorld()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2), two = lab.Run(network, 3);
        lab.Serve(lab.Outside, 100, 80);
        lab.Serve(lab.Host, 101, 80);
        foreach (PortProtocol protocol in (PortProtocol[])[PortProtocol.Tcp, PortProtocol.Udp])
        {
            lab.AssertReaches(one.Inside, "10.10.0.3", 80, 3, "10.10.0.2", protocol);
            lab.AssertReaches(one.Inside, "fd00:10::3", 80, 3, "fd00:10::2", protocol);
            lab.AssertReaches(lab.Host, "10.10.0.3", 80, 3, "10.10.0.1", protocol);
            lab.AssertReaches(two.Inside, "10.10.0.1", 80, 101, "10.10.0.3", protocol);

            // The outside has no route back: it sees the host.
            lab.AssertReaches(one.Inside, HostLab.OutsideAddress, 80, 100, HostLab.HostAddress, protocol);
            lab.AssertReaches(one.Inside, HostLab.OutsideAddress6, 80, 100, HostLab.HostAddress6, protocol);
        }
    }

    [Fact]
    public void NetworksAreApart()
    {
        LabContainer one = lab.Run(lab.AddNetwork(10), 2), two = lab.Run(lab.AddNetwork(11), 3);
        lab.AssertBlocked(one.Inside, "10.11.0.3", 80);
        lab.AssertBlocked(two.Inside, "10.10.0.2", 80);
        lab.AssertBlocked(two.Inside, "fd00:10::2", 80, PortProtocol.Udp);
    }

    [Theory]
    [InlineData(PortProtocol.Tcp)]
    [InlineData(PortProtocol.Udp)]
    public void APublishedPortIsReachedFromEverywhere(PortProtocol protocol)
    {
        BridgePlan network = lab.AddNetwork(10);
        PublishedPort port = HostLab.Tcp(8080, 80) with { Protocol = protocol }, port6 = port with { HostAddress = NetAddress.Parse("::") };
        LabContainer server = lab.Run(network, 2, port, port6), neighbour = lab.Run(network, 3), other = lab.Run(lab.AddNetwork(11), 4);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2, HostLab.OutsideAddress, protocol);
        lab.AssertReaches(lab.Outside, HostLab.OtherHostAddress, 8080, 2, HostLab.OutsideAddress, protocol);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress6, 8080, 2, HostLab.OutsideAddress6, protocol);
        lab.AssertReaches(lab.Host, HostLab.HostAddress, 8080, 2, HostLab.HostAddress, protocol);
        lab.AssertReaches(lab.Host, HostLab.HostAddress6, 8080, 2, HostLab.HostAddress6, protocol);
        lab.AssertReaches(lab.Host, "127.0.0.1", 8080, 2, "10.10.0.1", protocol);
        foreach (string address in (string[])[HostLab.HostAddress, HostLab.HostAddress6, "10.10.0.1", "fd00:10::1"])
        {
            lab.AssertReaches(neighbour.Inside, address, 8080, 2, protocol: protocol);
            lab.AssertReaches(server.Inside, address, 8080, 2, protocol: protocol);
            lab.AssertReaches(other.Inside, address, 8080, 2, protocol: protocol);
        }

        // By its own address it is reached by neighbours and the host alone, and the other port only by them.
        lab.AssertBlocked(lab.Outside, "10.10.0.2", 80, protocol);
        lab.AssertBlocked(lab.Outside, "fd00:10::2", 80, protocol);
        lab.AssertBlocked(other.Inside, "10.10.0.2", 80, protocol);
        Assert.Equal(protocol == PortProtocol.Tcp ? "refused" : "silence", lab.Ask(lab.Outside, protocol, HostLab.HostAddress, 8081, isBlocked: protocol == PortProtocol.Udp));

        lab.Network.Disconnect(server.Endpoint, server.Inside);
        Assert.NotEqual('2', lab.Ask(lab.Outside, protocol, HostLab.HostAddress, 8080, isBlocked: true)[0]);
    }

    [Fact]
    public void APortOfOneAddressIsReachedByItAlone()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer server = lab.Run(network, 2, HostLab.Tcp(8080, 80, HostLab.HostAddress), HostLab.Tcp(8081, 80, "127.0.0.1"), HostLab.Tcp(8082, 80, HostLab.HostAddress6));
        LabContainer other = lab.Run(lab.AddNetwork(11), 3);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress6, 8082, 2);
        lab.AssertReaches(lab.Host, "127.0.0.1", 8081, 2);
        foreach ((string address, int port) in ((string, int)[])[(HostLab.OtherHostAddress, 8080), (HostLab.HostAddress, 8081), (HostLab.HostAddress, 8082)])
        {
            Assert.Equal("refused", lab.Ask(lab.Outside, PortProtocol.Tcp, address, port));
            Assert.Equal("refused", lab.Ask(other.Inside, PortProtocol.Tcp, address, port));
        }

        Assert.Equal("refused", lab.Ask(server.Inside, PortProtocol.Tcp, "127.0.0.1", 8081));
    }

    [Fact]
    public void LoopbackIsTheHostsAlone()
    {
        BridgePlan network = lab.AddNetwork(10);
        lab.Run(network, 2, HostLab.Tcp(8081, 80, "127.0.0.1"), HostLab.Udp(8081, 80, "127.0.0.1"));
        LabContainer other = lab.Run(network, 3);
        lab.Serve(lab.Host, 100, 9000);

        // Somebody on the link, and somebody in a container, who sends packets to 127.0.0.1 over the wire.
        foreach (Berth.Linux.FileDescriptor attacker in (Berth.Linux.FileDescriptor[])[lab.Outside, other.Inside])
        {
            Berth.Linux.Namespaces.NetworkNamespace.Run(attacker, static () =>
            {
                File.WriteAllText("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
                using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
                LinkInfo lo = Links.Find(route, "lo")!, eth = Links.Find(route, "eth0")!;
                foreach (Route local in Routes.List(route, System.Net.Sockets.AddressFamily.InterNetwork, table: 255).Where(local => local.Link == lo.Index && local.Destination.BaseAddress.ToString().StartsWith("127.", StringComparison.Ordinal)))
                {
                    Routes.Delete(route, local);
                }

                Routes.Add(route, new Route { Destination = System.Net.IPNetwork.Parse("127.0.0.0/8"), Link = eth.Index, Gateway = Routes.List(route, System.Net.Sockets.AddressFamily.InterNetwork).First(found => found.Destination.PrefixLength == 0).Gateway });
            });
            lab.AssertBlocked(attacker, "127.0.0.1", 8081);
            lab.AssertBlocked(attacker, "127.0.0.1", 8081, PortProtocol.Udp);
            lab.AssertBlocked(attacker, "127.0.0.1", 9000, PortProtocol.Udp);
        }

        lab.AssertReaches(lab.Host, "127.0.0.1", 8081, 2);
        lab.AssertReaches(lab.Host, "127.0.0.1", 9000, 100);
    }

    [Fact]
    public void WithoutTrafficBetweenContainersLinksLetSingleOnesPass()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { HasInterContainerTraffic = false });
        BridgePlan open = lab.AddNetwork(11);
        LabContainer server = lab.Run(network, 2, HostLab.Tcp(8080, 80)), stranger = lab.Run(network, 3);
        LabContainer linked = lab.Run(network, 4, plan => plan with
        {
            Links =
            [
                new LinkedPort(PortProtocol.Tcp, NetAddress.Parse("10.10.0.2"), 80), new LinkedPort(PortProtocol.Udp, NetAddress.Parse("10.10.0.2"), 80),
                new LinkedPort(PortProtocol.Tcp, NetAddress.Parse("fd00:10::2"), 80),
            ],
        });
        LabContainer free = lab.Run(open, 5), freeToo = lab.Run(open, 6);
        foreach (string on in (string[])["1", "0"])
        {
            // Frames between ports of a bridge are seen by the host's rules with it, and without it by those of bridges alone.
            lab.Sysctl("bridge/bridge-nf-call-iptables", on);
            lab.Sysctl("bridge/bridge-nf-call-ip6tables", on);
            lab.AssertReaches(linked.Inside, "10.10.0.2", 80, 2, "10.10.0.4");
            lab.AssertReaches(linked.Inside, "10.10.0.2", 80, 2, "10.10.0.4", PortProtocol.Udp);
            lab.AssertReaches(linked.Inside, "fd00:10::2", 80, 2, "fd00:10::4");
            lab.AssertBlocked(linked.Inside, "10.10.0.2", 81);
            lab.AssertBlocked(linked.Inside, "fd00:10::2", 81);
            lab.AssertBlocked(stranger.Inside, "10.10.0.2", 80);
            lab.AssertBlocked(stranger.Inside, "fd00:10::2", 80);
            lab.AssertBlocked(server.Inside, "10.10.0.4", 80);
            lab.AssertReaches(stranger.Inside, HostLab.HostAddress, 8080, 2);
            lab.AssertReaches(lab.Host, "10.10.0.2", 80, 2);
            lab.AssertReaches(free.Inside, "10.11.0.6", 80, 6);
            lab.AssertReaches(freeToo.Inside, "fd00:11::5", 80, 5);
        }

        lab.Network.Disconnect(linked.Endpoint, linked.Inside);
        lab.Network.RemoveNetwork(network.Id);
        Assert.DoesNotContain("table bridge", lab.Output("nft", "list", "ruleset"), StringComparison.Ordinal);
    }

    [Fact]
    public void NothingEntersOrLeavesAnInternalNetwork()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { IsInternal = true }), other = lab.AddNetwork(11);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80)), two = lab.Run(network, 3), outer = lab.Run(other, 4, HostLab.Tcp(8081, 80));
        lab.Serve(lab.Outside, 100, 80);
        lab.AssertReaches(one.Inside, "10.10.0.3", 80, 3);
        lab.AssertReaches(two.Inside, "fd00:10::2", 80, 2);
        lab.AssertReaches(lab.Host, "10.10.0.2", 80, 2);
        Assert.Equal("refused", lab.Ask(lab.Outside, PortProtocol.Tcp, HostLab.HostAddress, 8080));
        lab.AssertBlocked(lab.Outside, "10.10.0.2", 80);
        lab.AssertBlocked(outer.Inside, "10.10.0.2", 80);

        // There is no default route; and with one that somebody in the container adds nothing is gained.
        Berth.Linux.Namespaces.NetworkNamespace.Run(one.Inside, static () =>
        {
            using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
            Assert.DoesNotContain(Routes.List(route), static found => found.Destination.PrefixLength == 0 && found.Type == RouteType.Unicast);
            Routes.Add(route, Route.Default(System.Net.IPAddress.Parse("10.10.0.1")));
        });
        lab.AssertBlocked(one.Inside, HostLab.OutsideAddress, 80);
        lab.AssertBlocked(one.Inside, "10.11.0.4", 80);
        lab.AssertBlocked(one.Inside, HostLab.HostAddress, 8081);
    }

    [Fact]
    public void AnIsolatedNetworkHasNoWayToTheHost()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { IsInternal = true, IPv4Mode = GatewayMode.Isolated, IPv6Mode = GatewayMode.Isolated });
        LabContainer one = lab.Run(network, 2), two = lab.Run(network, 3);
        lab.AssertReaches(one.Inside, "10.10.0.3", 80, 3);
        lab.AssertReaches(two.Inside, "fd00:10::2", 80, 2);
        LinkInfo bridge = Links.Find(lab.Route, network.Bridge)!;
        Assert.All(Addresses.List(lab.Route, bridge.Index), static address => Assert.True(address.Address.IsIPv6LinkLocal));
    }

    [Fact]
    public void ARoutedNetworkLetsPublishedPortsInWithoutTranslation()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { IPv4Mode = GatewayMode.Routed, IPv6Mode = GatewayMode.Routed });
        LabContainer server = lab.Run(network, 2, HostLab.Tcp(8080, 80), HostLab.Tcp(8080, 80, "::"), HostLab.Tcp(8090, 80)), other = lab.Run(lab.AddNetwork(11), 3);
        lab.Serve(lab.Outside, 100, 80);
        lab.AssertReaches(lab.Outside, "10.10.0.2", 80, 2, HostLab.OutsideAddress);
        lab.AssertReaches(lab.Outside, "fd00:10::2", 80, 2, HostLab.OutsideAddress6);
        lab.AssertReaches(other.Inside, "10.10.0.2", 80, 2);
        lab.AssertBlocked(lab.Outside, "10.10.0.2", 81);
        lab.AssertBlocked(lab.Outside, "fd00:10::2", 81);
        lab.AssertBlocked(other.Inside, "10.10.0.2", 81);
        Assert.Equal("refused", lab.Ask(lab.Outside, PortProtocol.Tcp, HostLab.HostAddress, 8080));
        lab.AssertReaches(server.Inside, HostLab.OutsideAddress, 80, 100, "10.10.0.2");
        Assert.Contains("1 packets received", lab.OutputIn(lab.Outside, "busybox", "ping", "-c", "1", "-W", "5", "10.10.0.2"), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnprotectedNetworkIsOpenToWhoeverHasARoute()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { IPv4Mode = GatewayMode.NatUnprotected, IPv6Mode = GatewayMode.NatUnprotected });
        LabContainer server = lab.Run(network, 2, HostLab.Tcp(8080, 80)), other = lab.Run(lab.AddNetwork(11), 3);
        lab.Serve(lab.Outside, 100, 80);
        lab.AssertReaches(lab.Outside, "10.10.0.2", 81, 2, HostLab.OutsideAddress);
        lab.AssertReaches(lab.Outside, "fd00:10::2", 81, 2, HostLab.OutsideAddress6);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2, HostLab.OutsideAddress);
        lab.AssertReaches(server.Inside, HostLab.OutsideAddress, 80, 100, HostLab.HostAddress);
        lab.AssertBlocked(other.Inside, "10.10.0.2", 81);
    }

    [Fact]
    public void WhatLeavesGetsTheAddressThatWasAskedFor()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => plan with { HostIPv4 = NetAddress.Parse(HostLab.OtherHostAddress) });
        BridgePlan plain = lab.AddNetwork(11, static plan => plan with { HasMasquerade = false });
        lab.Serve(lab.Outside, 100, 80);
        lab.AssertReaches(lab.Run(network, 2).Inside, HostLab.OutsideAddress, 80, 100, HostLab.OtherHostAddress);
        lab.AssertReaches(lab.Run(plain, 3).Inside, HostLab.OutsideAddress, 80, 100, "10.11.0.3");
    }

    [Fact]
    public void TheOwnersRulesComeFirstAndStay()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer server = lab.Run(network, 2, HostLab.Tcp(8080, 80));
        Assert.Equal("", lab.Output("nft", "add", "rule", "inet", "berth", "user", "ip", "saddr", HostLab.OutsideAddress, "drop"));
        lab.AssertBlocked(lab.Outside, HostLab.HostAddress, 8080);
        lab.AddNetwork(11);
        lab.Restart().Restore([network], [server.Endpoint]);
        lab.AssertBlocked(lab.Outside, HostLab.HostAddress, 8080);
        lab.AssertReaches(lab.Host, HostLab.HostAddress, 8080, 2);
        Assert.Equal("", lab.Output("nft", "flush", "chain", "inet", "berth", "user"));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
    }

    [Theory]
    [InlineData(HostLab.HostAddress, "0.0.0.0")]
    [InlineData(HostLab.HostAddress, HostLab.HostAddress)]
    [InlineData(HostLab.HostAddress6, "::")]
    public void WhoSendsDatagramsWithoutEndReachesWhoeverHasThePort(string address, string published)
    {
        BridgePlan network = lab.AddNetwork(10);
        var target = new System.Net.IPEndPoint(System.Net.IPAddress.Parse(address), 8080);
        bool isIPv6 = address.Contains(':');
        using System.Net.Sockets.Socket sender = HostLab.Open(lab.Outside, System.Net.Sockets.SocketType.Dgram, new System.Net.IPEndPoint(isIPv6 ? System.Net.IPAddress.IPv6Any : System.Net.IPAddress.Any, 0));

        // The first datagrams may be lost while addresses are looked for.
        for (int i = 0; Conntrack.List(lab.Filter, target.AddressFamily, System.Net.Sockets.ProtocolType.Udp, 8080).Count == 0; i++)
        {
            Assert.True(i < 100);
            Assert.Equal("silence", Say(sender, target, attempts: 1));
        }

        LabContainer first = lab.Run(network, 2, HostLab.Udp(8080, 80, published));
        Assert.StartsWith("2 ", Say(sender, target), StringComparison.Ordinal);
        lab.Network.Disconnect(first.Endpoint, first.Inside);
        Assert.Equal("silence", Say(sender, target, attempts: 3));
        lab.Run(network, 3, HostLab.Udp(8080, 80, published));
        Assert.StartsWith("3 ", Say(sender, target), StringComparison.Ordinal);
    }

    [Fact]
    public void PortsOfSctpHaveRulesAsOthers()
    {
        // This kernel has no sockets of SCTP: that rules are made, not that packets pass.
        BridgePlan network = lab.AddNetwork(10), routed = lab.AddNetwork(11, static plan => plan with { IPv4Mode = GatewayMode.Routed });
        lab.Run(network, 2, HostLab.Tcp(8080, 80) with { Protocol = PortProtocol.Sctp });
        lab.Run(routed, 3, HostLab.Tcp(8080, 80) with { Protocol = PortProtocol.Sctp });
        Assert.Contains("sctp . 8080 : 10.10.0.2 . 80", lab.Output("nft", "list", "map", "inet", "berth", "any4"), StringComparison.Ordinal);
        Assert.Contains("10.11.0.3 . sctp . 80", lab.Output("nft", "list", "set", "inet", "berth", "open4"), StringComparison.Ordinal);
    }

    private static string Say(System.Net.Sockets.Socket sender, System.Net.IPEndPoint target, int attempts = 100)
    {
        var buffer = new byte[200];
        sender.ReceiveTimeout = 100;
        while (sender.Poll(TimeSpan.Zero, System.Net.Sockets.SelectMode.SelectRead))
        {
            try
            {
                sender.Receive(buffer); // An answer to an earlier attempt.
            }
            catch (System.Net.Sockets.SocketException)
            {
                // Nobody was there.
            }
        }

        for (int attempt = 0; attempt < attempts; attempt++)
        {
            try
            {
                sender.SendTo("?"u8, target);
                return System.Text.Encoding.ASCII.GetString(buffer, 0, sender.Receive(buffer));
            }
            catch (System.Net.Sockets.SocketException e) when (e.SocketErrorCode is System.Net.Sockets.SocketError.TimedOut or System.Net.Sockets.SocketError.WouldBlock or System.Net.Sockets.SocketError.ConnectionRefused)
            {
                // Nobody there, or one datagram was lost.
            }
        }

        return "silence";
    }
}
