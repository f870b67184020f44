using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Ipam;

public sealed class SubnetChooserTests
{
    private static readonly SubnetChooser Chooser = new(AddressPoolSource.Defaults);

    [Fact]
    public void TheFirstFreePoolIsChosen()
    {
        Assert.Equal("172.17.0.0/24", Choose([], []));
        Assert.Equal("172.17.1.0/24", Choose(["172.17.0.0/24"], []));
        Assert.Equal("172.17.0.0/24", Choose(["172.17.1.0/24"], []));
        Assert.Equal("172.18.0.0/24", Choose(["172.17.0.0/16"], []));
        Assert.Equal("172.17.1.0/24", Choose(["172.17.0.77/32", "172.17.0.128/25"], []));
        Assert.Equal("192.168.0.0/24", Choose(["172.16.0.0/12"], []));
    }

    [Fact]
    public void RoutesOfTheHostAreAvoidedButNotTheWayToEverything()
    {
        Assert.Equal("172.17.0.0/24", Choose([], ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0"]));
        Assert.Equal("192.168.1.0/24", Choose(["172.0.0.0/8"], ["192.168.0.0/24", "192.168.5.0/24"]));
        Assert.Equal("172.20.0.0/24", Choose(["172.18.0.0/16"], ["172.17.0.0/16", "172.19.0.0/16"]));
    }

    [Fact]
    public void NoFreePoolIsToldInDockersWords()
    {
        EngineException error = Assert.Throws<EngineException>(() => Choose(["172.0.0.0/8", "192.168.0.0/16"], []));
        Assert.Equal("could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network", error.Message);
        error = Assert.Throws<EngineException>(() => Chooser.Choose(isIPv6: true, [], []));
        Assert.Equal("could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network", error.Message);
    }

    [Fact]
    public void AnOverlappingPoolIsRefusedInDockersWords()
    {
        Subnet[] others = [Subnet.Parse("10.99.1.0/24"), Subnet.Parse("fd99::/64")];
        SubnetChooser.ThrowIfOverlapping(Subnet.Parse("10.99.2.0/24"), others);
        EngineException error = Assert.Throws<EngineException>(() => SubnetChooser.ThrowIfOverlapping(Subnet.Parse("10.99.0.0/16"), others));
        Assert.Equal((ErrorKind.Forbidden, "Pool overlaps with other one on this address space"), (error.Kind, error.Message));
    }

    [Fact]
    public void PoolsOfUniqueLocalAddressesFollowFromTheSeed()
    {
        AddressPoolSource source = AddressPoolSource.UniqueLocal("seed"u8);
        Assert.Equal(source, AddressPoolSource.UniqueLocal("seed"u8));
        Assert.NotEqual(source, AddressPoolSource.UniqueLocal("other"u8));
        Assert.True(Subnet.Parse("fd00::/8").Contains(source.Base));
        Assert.Equal((48, 64), (source.Base.PrefixLength, source.Size));

        var chooser = new SubnetChooser([source]);
        Subnet first = chooser.Choose(isIPv6: true, [], [Subnet.Parse("::/0")]);
        Subnet second = chooser.Choose(isIPv6: true, [first], []);
        Assert.Equal((source.Base.Address, 64), (first.Address, first.PrefixLength));
        Assert.Equal(first.Last.Plus(1), second.Address);
    }

    [Fact]
    public void DockersPoolsAreThirtyOne()
    {
        var chooser = new SubnetChooser(AddressPoolSource.DockerDefaults);
        var taken = new List<Subnet>();
        for (int i = 0; i < 31; i++)
        {
            taken.Add(chooser.Choose(isIPv6: false, taken, []));
        }

        Assert.Equal("172.31.0.0/16 192.168.0.0/20 192.168.240.0/20", $"{taken[14]} {taken[15]} {taken[30]}");
        Assert.Throws<EngineException>(() => chooser.Choose(isIPv6: false, taken, []));
    }

    [Theory]
    [InlineData("10.0.0.0/8", 7)]
    [InlineData("10.0.0.0/8", 31)]
    [InlineData("fd00::/48", 127)]
    public void ASizeThatCannotBeIsRefused(string pool, int size) =>
        Assert.StartsWith($"invalid default address pool: base {pool} with size {size}", Assert.Throws<EngineException>(() => new AddressPoolSource(Subnet.Parse(pool), size)).Message, StringComparison.Ordinal);

    [Fact]
    public void PoolsAtTheEndOfTheAddressesEnd()
    {
        var chooser = new SubnetChooser([new AddressPoolSource(Subnet.Parse("255.255.255.0/24"), 25), new AddressPoolSource(Subnet.Parse("ffff:ffff:ffff:ffff::/64"), 65)]);
        Assert.Equal("255.255.255.128/25", chooser.Choose(isIPv6: false, [Subnet.Parse("255.255.255.0/25")], []).ToString());
        Assert.Throws<EngineException>(() => chooser.Choose(isIPv6: false, [Subnet.Parse("255.255.0.0/16")], []));
        Assert.Throws<EngineException>(() => chooser.Choose(isIPv6: true, [Subnet.Parse("ffff::/16")], []));
    }

    [Fact]
    public void WhatIsChosenOverlapsNothingAndNothingBeforeItWasFree()
    {
        var random = new Random(7);
        for (int round = 0; round < 300; round++)
        {
            var source = new AddressPoolSource(Subnet.Parse("10.0.0.0/22"), random.Next(22, 28));
            Subnet[] taken = [.. Enumerable.Range(0, random.Next(12)).Select(_ => Subnet.Of(NetAddress.IPv4(0x0a000000 + (uint)random.Next(1024)), random.Next(22, 33)))];
            Subnet? wanted = Enumerable.Range(0, 1 << (source.Size - 22))
                .Select(i => Subnet.Of(source.Base.At((UInt128)i << (32 - source.Size)), source.Size))
                .Where(block => !taken.Any(block.Overlaps)).Select(static block => (Subnet?)block).FirstOrDefault();
            Subnet? got = null;
            try
            {
                got = new SubnetChooser([source]).Choose(isIPv6: false, taken, []);
            }
            catch (EngineException)
            {
                Assert.Null(wanted);
            }

            Assert.Equal(wanted, got);
        }
    }

    private static string Choose(string[] networks, string[] host) =>
        Chooser.Choose(isIPv6: false, networks.Select(Subnet.Parse), host.Select(Subnet.Parse)).ToString();
}
