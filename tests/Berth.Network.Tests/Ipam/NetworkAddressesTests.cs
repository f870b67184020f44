using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Ipam;

public sealed class NetworkAddressesTests
{
    [Fact]
    public void EveryFaultOfAConfigurationIsToldInDockersWords()
    {
        EngineException error = Assert.Throws<EngineException>(() => AddressPoolConfig.Check(
        [
            new AddressPoolRequest { Subnet = "foo" },
            new AddressPoolRequest { Subnet = "10.1.2.3/24" },
            new AddressPoolRequest { Subnet = "10.2.0.0/24", IpRange = "10.0.0.0/8", Gateway = "10.3.0.1", AuxAddresses = new Dictionary<string, string> { ["a"] = "10.3.0.2" } },
            new AddressPoolRequest { Subnet = "10.4.0.0/24", IpRange = "10.4.1.9/25", Gateway = "dummy", AuxAddresses = new Dictionary<string, string> { ["b"] = "" } },
            new AddressPoolRequest { Subnet = "10.5.0.0/24", IpRange = "2001:db8::/32", Gateway = "2001:db8::1", AuxAddresses = new Dictionary<string, string> { ["c"] = "::1" } },
            new AddressPoolRequest { Subnet = "fd00::/64", IpRange = "bar", Gateway = "10.0.0.1" },
        ]));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Equal(
            """
            invalid network config:
            invalid subnet foo: invalid CIDR block notation
            invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24
            invalid auxiliary address a: parent subnet 10.2.0.0/24 doesn't contain this address
            invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.2.0.0/24
            invalid gateway 10.3.0.1: parent subnet 10.2.0.0/24 doesn't contain this address
            invalid auxiliary address b: invalid address
            invalid ip-range 10.4.1.9/25: it should be 10.4.1.0/25
            invalid ip-range 10.4.1.9/25: parent subnet 10.4.0.0/24 doesn't contain ip-range
            invalid gateway dummy: invalid address
            invalid auxiliary address c: parent subnet is an IPv4 block
            invalid ip-range 2001:db8::/32: parent subnet is an IPv4 block
            invalid gateway 2001:db8::1: parent subnet is an IPv4 block
            invalid ip-range bar: invalid CIDR block notation
            invalid gateway 10.0.0.1: parent subnet is an IPv6 block
            """, error.Message);
    }

    [Fact]
    public void PoolsOfOneNetworkMayNotOverlap()
    {
        AddressPoolConfig.Check([new AddressPoolRequest { Subnet = "10.0.0.0/25" }, new AddressPoolRequest { Subnet = "10.0.0.128/25" }]);
        Assert.Equal(ErrorKind.Forbidden, Assert.Throws<EngineException>(() =>
            AddressPoolConfig.Check([new AddressPoolRequest { Subnet = "10.0.0.0/25" }, new AddressPoolRequest { Subnet = "10.0.0.0/24" }])).Kind);
    }

    [Fact]
    public void AnEndpointGetsBothFamiliesAndItsHardwareAddress()
    {
        NetworkAddresses network = Make("10.99.20.0/24", "fd99::/64");
        EndpointAddresses first = network.Take(new EndpointAddressRequest());
        Assert.Equal("10.99.20.2 fd99::2 02:42:0a:63:14:02", $"{first.IPv4} {first.IPv6} {first.Mac}");
        EndpointAddresses second = network.Take(new EndpointAddressRequest { IPv4 = "10.99.20.77", Mac = "02-42-AC-11-00-0A" });
        Assert.Equal("10.99.20.77 fd99::3 02:42:ac:11:00:0a", $"{second.IPv4} {second.IPv6} {second.Mac}");
        EndpointAddresses third = Make("fd99::/64").Take(new EndpointAddressRequest { IPv6 = "fd99::abcd" });
        Assert.Null(third.IPv4);
        Assert.Equal("fd99::abcd", third.IPv6.ToString());
        Assert.StartsWith("02:42:", third.Mac.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatFailsTakesNothing()
    {
        NetworkAddresses network = Make("10.99.20.0/24", "fd99::/64");
        network.Take(new EndpointAddressRequest { IPv6 = "fd99::5" });
        Assert.Throws<EngineException>(() => network.Take(new EndpointAddressRequest { IPv4 = "10.99.20.9", IPv6 = "fd99::5" }));
        Assert.Throws<EngineException>(() => network.Take(new EndpointAddressRequest { IPv4 = "10.99.20.9", Mac = "foo" }));
        Assert.Equal("10.99.20.9", network.Take(new EndpointAddressRequest { IPv4 = "10.99.20.9" }).IPv4.ToString());
    }

    [Fact]
    public void ReleasedAndRestoredAddressesAreKnown()
    {
        NetworkAddresses network = Make("10.99.21.0/29", "fd99::/64");
        List<EndpointAddresses> all = [.. Enumerable.Range(0, 5).Select(_ => network.Take(new EndpointAddressRequest()))];
        EngineException error = Assert.Throws<EngineException>(() => network.Take(new EndpointAddressRequest()));
        Assert.Equal((ErrorKind.Internal, "no available IPv4 addresses on this network's address pools: net (0123)"), (error.Kind, error.Message));

        NetworkAddresses after = Make("10.99.21.0/29", "fd99::/64");
        after.Restore(all);
        Assert.Throws<EngineException>(() => after.Take(new EndpointAddressRequest()));
        after.Release(all[3]);
        after.Release(all[3]);
        Assert.Equal(all[3].IPv4, after.Take(new EndpointAddressRequest()).IPv4);
    }

    [Fact]
    public void SeveralPoolsAreUsedUpInTurn()
    {
        NetworkAddresses network = Make("10.99.21.0/30", "10.99.22.0/30");
        Assert.Equal("10.99.21.2 10.99.22.2", $"{network.Take(new EndpointAddressRequest()).IPv4} {network.Take(new EndpointAddressRequest()).IPv4}");
        Assert.Throws<EngineException>(() => network.Take(new EndpointAddressRequest()));
    }

    [Theory]
    [InlineData("foo", null, "invalid IPv4 address: foo")]
    [InlineData("fd99::5", null, "invalid IPv4 address: fd99::5")]
    [InlineData(null, "10.99.20.5", "invalid IPv6 address: 10.99.20.5")]
    [InlineData("10.99.3.1", null, "Invalid address 10.99.3.1: It does not belong to any of this network's subnets")]
    [InlineData(null, "fd98::5", "Invalid address fd98::5: It does not belong to any of this network's subnets")]
    public void AddressesThatCannotBeAreRefusedInDockersWords(string? ipv4, string? ipv6, string message)
    {
        EngineException error = Assert.Throws<EngineException>(() => Make("10.99.20.0/24", "fd99::/64").Check(new EndpointAddressRequest { IPv4 = ipv4, IPv6 = ipv6 }));
        Assert.Equal((ErrorKind.InvalidArgument, message), (error.Kind, error.Message));
    }

    [Fact]
    public void AddressesAreGivenOnRequestOnlyWhereTheyLast()
    {
        AddressPool[] pools = [new(new AddressPoolConfig { Subnet = Subnet.Parse("10.0.0.0/24") })];
        var request = new EndpointAddressRequest { IPv4 = "10.0.0.9" };
        Assert.Equal("user specified IP address is supported on user defined networks only",
            Assert.Throws<EngineException>(() => new NetworkAddresses("bridge", "0", pools, isUserDefined: false, areSubnetsConfigured: true).Take(request)).Message);
        Assert.Equal("user specified IP address is supported only when connecting to networks with user configured subnets",
            Assert.Throws<EngineException>(() => new NetworkAddresses("n", "0", pools, isUserDefined: true, areSubnetsConfigured: false).Take(request)).Message);
    }

    [Theory]
    [InlineData("02:42:AC:11:00:0A", "02:42:ac:11:00:0a")]
    [InlineData("02-42-ac-11-00-0a", "02:42:ac:11:00:0a")]
    [InlineData("0242.ac11.000b", "02:42:ac:11:00:0b")]
    public void HardwareAddressesAreRead(string text, string wanted)
    {
        MacAddress mac = MacAddress.Parse(text);
        byte[] bytes = new byte[6];
        mac.WriteBytes(bytes);
        Assert.Equal((wanted, wanted.Replace(":", "").ToUpperInvariant()), (mac.ToString(), Convert.ToHexString(bytes)));
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("")]
    [InlineData("02:42:ac:11:00")]
    [InlineData("02:42:ac:11:00:0a:01:02")]
    [InlineData("02:42-ac:11:00:0a")]
    [InlineData("02:42:ac:11:00:0g")]
    [InlineData("2:42:ac:11:00:0a1")]
    [InlineData("02:42:ac:11:00: a")]
    [InlineData("0242.ac11:000b")]
    [InlineData("01:02:03:04:05:06")]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    [InlineData("00:00:00:00:00:00")]
    public void OtherHardwareAddressesAreRefused(string text) =>
        Assert.StartsWith($"address {text}: invalid MAC address", Assert.Throws<EngineException>(() => MacAddress.Parse(text)).Message, StringComparison.Ordinal);

    private static NetworkAddresses Make(params string[] subnets) =>
        new("net", "0123", [.. AddressPoolConfig.Check([.. subnets.Select(static subnet => new AddressPoolRequest { Subnet = subnet })]).Select(static config => new AddressPool(config))],
            isUserDefined: true, areSubnetsConfigured: true);
}
