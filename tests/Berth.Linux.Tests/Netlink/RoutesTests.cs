using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class RoutesTests
{
    [Theory]
    [InlineData("10.7.0.2/24", "10.7.0.1", "10.8.0.0/16", "192.168.77.1")]
    [InlineData("fd00:7::2/64", "fd00:7::1", "fd00:8::/32", "fd00:77::1")]
    public void RoutesAreAddedReplacedListedAndDeleted(string address, string gateway, string network, string strange)
    {
        using var here = new TestNetwork();
        int link = Links.Create(here.Route, new VethConfig { Name = "eth0", IsUp = true, Peer = new VethPeer { Name = "p" } });
        Links.SetUp(here.Route, Links.Find(here.Route, "p")!.Index);
        Addresses.Add(here.Route, TestNetwork.Parse(link, address));
        IPAddress router = IPAddress.Parse(gateway);
        AddressFamily family = router.AddressFamily;
        Route route = Route.Default(router);
        Routes.Add(here.Route, route);
        Route found = Find(Route.DefaultOf(family));
        Assert.Equal((router, link, RouteType.Unicast, (byte)3), (found.Gateway, found.Link, found.Type, found.Protocol));
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => Routes.Add(here.Route, route)).Errno);

        var other = new Route { Destination = IPNetwork.Parse(network), Link = link, Metric = 50, Source = IPAddress.Parse(address.Split('/')[0]) };
        Routes.Add(here.Route, other);
        found = Find(other.Destination);
        Assert.Equal(((IPAddress?)null, link, 50u, other.Source), (found.Gateway, found.Link, found.Metric, found.Source));
        Routes.Replace(here.Route, other with { Gateway = router });
        Assert.Equal(router, Find(other.Destination).Gateway);
        Routes.Delete(here.Route, other);
        Assert.DoesNotContain(Routes.List(here.Route, family), known => known.Destination.Equals(other.Destination));
        Assert.Equal(Errno.ESRCH, Assert.Throws<LinuxException>(() => Routes.Delete(here.Route, other)).Errno);

        // A gateway that no route leads to.
        Routes.Delete(here.Route, route);
        Route far = Route.Default(IPAddress.Parse(strange), link);
        var e = Assert.Throws<LinuxException>(() => Routes.Add(here.Route, far));
        Assert.Contains(strange, e.Subject);
        Routes.Add(here.Route, far with { IsOnLink = true, Metric = 7 });
        found = Find(Route.DefaultOf(family));
        Assert.Equal((far.Gateway, true, 7u), (found.Gateway, found.IsOnLink, found.Metric));

        Route Find(IPNetwork destination) => Routes.List(here.Route, family).Single(known => known.Destination.Equals(destination));
    }

    [Fact]
    public void OtherTablesAndTypesAreKept()
    {
        using var here = new TestNetwork();
        int link = Links.Create(here.Route, new BridgeConfig { Name = "br0", IsUp = true });
        Addresses.Add(here.Route, TestNetwork.Parse(link, "10.7.0.2/24"));
        var route = new Route { Destination = IPNetwork.Parse("10.9.0.0/24"), Type = RouteType.Unreachable, Table = 1000 };
        Routes.Add(here.Route, route);
        Assert.DoesNotContain(Routes.List(here.Route), found => found.Destination.Equals(route.Destination));
        Assert.Equal(RouteType.Unreachable, Routes.List(here.Route, table: 1000).Single().Type);
        Assert.Contains(Routes.List(here.Route, table: null), found => found.Type == RouteType.Local);
        Routes.Delete(here.Route, route);
        Assert.Empty(Routes.List(here.Route, table: 1000));
    }
}
