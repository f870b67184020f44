using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class AddressesTests
{
    [Theory]
    [InlineData("10.99.0.1/24", "10.99.0.2/24")]
    [InlineData("fd00:99::1/64", "fd00:99::2/64")]
    public void TwoNamespacesTalkThroughAVeth(string address, string peerAddress)
    {
        using var one = new TestNetwork();
        using var other = new TestNetwork();
        one.Connect(other, "v", address, "eth0", peerAddress);
        IPAddress here = IPAddress.Parse(address.Split('/')[0]), there = IPAddress.Parse(peerAddress.Split('/')[0]);
        using Socket server = other.Open(SocketType.Dgram, new IPEndPoint(there, 7)), client = one.Open(SocketType.Dgram, new IPEndPoint(here, 0));
        client.SendTo("ping"u8, new IPEndPoint(there, 7));
        var buffer = new byte[100];
        EndPoint from = new IPEndPoint(here, 0);
        int bytes = server.ReceiveFrom(buffer, ref from);
        Assert.Equal("ping", Encoding.ASCII.GetString(buffer, 0, bytes));
        server.SendTo("pong"u8, from);
        Assert.Equal("pong", Encoding.ASCII.GetString(buffer, 0, client.Receive(buffer)));
        Neighbour known = Neighbours.List(one.Route).Single(neighbour => neighbour.Address.Equals(there));
        Assert.Equal(Links.Find(other.Route, "eth0")!.Mac, known.Mac);
    }

    [Fact]
    public void AddressesAreAddedListedAndDeleted()
    {
        using var network = new TestNetwork();
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0", IsUp = true });
        LinkAddress fourth = TestNetwork.Parse(link, "10.1.2.3/16") with { Broadcast = IPAddress.Parse("10.1.255.255") };
        LinkAddress sixth = TestNetwork.Parse(link, "fd00:1::3/64");
        Addresses.Add(network.Route, fourth);
        Addresses.Add(network.Route, sixth);
        IReadOnlyList<LinkAddress> found = Addresses.List(network.Route, link);
        LinkAddress one = found.Single(address => address.Address.Equals(fourth.Address));
        Assert.Equal((16, fourth.Broadcast, true, (byte)0), (one.PrefixLength, one.Broadcast, one.IsPermanent, one.Scope));
        LinkAddress other = found.Single(address => address.Address.Equals(sixth.Address));
        Assert.Equal((64, false, false), (other.PrefixLength, other.IsTentative, other.IsDuplicate));
        Assert.Contains(Addresses.List(network.Route), address => IPAddress.IsLoopback(address.Address) && address.Link == 1);
        Assert.All(Addresses.List(network.Route, link, AddressFamily.InterNetwork), address => Assert.Equal(AddressFamily.InterNetwork, address.Address.AddressFamily));
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => Addresses.Add(network.Route, fourth)).Errno);
        Addresses.Delete(network.Route, fourth);
        Addresses.Delete(network.Route, sixth);
        Assert.DoesNotContain(Addresses.List(network.Route, link), address => address.Scope == 0);
        Assert.Contains("10.1.2.3/16 of link", Assert.Throws<LinuxException>(() => Addresses.Delete(network.Route, fourth)).Message);
    }

    [Fact]
    public void ABridgeJoinsThree()
    {
        using var host = new TestNetwork();
        TestNetwork[] guests = [new(), new(), new()];
        try
        {
            int bridge = Links.Create(host.Route, new BridgeConfig { Name = "br0", IsUp = true, Settings = new BridgeSettings { SpanningTree = false } });
            Addresses.Add(host.Route, TestNetwork.Parse(bridge, "10.98.0.1/24"));
            for (int i = 0; i < 3; i++)
                host.Connect(guests[i], $"p{i}", "", "eth0", $"10.98.0.{i + 2}/24", bridge);
            host.WaitForCarrier(bridge);
            using Socket server = guests[2].Open(SocketType.Dgram, new IPEndPoint(IPAddress.Any, 7));
            var buffer = new byte[10];
            foreach (TestNetwork from in (TestNetwork[])[host, guests[0], guests[1]])
            {
                using Socket client = from.Open(SocketType.Dgram, new IPEndPoint(IPAddress.Any, 0));
                client.SendTo("x"u8, new IPEndPoint(IPAddress.Parse("10.98.0.4"), 7));
                Assert.Equal(1, server.Receive(buffer));
            }

            // Those that are isolated hear no more of each other, but of the host.
            foreach (string port in (string[])["p0", "p2"])
                Links.ChangePort(host.Route, Links.Find(host.Route, port)!.Index, new BridgePortSettings { Isolated = true });
            using Socket cut = guests[0].Open(SocketType.Dgram, new IPEndPoint(IPAddress.Any, 0)), open = host.Open(SocketType.Dgram, new IPEndPoint(IPAddress.Any, 0));
            cut.SendTo("cut"u8, new IPEndPoint(IPAddress.Parse("10.98.0.4"), 7));
            open.SendTo("o"u8, new IPEndPoint(IPAddress.Parse("10.98.0.4"), 7));
            Assert.Equal(1, server.Receive(buffer));
        }
        finally
        {
            foreach (TestNetwork guest in guests)
                guest.Dispose();
        }
    }

    [Fact]
    public void NeighboursAreAddedAndDeleted()
    {
        using var network = new TestNetwork();
        int link = Links.Create(network.Route, new BridgeConfig { Name = "br0", IsUp = true });
        foreach (string address in (string[])["10.5.0.9", "fd00:5::9"])
        {
            var neighbour = new Neighbour { Link = link, Address = IPAddress.Parse(address), Mac = MacAddress.Parse("02:00:00:00:00:09") };
            Neighbours.Add(network.Route, neighbour);
            Assert.Equal(neighbour, Neighbours.List(network.Route, link).Single(found => found.Address.Equals(neighbour.Address)));
            Neighbours.Delete(network.Route, neighbour);
            Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => Neighbours.Delete(network.Route, neighbour)).Errno);
        }
    }
}
