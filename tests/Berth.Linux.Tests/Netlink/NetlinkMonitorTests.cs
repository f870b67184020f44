using System.Net;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class NetlinkMonitorTests
{
    [Fact]
    public void ChangesOfLinksAddressesRoutesAndNeighboursAreTold()
    {
        using var network = new TestNetwork();
        using NetlinkMonitor monitor = NetlinkMonitor.Open(
            NetlinkGroups.Links | NetlinkGroups.Addresses | NetlinkGroups.Routes | NetlinkGroups.Neighbours, network.Namespace);
        Assert.False(monitor.Wait(0));
        Assert.Empty(monitor.Read());
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0", IsUp = true });
        Addresses.Add(network.Route, TestNetwork.Parse(link, "10.1.0.1/24"));
        var route = new Route { Destination = IPNetwork.Parse("10.9.0.0/16"), Gateway = IPAddress.Parse("10.1.0.2"), Link = link };
        Routes.Add(network.Route, route with { IsOnLink = true });
        Neighbours.Add(network.Route, new Neighbour { Link = link, Address = IPAddress.Parse("10.1.0.2"), Mac = MacAddress.Parse("02:00:00:00:00:02") });
        Assert.True(monitor.Wait(1000));
        IReadOnlyList<NetlinkEvent> events = monitor.Read();
        LinkEvent made = events.OfType<LinkEvent>().First();
        Assert.Equal(("br0", false, network.Route.PortId), (made.Link.Name, made.IsRemoval, made.Origin));
        Assert.Contains(events.OfType<AddressEvent>(), told => told.Address.Address.ToString() == "10.1.0.1" && !told.IsRemoval);
        Assert.Contains(events.OfType<RouteEvent>(), told => told.Route.Destination.Equals(route.Destination) && told.Route.Gateway!.Equals(route.Gateway));
        Assert.Contains(events.OfType<NeighbourEvent>(), told => told.Neighbour.Address.ToString() == "10.1.0.2");

        // A port that leaves its bridge is not gone.
        int port = Links.Create(network.Route, new VethConfig { Name = "p", Master = link, IsUp = true, Peer = new VethPeer { Name = "q" } });
        monitor.Read();
        Links.Change(network.Route, port, new LinkChange { Master = 0 });
        Assert.DoesNotContain(monitor.Read(), told => told.IsRemoval && told is LinkEvent);
        using (NetlinkSocket somebody = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, network.Namespace))
            Links.Delete(somebody, link);
        events = monitor.Read();
        Assert.Contains(events.OfType<LinkEvent>(), told => told.IsRemoval && told.Link.Index == link && told.Origin != network.Route.PortId);
        Assert.Contains(events.OfType<AddressEvent>(), told => told.IsRemoval);
        Assert.False(monitor.Wait(0));
    }

    [Fact]
    public void AFlushedOrDeletedTableIsTold()
    {
        using var network = new TestNetwork();
        var table = new NftTable(NftFamily.Inet, "berth");
        using NetlinkMonitor monitor = NetlinkMonitor.Open(NetlinkGroups.Ruleset, network.Namespace);
        using (var transaction = new NftTransaction())
        {
            var set = new NftSetConfig { Name = "s", Key = [NftDataType.InetService] };
            transaction.AddTable(table);
            transaction.AddSet(table, set);
            transaction.AddElements(table, set, new NftElement(NftValue.Service(80)));
            transaction.AddChain(table, new NftChainConfig { Name = "c" });
            transaction.AddRule(table, "c", new NftRule().Accept());
            transaction.Commit(network.Filter);
        }

        IReadOnlyList<NetlinkEvent> events = monitor.Read();
        Assert.All(events, told => Assert.Equal(network.Filter.PortId, told.Origin));
        Assert.Equal(
            [new NftEvent(table, NftObject.Table, ""), new NftEvent(table, NftObject.Set, "s"), new NftEvent(table, NftObject.Element, "s"),
                new NftEvent(table, NftObject.Chain, "c"), new NftEvent(table, NftObject.Rule, "c")],
            events.OfType<NftEvent>().Select(told => told with { Origin = 0 }).OrderBy(told => (int)told.Kind switch { 0 => 0, 3 => 1, 4 => 2, 1 => 3, _ => 4 }));
        Assert.Equal(NftRuleset.Generation(network.Filter), events.OfType<NftGenerationEvent>().Single().Generation);

        network.Output("nft", "flush", "ruleset");
        Assert.True(monitor.Wait(1000));
        events = monitor.Read();
        Assert.Contains(events.OfType<NftEvent>(), told => told.IsRemoval && told.Kind == NftObject.Table && told.Table == table && told.Origin != network.Filter.PortId);
        Assert.Equal("nft", events.OfType<NftGenerationEvent>().Single().ProcessName);
    }

    [Fact]
    public void WhatWasLostIsTold()
    {
        using var network = new TestNetwork();
        using NetlinkMonitor monitor = NetlinkMonitor.Open(NetlinkGroups.Links, network.Namespace);
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0" });
        for (int i = 0; i < 4000; i++)
            Links.SetUp(network.Route, link, isUp: i % 2 == 0);
        Assert.Contains(monitor.Read(), told => told is EventsLost);
        Links.Delete(network.Route, link);
        Assert.Contains(monitor.Read(), told => told is LinkEvent { IsRemoval: true });
    }

    [Fact]
    public void GroupsOfTwoFamiliesAreRefused()
    {
        Assert.Throws<ArgumentException>(() => NetlinkMonitor.Open(NetlinkGroups.None));
        Assert.Throws<ArgumentException>(() => NetlinkMonitor.Open(NetlinkGroups.Links | NetlinkGroups.Ruleset));
    }
}
