using System.Net;
using System.Runtime.InteropServices;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class NetlinkMonitorTests
{
    private const int AF_UNIX = 1, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000, MSG_DONTWAIT = 0x40;

    [Fact]
    public void ChangesOfLinksAddressesRoutesAndNeighboursAreTold()
    {
        using var network = new TestNetwork();
        using NetlinkMonitor monitor = NetlinkMonitor.Open(
            NetlinkGroups.Links | NetlinkGroups.Addresses | NetlinkGroups.Routes | NetlinkGroups.Neighbours, network.Namespace);
        ReadUntilQuiet(monitor);
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0", IsUp = true });
        Addresses.Add(network.Route, TestNetwork.Parse(link, "10.1.0.1/24"));
        var route = new Route { Destination = IPNetwork.Parse("10.9.0.0/16"), Gateway = IPAddress.Parse("10.1.0.2"), Link = link };
        Routes.Add(network.Route, route with { IsOnLink = true });
        Neighbours.Add(network.Route, new Neighbour { Link = link, Address = IPAddress.Parse("10.1.0.2"), Mac = MacAddress.Parse("02:00:00:00:00:02") });
        Assert.True(monitor.Wait(1000));
        IReadOnlyList<NetlinkEvent> events = monitor.Read();
        LinkEvent made = events.OfType<LinkEvent>().First(told => told.Link.Index == link);
        Assert.Equal(("br0", false), (made.Link.Name, made.IsRemoval));
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

        // The kernel may tell of carriers and ports a moment later, but of the end of a link once.
        Assert.DoesNotContain(ReadUntilQuiet(monitor).OfType<LinkEvent>(), told => told.IsRemoval && told.Link.Index == link);
    }

    [Fact]
    public void NothingIsToldWhereNothingHappens()
    {
        using FileDescriptor made = NetworkNamespace.Create();
        using NetlinkMonitor monitor = NetlinkMonitor.Open(
            NetlinkGroups.Links | NetlinkGroups.Addresses | NetlinkGroups.Routes | NetlinkGroups.Neighbours, made);
        Assert.False(monitor.Wait(0));
        Assert.Empty(monitor.Read());
    }

    [KernelFact("6.2", "who made a link")]
    public void ANewLinkIsToldWithTheSocketThatMadeIt()
    {
        using var network = new TestNetwork();
        using NetlinkMonitor monitor = NetlinkMonitor.Open(NetlinkGroups.Links, network.Namespace);
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0" });
        Assert.Equal(network.Route.PortId, monitor.Read().OfType<LinkEvent>().First(told => told.Link.Index == link).Origin);
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

    // Of sockets that are connected to each other, one end is told by the other instead of by the kernel.
    [Fact]
    public void AMessageThatIsBrokenTakesNothingFromTheOthers()
    {
        var ends = new int[2];
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends));
        using var told = new FileDescriptor(ends[1]);
        using var monitor = new NetlinkMonitor(new FileDescriptor(ends[0]));
        byte[] broken = Link();
        MemoryMarshal.Write(broken, 17u);
        foreach (byte[] message in (byte[][])[Link(), broken, Link()])
            Assert.Equal(message.Length, send(told.Number, message, message.Length, MSG_DONTWAIT));
        Assert.Collection(monitor.Read(),
            first => Assert.Equal("eth0", Assert.IsType<LinkEvent>(first).Link.Name),
            second => Assert.IsType<EventsLost>(second),
            third => Assert.Equal("eth0", Assert.IsType<LinkEvent>(third).Link.Name));

        // Very much is read in parts.
        byte[] many = Tables(1025);
        foreach (byte[] message in (byte[][])[many, many, many, many, Tables(1)])
            Assert.Equal(message.Length, send(told.Number, message, message.Length, MSG_DONTWAIT));
        Assert.Equal(4100, monitor.Read().Count);
        Assert.True(monitor.Wait(0));
        Assert.Single(monitor.Read());
        Assert.False(monitor.Wait(0));
    }

    [Fact]
    public void GroupsOfTwoFamiliesAreRefused()
    {
        Assert.Throws<ArgumentException>(() => NetlinkMonitor.Open(NetlinkGroups.None));
        Assert.Throws<ArgumentException>(() => NetlinkMonitor.Open(NetlinkGroups.Links | NetlinkGroups.Ruleset));
    }

    private static byte[] Link()
    {
        using var writer = new NetlinkWriter();
        writer.Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.None);
        writer.Fixed(new LinkHeader { Index = 5 });
        writer.Text(LinkAttributes.IFLA_IFNAME, "eth0");
        writer.End();
        return writer.Written.ToArray();
    }

    private static byte[] Tables(int count)
    {
        using var writer = new NetlinkWriter();
        for (int i = 0; i < count; i++)
        {
            NftMessages.Begin(writer, NftMessages.NFT_MSG_NEWTABLE, NftFamily.Inet, NetlinkFlags.None);
            writer.End();
        }

        return writer.Written.ToArray();
    }

    private static List<NetlinkEvent> ReadUntilQuiet(NetlinkMonitor monitor)
    {
        List<NetlinkEvent> events = [];
        for (int reads = 0; reads < 100 && monitor.Wait(50); reads++)
            events.AddRange(monitor.Read());
        return events;
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int socketpair(int domain, int type, int protocol, [Out] int[] ends);

    [DllImport("libc", SetLastError = true)]
    private static extern nint send(int fd, byte[] data, nint length, int flags);
}
