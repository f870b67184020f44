using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>What is made is what nft(8) shows, and what is listed.</summary>
public sealed class NftRulesetTests
{
    private static readonly NftTable Table = new(NftFamily.Inet, "berth");

    private static readonly NftSetConfig Ports = new()
    {
        Name = "ports", Key = [NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService],
        Data = [NftDataType.Ipv4Address, NftDataType.InetService], Comment = "published ports",
    };

    private static readonly NftSetConfig Ports6 = new()
    {
        Name = "ports6", Key = [NftDataType.InetProtocol, NftDataType.InetService], Data = [NftDataType.Ipv6Address, NftDataType.InetService],
    };

    private static readonly NftSetConfig Bridges = new() { Name = "bridges", Key = [NftDataType.InterfaceName] };

    private static readonly NftSetConfig Pairs = new() { Name = "pairs", Key = [NftDataType.InterfaceName, NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService] };

    private static readonly NftSetConfig Internal = new() { Name = "internal", Key = [NftDataType.Ipv4Address], IsInterval = true };

    private static readonly NftSetConfig Allowed = new() { Name = "allowed", Key = [NftDataType.Ipv4Address, NftDataType.InetService], IsInterval = true };

    private static readonly NftSetConfig Verdicts = new() { Name = "verdicts", Key = [NftDataType.InterfaceName], Data = [NftDataType.Verdict] };

    [Fact]
    public void NftShowsSetsAndMaps()
    {
        using var network = new TestNetwork();
        Make(network);
        string shown = network.ShowRules();
        Assert.Equal(TestNetwork.Normalize("""
            table inet berth {
                map ports {
                    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
                    comment "published ports"
                    elements = { 127.0.0.1 . tcp . 8080 : 10.1.0.2 . 80 }
                }
                map ports6 {
                    type inet_proto . inet_service : ipv6_addr . inet_service
                    elements = { udp . 53 : fd00::2 . 5353 }
                }
                set bridges {
                    type ifname
                    elements = { "br0" }
                }
                set pairs {
                    type ifname . ipv4_addr . inet_proto . inet_service
                    elements = { "br0" . 10.1.0.2 . tcp . 80 }
                }
                set internal {
                    type ipv4_addr
                    flags interval
                    elements = { 10.1.0.0/16, 10.2.0.1-10.2.0.9, 10.3.0.1, 255.255.255.0/24 }
                }
                set allowed {
                    type ipv4_addr . inet_service
                    flags interval
                    elements = { 10.1.0.0/24 . 80-90, 10.4.0.1 . 1 }
                }
                map verdicts {
                    type ifname : verdict
                    elements = { "br0" : jump other, "br1" : drop }
                }
                chain forward {
                    type filter hook forward priority filter; policy accept;
                    iifname @bridges accept
                    iifname . ip daddr . meta l4proto . th dport @pairs accept
                    ip saddr != @internal accept
                    ip saddr . th dport @allowed accept
                    iifname vmap @verdicts
                }
                chain prerouting {
                    type nat hook prerouting priority dstnat; policy accept;
                    fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports
                    fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6
                }
                chain other {
                }
            }
            """), shown);
    }

    [Fact]
    public void ElementsAreListedDeletedAndFlushed()
    {
        using var network = new TestNetwork();
        Make(network);
        Assert.Equal([Port("127.0.0.1", 8080, "10.1.0.2", 80)], NftRuleset.Elements(network.Filter, Table, "ports"));
        Assert.Equal(InternalElements, NftRuleset.Elements(network.Filter, Table, "internal"));
        Assert.Equal(AllowedElements, NftRuleset.Elements(network.Filter, Table, "allowed"));
        Assert.Equal(VerdictElements, NftRuleset.Elements(network.Filter, Table, "verdicts"));
        NftSetInfo ports = NftRuleset.Sets(network.Filter, Table).Single(set => set.Name == "ports");
        Assert.Equal((12, 8), (ports.KeyBytes, ports.DataBytes));
        using (var deletion = new NftTransaction())
        {
            deletion.DeleteElements(Table, Ports, mayBeAbsent: false, Port("127.0.0.1", 8080, "10.1.0.2", 80));
            deletion.DeleteElements(Table, Internal, mayBeAbsent: false, InternalElements[1], InternalElements[3]);
            deletion.DeleteElements(Table, Allowed, mayBeAbsent: false, AllowedElements[0]);
            deletion.DeleteElements(Table, Bridges, mayBeAbsent: true, new NftElement(NftValue.Interface("absent")));
            deletion.FlushSet(Table, "verdicts");
            deletion.Commit(network.Filter);
        }

        Assert.Empty(NftRuleset.Elements(network.Filter, Table, "ports"));
        Assert.Equal([InternalElements[0], InternalElements[2]], NftRuleset.Elements(network.Filter, Table, "internal"));
        Assert.Equal([AllowedElements[1]], NftRuleset.Elements(network.Filter, Table, "allowed"));
        Assert.Empty(NftRuleset.Elements(network.Filter, Table, "verdicts"));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => NftRuleset.Elements(network.Filter, Table, "absent")).Errno);
    }

    [Fact]
    public void NetworksSideBySideAreTwoElements()
    {
        using var network = new TestNetwork();
        NftElement[] elements = [.. ((string[])["10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24"]).Select(text => NftElement.Network(IPNetwork.Parse(text)))];
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, Internal);
            transaction.AddElements(Table, Internal, elements);
            transaction.Commit(network.Filter);
        }

        Assert.Equal(elements, NftRuleset.Elements(network.Filter, Table, "internal"));
        foreach (int removed in (int[])[1, 0])
        {
            using var transaction = new NftTransaction();
            transaction.DeleteElements(Table, Internal, mayBeAbsent: false, elements[removed]);
            transaction.Commit(network.Filter);
        }

        Assert.Equal([elements[2]], NftRuleset.Elements(network.Filter, Table, "internal"));
        Assert.Contains("elements = { 10.1.2.0/24 }", network.ShowRules());

        // A part of what is there overlaps it.
        using var overlapping = new NftTransaction();
        overlapping.AddElements(Table, Internal, NftElement.Network(IPNetwork.Parse("10.1.2.128/25")));
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => overlapping.Commit(network.Filter)).Errno);
    }

    // No end is told of what goes up to the last address; in a set with nothing else, no end at all.
    [Theory]
    [InlineData("255.255.255.0/24")]
    [InlineData("255.255.255.255/32")]
    [InlineData("128.0.0.0/1")]
    [InlineData("0.0.0.0/0")]
    public void ARangeUpToTheLastAddressHasItsEnd(string network)
    {
        using var host = new TestNetwork();
        var parsed = IPNetwork.Parse(network);
        NftElement element = parsed.PrefixLength == 32 ? new(NftValue.Of(parsed.BaseAddress)) : NftElement.Network(parsed);
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, Internal);
            transaction.AddElements(Table, Internal, element);
            transaction.Commit(host.Filter);
        }

        Assert.Equal([element], NftRuleset.Elements(host.Filter, Table, "internal"));
        using (var transaction = new NftTransaction())
        {
            transaction.DeleteElements(Table, Internal, mayBeAbsent: false, element);
            transaction.Commit(host.Filter);
        }

        Assert.Empty(NftRuleset.Elements(host.Filter, Table, "internal"));
    }

    [Fact]
    public void EverythingCanBeDeletedAndFlushed()
    {
        using var network = new TestNetwork();
        Make(network);
        uint generation = NftRuleset.Generation(network.Filter);
        using (var deletion = new NftTransaction())
        {
            deletion.DeleteRule(Table, "forward", NftRuleset.Rules(network.Filter, Table, "forward")[0].Handle);
            deletion.FlushChain(Table, "prerouting");
            deletion.DeleteSet(Table, "ports");
            deletion.DeleteSet(Table, "bridges");
            deletion.DeleteChain(Table, "prerouting");
            deletion.Commit(network.Filter);
        }

        Assert.Equal(4, NftRuleset.Rules(network.Filter, Table).Count);
        Assert.DoesNotContain(NftRuleset.Sets(network.Filter, Table), set => set.Name is "ports" or "bridges");
        Assert.Equal(["forward", "other"], NftRuleset.Chains(network.Filter, Table).Select(chain => chain.Name));
        using (var deletion = new NftTransaction())
        {
            deletion.FlushTable(Table);
            deletion.Commit(network.Filter);
        }

        Assert.Empty(NftRuleset.Rules(network.Filter, Table));
        using (var deletion = new NftTransaction())
        {
            deletion.DeleteTable(Table);
            deletion.Commit(network.Filter);
        }

        Assert.Empty(NftRuleset.Tables(network.Filter));
        Assert.Equal(generation + 3, NftRuleset.Generation(network.Filter));
        Assert.Equal("", network.Output("nft", "list", "ruleset"));
    }

    [Fact]
    public void ThousandsOfElementsAreOneTransaction()
    {
        using var network = new TestNetwork();
        NftElement[] elements = [.. Enumerable.Range(1, 20000).Select(i => Port("127.0.0.1", (ushort)i, $"10.{i / 256}.{i % 256}.1", 80))];
        using var transaction = new NftTransaction();
        transaction.AddTable(Table);
        transaction.AddSet(Table, Ports);
        transaction.AddElements(Table, Ports, elements);
        transaction.Commit(network.Filter);
        Assert.Equal(elements, NftRuleset.Elements(network.Filter, Table, "ports"));
    }

    internal static NftElement Port(string address, ushort port, string to, ushort toPort) => new(
        NftValue.Concat(NftValue.Of(IPAddress.Parse(address)), NftValue.Protocol(ProtocolType.Tcp), NftValue.Service(port)),
        NftValue.Concat(NftValue.Of(IPAddress.Parse(to)), NftValue.Service(toPort)));

    private static NftElement[] InternalElements =>
    [
        NftElement.Network(IPNetwork.Parse("10.1.0.0/16")),
        new(NftValue.Of(IPAddress.Parse("10.2.0.1")), Last: NftValue.Of(IPAddress.Parse("10.2.0.9"))),
        new(NftValue.Of(IPAddress.Parse("10.3.0.1"))),
        NftElement.Network(IPNetwork.Parse("255.255.255.0/24")),
    ];

    private static NftElement[] AllowedElements =>
    [
        new(NftValue.Concat(NftValue.Of(IPAddress.Parse("10.1.0.0")), NftValue.Service(80)), Last: NftValue.Concat(NftValue.Of(IPAddress.Parse("10.1.0.255")), NftValue.Service(90))),
        new(NftValue.Concat(NftValue.Of(IPAddress.Parse("10.4.0.1")), NftValue.Service(1))),
    ];

    private static NftElement[] VerdictElements =>
    [
        new(NftValue.Interface("br0"), Verdict: new NftVerdict(NftVerdictCode.Jump, "other")),
        new(NftValue.Interface("br1"), Verdict: new NftVerdict(NftVerdictCode.Drop)),
    ];

    private static void Make(TestNetwork network)
    {
        using var transaction = new NftTransaction();
        transaction.AddTable(Table);
        foreach (NftSetConfig set in (NftSetConfig[])[Ports, Ports6, Bridges, Pairs, Internal, Allowed, Verdicts])
            transaction.AddSet(Table, set);
        transaction.AddChain(Table, new NftChainConfig { Name = "forward", Base = new NftBase("filter", NftHook.Forward, 0) });
        transaction.AddChain(Table, new NftChainConfig { Name = "prerouting", Base = new NftBase("nat", NftHook.Prerouting, -100) });
        transaction.AddChain(Table, new NftChainConfig { Name = "other" });
        transaction.AddRule(Table, "forward", new NftRule().In("bridges", NftField.InputInterface).Accept());
        transaction.AddRule(Table, "forward", new NftRule().In("pairs", NftField.InputInterface, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort).Accept());
        transaction.AddRule(Table, "forward", new NftRule().NotIn("internal", NftField.Ipv4Source).Accept());
        transaction.AddRule(Table, "forward", new NftRule().In("allowed", NftField.Ipv4Source, NftField.DestinationPort).Accept());
        transaction.AddRule(Table, "forward", new NftRule().VerdictMap("verdicts", NftField.InputInterface));
        transaction.AddRule(Table, "prerouting", new NftRule().DestinationType(RouteType.Local)
            .DestinationNat(AddressFamily.InterNetwork, "ports", hasPort: true, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort));
        transaction.AddRule(Table, "prerouting", new NftRule().DestinationType(RouteType.Local)
            .DestinationNat(AddressFamily.InterNetworkV6, "ports6", hasPort: true, NftField.Protocol, NftField.DestinationPort));
        transaction.AddElements(Table, Ports, Port("127.0.0.1", 8080, "10.1.0.2", 80));
        transaction.AddElements(Table, Ports6, new NftElement(
            NftValue.Concat(NftValue.Protocol(ProtocolType.Udp), NftValue.Service(53)), NftValue.Concat(NftValue.Of(IPAddress.Parse("fd00::2")), NftValue.Service(5353))));
        transaction.AddElements(Table, Bridges, new NftElement(NftValue.Interface("br0")));
        transaction.AddElements(Table, Pairs, new NftElement(NftValue.Concat(
            NftValue.Interface("br0"), NftValue.Of(IPAddress.Parse("10.1.0.2")), NftValue.Protocol(ProtocolType.Tcp), NftValue.Service(80))));
        transaction.AddElements(Table, Internal, InternalElements);
        transaction.AddElements(Table, Allowed, AllowedElements);
        transaction.AddElements(Table, Verdicts, VerdictElements);
        transaction.Commit(network.Filter);
    }
}
