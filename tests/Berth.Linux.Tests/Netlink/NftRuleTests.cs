using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>Rules are what nft(8) shows.</summary>
public sealed class NftRuleTests
{
    private static readonly NftTable Table = new(NftFamily.Inet, "berth");

    [Fact]
    public void NftShowsTablesChainsAndRules()
    {
        using var network = new TestNetwork();
        using var transaction = new NftTransaction();
        transaction.AddTable(Table);
        transaction.AddChain(Table, new NftChainConfig { Name = "prerouting", Base = new NftBase("nat", NftHook.Prerouting, -100) });
        transaction.AddChain(Table, new NftChainConfig { Name = "postrouting", Base = new NftBase("nat", NftHook.Postrouting, 100) });
        transaction.AddChain(Table, new NftChainConfig { Name = "forward", Base = new NftBase("filter", NftHook.Forward, 0, IsDropping: true) });
        transaction.AddChain(Table, new NftChainConfig { Name = "user" });
        transaction.AddChain(Table, new NftChainConfig { Name = "other" });
        foreach (NftRule rule in (NftRule[])[
            new NftRule().Jump("user"),
            new NftRule { Comment = "what goes on" }.ConnectionState(NftConnectionState.Established | NftConnectionState.Related).Counter().Accept(),
            new NftRule().ConnectionStatus(NftConnectionStatus.DestinationNat).Accept(),
            new NftRule().InputInterface("br0").OutputInterface("br0", not: true).Drop(),
            new NftRule().InputInterface("br-*").Goto("other"),
            new NftRule().Source(IPNetwork.Parse("10.1.0.0/16")).Destination(IPNetwork.Parse("10.1.2.3/32"), not: true).Return(),
            new NftRule().Source(IPNetwork.Parse("fd00:1::/64")).DestinationPort(ProtocolType.Udp, 53).Accept(),
            new NftRule().Protocol(ProtocolType.Icmp).Accept(),
            new NftRule().DestinationType(RouteType.Local).Accept(),
            new NftRule().SourcePort(ProtocolType.Tcp, 1000).Reject(NftReject.TcpReset),
            new NftRule().Match(NftField.Mark, NftValue.Number(5)).SetMark(6),
            new NftRule().Reject(NftReject.AdminProhibited)])
            transaction.AddRule(Table, "forward", rule);
        transaction.AddRule(Table, "prerouting", new NftRule().DestinationPort(ProtocolType.Tcp, 80).DestinationNat(IPAddress.Parse("10.1.2.3"), 8080));
        transaction.AddRule(Table, "prerouting", new NftRule().DestinationPort(ProtocolType.Udp, 80).DestinationNat(IPAddress.Parse("fd00::3"), 8080));
        transaction.InsertRule(Table, "postrouting", new NftRule().SourceNat(IPAddress.Parse("10.1.0.1")));
        transaction.InsertRule(Table, "postrouting", new NftRule().Source(IPNetwork.Parse("10.1.0.0/16")).OutputInterface("br0", not: true).Masquerade());
        transaction.Commit(network.Filter);

        string shown = network.ShowRules();
        Assert.Equal(TestNetwork.Normalize("""
            table inet berth {
                chain prerouting {
                    type nat hook prerouting priority dstnat; policy accept;
                    tcp dport 80 dnat ip to 10.1.2.3:8080
                    udp dport 80 dnat ip6 to [fd00::3]:8080
                }
                chain postrouting {
                    type nat hook postrouting priority srcnat; policy accept;
                    ip saddr 10.1.0.0/16 oifname != "br0" masquerade
                    snat ip to 10.1.0.1
                }
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    jump user
                    ct state established,related counter packets 0 bytes 0 accept comment "what goes on"
                    ct status dnat accept
                    iifname "br0" oifname != "br0" drop
                    iifname "br-*" goto other
                    ip saddr 10.1.0.0/16 ip daddr != 10.1.2.3 return
                    ip6 saddr fd00:1::/64 udp dport 53 accept
                    meta l4proto icmp accept
                    fib daddr type local accept
                    tcp sport 1000 reject with tcp reset
                    meta mark 0x00000005 meta mark set 0x00000006
                    reject with icmpx admin-prohibited
                }
                chain user {
                }
                chain other {
                }
            }
            """), shown);

        Assert.Equal(["prerouting", "postrouting", "forward", "user", "other"], NftRuleset.Chains(network.Filter, Table).Select(chain => chain.Name));
        Assert.Equal(new NftBase("filter", NftHook.Forward, 0, IsDropping: true), NftRuleset.Chains(network.Filter, Table)[2].Base);
        Assert.Equal(-100, NftRuleset.Chains(network.Filter, Table)[0].Base!.Priority);
        Assert.Null(NftRuleset.Chains(network.Filter, Table)[3].Base);
        IReadOnlyList<NftRuleInfo> rules = NftRuleset.Rules(network.Filter, Table, "forward");
        Assert.Equal(12, rules.Count);
        Assert.Equal(("what goes on", new NftCount(0, 0)), (rules[1].Comment, rules[1].Count));
        Assert.Equal(["ct", "bitwise", "cmp", "counter", "immediate"], rules[1].Expressions);
        Assert.Equal(16, NftRuleset.Rules(network.Filter, Table).Count);
        Assert.Equal(Table, Assert.Single(NftRuleset.Tables(network.Filter)).Table);
    }

    [Theory]
    [InlineData(NftFamily.Ip, "10.1.0.0/16", "10.1.2.3", "ip", "icmp admin-prohibited")]
    [InlineData(NftFamily.Ip6, "fd00:1::/64", "fd00:1::3", "ip6", "icmpv6 admin-prohibited")]
    public void TablesOfOneFamilyNeedNoLookAtIt(NftFamily family, string addresses, string target, string word, string reason)
    {
        using var network = new TestNetwork();
        var table = new NftTable(family, "berth");
        using var transaction = new NftTransaction();
        transaction.AddTable(table);
        transaction.AddChain(table, new NftChainConfig { Name = "forward", Base = new NftBase("filter", NftHook.Forward, -5) });
        transaction.AddChain(table, new NftChainConfig { Name = "output", Base = new NftBase("nat", NftHook.Output, -100) });
        transaction.AddRule(table, "forward", new NftRule(family).Source(IPNetwork.Parse(addresses)).Reject(NftReject.AdminProhibited));
        transaction.AddRule(table, "output", new NftRule(family).Destination(IPNetwork.Parse(addresses)).DestinationNat(IPAddress.Parse(target)));
        transaction.Commit(network.Filter);
        Assert.Equal(TestNetwork.Normalize($$"""
            table {{word}} berth {
                chain forward {
                    type filter hook forward priority filter - 5; policy accept;
                    {{word}} saddr {{addresses}} reject with {{reason}}
                }
                chain output {
                    type nat hook output priority -100; policy accept;
                    {{word}} daddr {{addresses}} dnat to {{target}}
                }
            }
            """), network.ShowRules());
        Assert.Equal(["payload", "bitwise", "cmp", "reject"], NftRuleset.Rules(network.Filter, table, "forward")[0].Expressions);
        Assert.Throws<InvalidOperationException>(() => new NftRule(NftFamily.Ip).Source(IPNetwork.Parse("fd00::/8")));
    }
}
