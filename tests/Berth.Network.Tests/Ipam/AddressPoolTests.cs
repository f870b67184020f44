using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Ipam;

public sealed class AddressPoolTests
{
    [Theory]
    [InlineData("10.99.2.0/24", null, null, "10.99.2.1", "10.99.2.2 10.99.2.3")]
    [InlineData("10.99.2.0/24", "10.99.2.64/26", null, "10.99.2.64", "10.99.2.65 10.99.2.66")]
    [InlineData("10.99.2.0/24", null, "10.99.2.2", "10.99.2.2", "10.99.2.1 10.99.2.3")]
    [InlineData("10.99.2.0/30", null, null, "10.99.2.1", "10.99.2.2")]
    [InlineData("10.99.2.0/31", null, null, "10.99.2.0", "10.99.2.1")]
    [InlineData("10.99.2.0/32", null, null, "10.99.2.0", "")]
    [InlineData("fd99::/64", null, null, "fd99::1", "fd99::2 fd99::3")]
    [InlineData("fd99::/126", null, null, "fd99::1", "fd99::2 fd99::3")]
    public void AddressesAreGivenInTurn(string subnet, string? range, string? gateway, string wantedGateway, string first)
    {
        AddressPool pool = Make(subnet, range, gateway);
        Assert.Equal(wantedGateway, pool.Gateway.ToString());
        Assert.Equal(first, string.Join(' ', TakeAll(pool).Take(2)));
    }

    [Fact]
    public void AFreedAddressComesBackAfterAllOthers()
    {
        AddressPool pool = Make("10.99.21.0/29");
        Assert.Equal(["10.99.21.2", "10.99.21.3"], TakeAll(pool).Take(2));
        Assert.True(pool.Release(NetAddress.Parse("10.99.21.2")));
        Assert.False(pool.Release(NetAddress.Parse("10.99.21.2")));
        Assert.Equal(["10.99.21.4", "10.99.21.5", "10.99.21.6", "10.99.21.2"], TakeAll(pool));
        Assert.Equal(5, pool.UsedCount);
        pool.Release(NetAddress.Parse("10.99.21.4"));
        Assert.Equal(["10.99.21.4"], TakeAll(pool));
    }

    [Fact]
    public void TheSubnetsOwnAddressesAndTheGatewayAreNeverGivenNorReleased()
    {
        AddressPool pool = Make("10.99.2.0/24", aux: ("router", "10.99.2.9"));
        foreach (string text in (string[])["10.99.2.0", "10.99.2.1", "10.99.2.9", "10.99.2.255"])
        {
            Assert.False(pool.Release(NetAddress.Parse(text)));
            EngineException error = Assert.Throws<EngineException>(() => pool.Take(NetAddress.Parse(text)));
            Assert.Equal((ErrorKind.Forbidden, "Address already in use"), (error.Kind, error.Message));
        }

        string[] all = [.. TakeAll(pool)];
        Assert.Equal(252, all.Distinct().Count());
        Assert.DoesNotContain("10.99.2.9", all);
    }

    [Fact]
    public void AnAddressAskedForMayLieOutsideOfTheRangeButNotOfTheSubnet()
    {
        AddressPool pool = Make("10.99.2.0/24", "10.99.2.64/26");
        pool.Take(NetAddress.Parse("10.99.2.200"));
        Assert.Equal("Address already in use", Assert.Throws<EngineException>(() => pool.Take(NetAddress.Parse("10.99.2.200"))).Message);
        EngineException error = Assert.Throws<EngineException>(() => pool.Take(NetAddress.Parse("10.99.3.1")));
        Assert.Equal((ErrorKind.InvalidArgument, "Invalid address 10.99.3.1: It does not belong to any of this network's subnets"), (error.Kind, error.Message));
        Assert.Equal(63, TakeAll(pool).Count());
    }

    [Fact]
    public void StateIsRebuiltFromWhatIsInUse()
    {
        AddressPool pool = Make("10.99.2.0/28");
        pool.Restore(["10.99.2.2", "10.99.2.4", "10.0.0.1", "fd00::1"], out int known);
        Assert.Equal((2, 2), (known, pool.UsedCount));
        Assert.Equal("10.99.2.3 10.99.2.5", string.Join(' ', TakeAll(pool).Take(2)));
    }

    [Theory]
    [InlineData("10.99.2.0/24", "10.99.2.0", null, "failed to allocate gateway (10.99.2.0): Address already in use")]
    [InlineData("10.99.2.0/24", "10.99.2.255", null, "failed to allocate gateway (10.99.2.255): Address already in use")]
    [InlineData("10.99.2.0/24", null, "10.99.2.1", "failed to allocate secondary ip address (a:10.99.2.1): Address already in use")]
    [InlineData("10.99.2.0/24", "10.99.2.5", "10.99.2.5", "failed to allocate secondary ip address (a:10.99.2.5): Address already in use")]
    [InlineData("10.99.2.0/24", "10.99.2.5", "10.99.2.255", "failed to allocate secondary ip address (a:10.99.2.255): Address already in use")]
    public void GatewaysAndAuxiliaryAddressesThatCannotBeAreRefusedInDockersWords(string subnet, string? gateway, string? aux, string message) =>
        Assert.Equal(message, Assert.Throws<EngineException>(() => Make(subnet, null, gateway, aux is null ? null : ("a", aux))).Message);

    [Fact]
    public void ARangeWithoutAnAddressForAGatewayIsRefused() =>
        Assert.Equal("failed to allocate gateway (): No available addresses on this pool", Assert.Throws<EngineException>(() => Make("10.99.2.0/24", "10.99.2.0/32")).Message);

    [Fact]
    public void HugePoolsCostWhatIsUsedOfThem()
    {
        AddressPool pool = Make("fd00::/8");
        for (int i = 0; i < 20_000; i++)
        {
            Assert.True(pool.TryTake(out NetAddress address));
            if (i % 3 == 0)
            {
                pool.Release(address);
            }
        }

        Assert.True(pool.TryTake(out NetAddress last));
        Assert.Equal("fd00::4e22", last.ToString());
    }

    [Fact]
    public void ManyTakersGetEachAnAddressOfTheirOwn()
    {
        AddressPool pool = Make("10.99.0.0/20");
        var taken = new System.Collections.Concurrent.ConcurrentBag<NetAddress>();
        Parallel.For(0, 4093, _ =>
        {
            Assert.True(pool.TryTake(out NetAddress address));
            taken.Add(address);
        });
        Assert.Equal(4093, taken.Distinct().Count());
        Assert.False(pool.TryTake(out _));
    }

    private static AddressPool Make(string subnet, string? range = null, string? gateway = null, (string Name, string Address)? aux = null) =>
        new(AddressPoolConfig.Check(
        [
            new AddressPoolRequest
            {
                Subnet = subnet, IpRange = range, Gateway = gateway,
                AuxAddresses = aux is { } one ? new Dictionary<string, string> { [one.Name] = one.Address } : null,
            },
        ])[0]);

    private static IEnumerable<string> TakeAll(AddressPool pool)
    {
        while (pool.TryTake(out NetAddress address))
        {
            yield return address.ToString();
        }
    }
}

internal static class AddressPoolExtensions
{
    public static void Restore(this AddressPool pool, string[] addresses, out int known)
    {
        int before = pool.UsedCount;
        pool.Restore(addresses.Select(static text => NetAddress.Parse(text)));
        known = pool.UsedCount - before;
    }
}
