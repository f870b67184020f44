using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class NftTransactionTests
{
    private static readonly NftTable Table = new(NftFamily.Inet, "berth");
    private static readonly NftSetConfig Names = new() { Name = "names", Key = [NftDataType.InterfaceName] };

    [Fact]
    public void OneThatFailsLeavesNothingAndSaysWhy()
    {
        using var network = new TestNetwork();
        using var transaction = new NftTransaction();
        transaction.AddTable(Table);
        transaction.AddSet(Table, Names);
        transaction.AddElements(Table, Names, new NftElement(NftValue.Interface("br0")));
        transaction.AddChain(Table, new NftChainConfig { Name = "user" });
        transaction.AddRule(Table, "user", new NftRule().InputInterface("br0").Jump("absent"));
        transaction.AddChain(Table, new NftChainConfig { Name = "last" });
        var e = Assert.Throws<LinuxException>(() => transaction.Commit(network.Filter));
        Assert.Equal((Errno.ENOENT, "nf_tables"), (e.Errno, e.Call));
        Assert.StartsWith("add rule inet berth user: iifname \"br0\" jump absent (change 5 of 6)", e.Subject);
        Assert.Empty(NftRuleset.Tables(network.Filter));
        Assert.Equal("", network.Output("nft", "list", "ruleset"));

        // The socket is as good as before.
        using var next = new NftTransaction();
        next.AddTable(Table);
        next.Commit(network.Filter);
        Assert.Single(NftRuleset.Tables(network.Filter));
    }

    [Fact]
    public void WhatIsThereIsToldWhenItShouldBeNew()
    {
        using var network = new TestNetwork();
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table, isNew: true);
            transaction.AddTable(Table);
            transaction.Commit(network.Filter);
        }

        using var again = new NftTransaction();
        again.AddTable(Table, isNew: true);
        var e = Assert.Throws<LinuxException>(() => again.Commit(network.Filter));
        Assert.Equal(Errno.EEXIST, e.Errno);
        Assert.Contains("add table inet berth (change 1 of 1)", e.Message);
    }

    [Fact]
    public void ManyFailuresAreOneErrorOfTheFirst()
    {
        using var network = new TestNetwork();
        using var transaction = new NftTransaction();
        transaction.AddTable(Table);
        for (int i = 0; i < 2000; i++)
            transaction.DeleteChain(Table, $"absent{i}");
        var e = Assert.Throws<LinuxException>(() => transaction.Commit(network.Filter));
        Assert.Contains("delete chain inet berth absent0 (change 2 of 2001)", e.Message);
        Assert.Empty(NftRuleset.Tables(network.Filter));
    }

    [Fact]
    public void AMapKeepsWhatItHas()
    {
        using var network = new TestNetwork();
        var map = new NftSetConfig { Name = "map", Key = [NftDataType.Mark], Data = [NftDataType.Ipv4Address] };
        var element = new NftElement(NftValue.Number(1), NftValue.Of(IPAddress.Parse("10.0.0.1")));
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, map);
            transaction.AddElements(Table, map, element, element);
            transaction.Commit(network.Filter);
        }

        using var other = new NftTransaction();
        other.AddElements(Table, map, element with { Data = NftValue.Of(IPAddress.Parse("10.0.0.2")) });
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => other.Commit(network.Filter)).Errno);
        Assert.Equal([element], NftRuleset.Elements(network.Filter, Table, "map"));
    }

    [Fact]
    public void WhatMayBeAbsentIsDeletedFromASet()
    {
        using var network = new TestNetwork();
        NftElement[] elements = [.. ((string[])["br0", "br1", "br2"]).Select(name => new NftElement(NftValue.Interface(name)))];
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, Names);
            transaction.AddElements(Table, Names, elements[0], elements[1]);
            transaction.Commit(network.Filter);
        }

        for (int i = 0; i < 2; i++)
        {
            using var transaction = new NftTransaction();
            transaction.DeleteElements(Table, Names, mayBeAbsent: true, elements[1], elements[2], elements[2]);
            transaction.Commit(network.Filter);
            Assert.Equal([elements[0]], NftRuleset.Elements(network.Filter, Table, "names"));
        }

        using var failing = new NftTransaction();
        failing.DeleteElements(Table, Names, mayBeAbsent: true, elements[0], elements[2]);
        failing.DeleteElements(Table, Names, mayBeAbsent: false, elements[2]);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => failing.Commit(network.Filter)).Errno);
        Assert.Equal([elements[0]], NftRuleset.Elements(network.Filter, Table, "names"));
    }

    [KernelFact("6.3", "deleting what may be absent from a map or a set of ranges")]
    public void WhatMayBeAbsentIsDeletedFromAMapAndFromRanges()
    {
        using var network = new TestNetwork();
        var map = new NftSetConfig { Name = "map", Key = [NftDataType.Mark], Data = [NftDataType.Ipv4Address] };
        var ranges = new NftSetConfig { Name = "ranges", Key = [NftDataType.Ipv4Address], IsInterval = true };
        NftElement kept = NftElement.Network(IPNetwork.Parse("10.1.0.0/16")), absent = NftElement.Network(IPNetwork.Parse("10.2.0.0/16"));
        var element = new NftElement(NftValue.Number(1), NftValue.Of(IPAddress.Parse("10.0.0.1")));
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, map);
            transaction.AddSet(Table, ranges);
            transaction.AddElements(Table, map, element);
            transaction.AddElements(Table, ranges, kept);
            transaction.Commit(network.Filter);
        }

        for (int i = 0; i < 2; i++)
        {
            using var transaction = new NftTransaction();
            transaction.DeleteElements(Table, map, mayBeAbsent: true, element with { Data = NftValue.Of(IPAddress.Parse("10.0.0.2")) });
            transaction.DeleteElements(Table, ranges, mayBeAbsent: true, absent);
            transaction.Commit(network.Filter);
            Assert.Empty(NftRuleset.Elements(network.Filter, Table, "map"));
            Assert.Equal([kept], NftRuleset.Elements(network.Filter, Table, "ranges"));
        }
    }

    [Fact]
    public void NothingIsDoneByAnEmptyOneAndNothingTwice()
    {
        using var network = new TestNetwork();
        uint generation = NftRuleset.Generation(network.Filter);
        using var transaction = new NftTransaction();
        transaction.Commit(network.Filter);
        Assert.Equal(generation, NftRuleset.Generation(network.Filter));
        Assert.Throws<InvalidOperationException>(() => transaction.Commit(network.Filter));
        Assert.Throws<InvalidOperationException>(() => transaction.AddTable(Table));
    }

    [Fact]
    public void WhatCannotBeIsRefusedBeforeItIsSent()
    {
        using var transaction = new NftTransaction();
        Assert.Throws<ArgumentException>(() => transaction.AddElements(Table, Names, new NftElement(NftValue.Number(1))));
        Assert.Throws<ArgumentException>(() => transaction.AddElements(Table, Names, new NftElement(NftValue.Interface("a"), NftValue.Number(1))));
        Assert.Throws<ArgumentException>(() => transaction.AddElements(Table, Names, new NftElement(NftValue.Interface("a"), Last: NftValue.Interface("b"))));
        Assert.Throws<ArgumentException>(() => transaction.AddRule(Table, "a", new NftRule { Comment = new string('x', 129) }.Accept()));
        Assert.Throws<ArgumentException>(() => NftValue.Interface("a name that is long"));
        Assert.Throws<InvalidOperationException>(() => new NftRule().Accept().Drop());
        Assert.Throws<InvalidOperationException>(() => new NftRule().Source(IPNetwork.Parse("10.0.0.0/8")).Source(IPNetwork.Parse("fd00::/8")));
        Assert.Throws<InvalidOperationException>(() => new NftRule().DestinationPort(ProtocolType.Tcp, 1).SourcePort(ProtocolType.Udp, 1));
        Assert.Throws<InvalidOperationException>(() => new NftRule().DestinationNat(IPAddress.Loopback, 80));
        Assert.Throws<ArgumentException>(() => new NftRule().Match(NftField.Mark, NftValue.Service(1)));
        Assert.Equal("ip saddr 10.0.0.0/8 oifname != \"br0\" masquerade",
            new NftRule().Source(IPNetwork.Parse("10.0.0.0/8")).OutputInterface("br0", not: true).Masquerade().ToString());
    }
}
