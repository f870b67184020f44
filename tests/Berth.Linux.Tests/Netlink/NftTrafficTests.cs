using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>What rules do with real connections: a client, a host with rules, and a server behind it.</summary>
public sealed class NftTrafficTests : IDisposable
{
    private static readonly NftTable Table = new(NftFamily.Inet, "berth");

    private static readonly NftSetConfig Ports = new()
    {
        Name = "ports", Key = [NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService], Data = [NftDataType.Ipv4Address, NftDataType.InetService],
    };

    private static readonly NftSetConfig Ports6 = Ports with
    {
        Key = [NftDataType.Ipv6Address, NftDataType.InetProtocol, NftDataType.InetService],
        Data = [NftDataType.Ipv6Address, NftDataType.InetService],
        Name = "ports6",
    };

    private readonly TestNetwork client = new(), host = new(), server = new();

    public NftTrafficTests()
    {
        host.Connect(client, "out", "192.0.2.1/24", "eth0", "192.0.2.2/24");
        host.Connect(server, "in", "10.50.0.1/24", "eth0", "10.50.0.2/24");
        Addresses.Add(host.Route, TestNetwork.Parse(Links.Find(host.Route, "out")!.Index, "2001:db8:1::1/64"));
        Addresses.Add(client.Route, TestNetwork.Parse(Links.Find(client.Route, "eth0")!.Index, "2001:db8:1::2/64"));
        Addresses.Add(host.Route, TestNetwork.Parse(Links.Find(host.Route, "in")!.Index, "fd00:50::1/64"));
        Addresses.Add(server.Route, TestNetwork.Parse(Links.Find(server.Route, "eth0")!.Index, "fd00:50::2/64"));
        Routes.Add(server.Route, Route.Default(IPAddress.Parse("10.50.0.1")));
        Routes.Add(server.Route, Route.Default(IPAddress.Parse("fd00:50::1")));
        host.Sysctl("ipv4/ip_forward", "1");
        host.Sysctl("ipv6/conf/all/forwarding", "1");
    }

    public void Dispose()
    {
        client.Dispose();
        host.Dispose();
        server.Dispose();
    }

    [Theory]
    [InlineData("192.0.2.1", "10.50.0.2", "192.0.2.2")]
    [InlineData("2001:db8:1::1", "fd00:50::2", "2001:db8:1::2")]
    public void AMapSendsAConnectionOn(string published, string target, string from)
    {
        IPAddress address = IPAddress.Parse(published), inside = IPAddress.Parse(target);
        bool isSixth = address.AddressFamily == AddressFamily.InterNetworkV6;
        NftSetConfig ports = isSixth ? Ports6 : Ports;
        var element = new NftElement(
            NftValue.Concat(NftValue.Of(address), NftValue.Protocol(ProtocolType.Tcp), NftValue.Service(8080)),
            NftValue.Concat(NftValue.Of(inside), NftValue.Service(80)));
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, ports);
            transaction.AddChain(Table, new NftChainConfig { Name = "prerouting", Base = new NftBase("nat", NftHook.Prerouting, -100) });
            transaction.AddRule(Table, "prerouting", new NftRule().DestinationType(RouteType.Local).DestinationNat(
                address.AddressFamily, ports.Name, hasPort: true, isSixth ? NftField.Ipv6Destination : NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort));
            transaction.AddElements(Table, ports, element);
            transaction.Commit(host.Filter);
        }

        using Socket listener = Listen(server, inside, 80);
        using (Socket connection = Connect(client, address, 8080))
        using (Socket accepted = listener.Accept())
        {
            Assert.Equal(IPAddress.Parse(from), ((IPEndPoint)accepted.RemoteEndPoint!).Address);
            Exchange(connection, accepted);
        }

        using (var transaction = new NftTransaction())
        {
            transaction.DeleteElements(Table, ports, mayBeAbsent: false, element);
            transaction.Commit(host.Filter);
        }

        Assert.Equal(SocketError.ConnectionRefused, Assert.Throws<SocketException>(() => Connect(client, address, 8080)).SocketErrorCode);
    }

    [Fact]
    public void MasqueradeHidesTheSender()
    {
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddChain(Table, new NftChainConfig { Name = "postrouting", Base = new NftBase("nat", NftHook.Postrouting, 100) });
            transaction.AddRule(Table, "postrouting", new NftRule().Source(IPNetwork.Parse("10.50.0.0/24")).OutputInterface("in", not: true).Counter().Masquerade());
            transaction.Commit(host.Filter);
        }

        // The client has no route back to the inner network.
        using Socket listener = Listen(client, IPAddress.Parse("192.0.2.2"), 80);
        using Socket connection = Connect(server, IPAddress.Parse("192.0.2.2"), 80);
        using Socket accepted = listener.Accept();
        Assert.Equal(IPAddress.Parse("192.0.2.1"), ((IPEndPoint)accepted.RemoteEndPoint!).Address);
        Exchange(connection, accepted);
        Assert.Equal(1ul, NftRuleset.Rules(host.Filter, Table).Single().Count!.Packets);
    }

    [Fact]
    public void ForwardingIsRejectedButForWhatASetAllows()
    {
        var allowed = new NftSetConfig { Name = "allowed", Key = [NftDataType.InterfaceName, NftDataType.Ipv4Address, NftDataType.InetProtocol, NftDataType.InetService] };
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(Table);
            transaction.AddSet(Table, allowed);
            transaction.AddChain(Table, new NftChainConfig { Name = "forward", Base = new NftBase("filter", NftHook.Forward, 0) });
            transaction.AddRule(Table, "forward", new NftRule().ConnectionState(NftConnectionState.Established | NftConnectionState.Related).Accept());
            transaction.AddRule(Table, "forward", new NftRule().In("allowed", NftField.OutputInterface, NftField.Ipv4Destination, NftField.Protocol, NftField.DestinationPort).Accept());
            transaction.AddRule(Table, "forward", new NftRule().Reject(NftReject.TcpReset));
            transaction.AddElements(Table, allowed, new NftElement(NftValue.Concat(
                NftValue.Interface("in"), NftValue.Of(IPAddress.Parse("10.50.0.2")), NftValue.Protocol(ProtocolType.Tcp), NftValue.Service(80))));
            transaction.Commit(host.Filter);
        }

        Routes.Add(client.Route, Route.Default(IPAddress.Parse("192.0.2.1")));
        IPAddress inside = IPAddress.Parse("10.50.0.2");
        using Socket open = Listen(server, inside, 80), closed = Listen(server, inside, 81);
        using Socket connection = Connect(client, inside, 80);
        using Socket accepted = open.Accept();
        Exchange(connection, accepted);
        Assert.Equal(SocketError.ConnectionRefused, Assert.Throws<SocketException>(() => Connect(client, inside, 81)).SocketErrorCode);
    }

    private static Socket Listen(TestNetwork network, IPAddress address, int port)
    {
        Socket listener = network.Open(SocketType.Stream, new IPEndPoint(address, port));
        listener.Listen();
        return listener;
    }

    private static Socket Connect(TestNetwork network, IPAddress address, int port)
    {
        Socket socket = network.Open(SocketType.Stream, new IPEndPoint(address.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0));
        socket.Connect(address, port);
        return socket;
    }

    private static void Exchange(Socket connection, Socket accepted)
    {
        var buffer = new byte[10];
        connection.Send("there"u8);
        Assert.Equal("there", Encoding.ASCII.GetString(buffer, 0, accepted.Receive(buffer)));
        accepted.Send("back"u8);
        Assert.Equal("back", Encoding.ASCII.GetString(buffer, 0, connection.Receive(buffer)));
    }
}
