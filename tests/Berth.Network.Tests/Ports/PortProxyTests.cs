using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Linux.Sockets;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using Berth.Network.Ports;
using Berth.Network.Tests.Dns;

namespace Berth.Network.Tests.Ports;

/// <summary>From ::1 and other IPv6 addresses of this host to a "container" that is a program at 127.0.0.1.</summary>
public sealed class PortProxyTests
{
    private static readonly PortTarget Container = new() { IPv4 = NetAddress.Parse("127.0.0.1") };
    private static readonly NetAddress Any6 = NetAddress.IPv6(0);

    [Theory]
    [InlineData("::", true, true)]
    [InlineData("::1", true, true)]
    [InlineData("fd00::9", true, false)]
    [InlineData("0.0.0.0", false, false)]
    public void WhatTheKernelTranslatesIsNotPassedOn(string address, bool toIPv4, bool toIPv6)
    {
        var port = new PublishedPort(PortProtocol.Tcp, NetAddress.Parse(address), 80, 80);
        PortTarget dual = Container with { IPv6 = NetAddress.Parse("fd00::2") };
        Assert.Equal((toIPv4, toIPv6), (PortReservation.NeedsProxy(port, Container), PortReservation.NeedsProxy(port, dual)));
        Assert.False(PortReservation.NeedsProxy(port, Container with { HasProxy = false }));
        Assert.False(PortReservation.NeedsProxy(port with { Protocol = PortProtocol.Sctp }, Container));
        Assert.False(PortReservation.NeedsProxy(port with { HostPort = 0 }, Container));
    }

    [Fact]
    public async Task BytesPassInBothDirectionsAndEndsStayApart()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort inside);
        await using PortReservation ports = await PublishAsync(PortProtocol.Tcp, inside);
        using Socket client = await ConnectAsync(ports);
        using Socket accepted = await server.AcceptAsync();
        byte[] sent = new byte[3 << 20];
        Random.Shared.NextBytes(sent);
        Task sending = Task.Run(async () =>
        {
            await SendAsync(client, sent);
            client.Shutdown(SocketShutdown.Send);
        });
        Assert.Equal(sent, await ReadToEndAsync(accepted)); // the end came, and the other direction is open
        await sending;
        await SendAsync(accepted, Encoding.ASCII.GetBytes("late"));
        accepted.Dispose();
        Assert.Equal("late", Encoding.ASCII.GetString(await ReadToEndAsync(client)));
    }

    [Fact]
    public async Task ASlowReaderSlowsItsWriterDown()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort inside);
        await using PortReservation ports = await PublishAsync(PortProtocol.Tcp, inside);
        using Socket client = await ConnectAsync(ports);
        using Socket accepted = await server.AcceptAsync();
        client.Blocking = false;
        byte[] block = new byte[1 << 20];
        long sent = 0;
        for (int quiet = 0; quiet < 20;)
        {
            int count = client.Send(block, 0, block.Length, SocketFlags.None, out SocketError error);
            sent += error == SocketError.Success ? count : 0;
            quiet = error == SocketError.Success ? 0 : quiet + 1;
            await Task.Delay(error == SocketError.Success ? 0 : 20);
        }

        Assert.InRange(sent, 1, 200 << 20); // what the kernel keeps for four sockets, and no more
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(sent, (await ReadToEndAsync(accepted)).LongLength);
    }

    [Fact]
    public async Task ResetsAndRefusalsArePassedOn()
    {
        Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort inside);
        await using PortReservation ports = await PublishAsync(PortProtocol.Tcp, inside);
        using (Socket client = await ConnectAsync(ports))
        {
            using Socket accepted = await server.AcceptAsync();
            client.LingerState = new LingerOption(enable: true, seconds: 0);
            client.Close();
            Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => accepted.ReceiveAsync(new byte[1]))).SocketErrorCode);
        }

        server.Dispose();
        SocketException refused = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using Socket client = await ConnectAsync(ports); // may already be told here
            await client.ReceiveAsync(new byte[1]);
        });
        Assert.Equal(SocketError.ConnectionReset, refused.SocketErrorCode);
    }

    [Fact]
    public async Task ConnectionsAreBoundedAndOthersWait()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort inside);
        await using PortReservation ports = await PublishAsync(PortProtocol.Tcp, inside, new PortProxyOptions { MaxConnections = 1 });
        using Socket first = await ConnectAsync(ports);
        using Socket atServer = await server.AcceptAsync();
        using Socket second = await ConnectAsync(ports);
        ValueTask<Socket> next = server.AcceptAsync(CancellationToken.None);
        await Task.Delay(200);
        Assert.False(next.IsCompleted);
        first.Dispose();
        atServer.Dispose();
        using Socket late = await next;
        await SendAsync(second, new byte[1]);
        Assert.Equal(1, await late.ReceiveAsync(new byte[8]));
    }

    [Fact]
    public async Task TheEndClosesEverythingAndThePortIsFreeAtOnce()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort inside);
        var owner = new PortReservations();
        ushort port = PortTests.Free();
        for (int i = 0; i < 3; i++)
        {
            await using PortReservation ports = owner.Reserve([new PortRequest(PortProtocol.Tcp, inside, Any6, port)], Container);
            await ports.StartProxiesAsync();
            using Socket client = await ConnectAsync(ports);
            using Socket accepted = await server.AcceptAsync();
            await ports.DisposeAsync();
            await Assert.ThrowsAsync<SocketException>(() => client.ReceiveAsync(new byte[1]));
            using Socket refused = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            await Assert.ThrowsAsync<SocketException>(() => refused.ConnectAsync(IPAddress.IPv6Loopback, port));
        }
    }

    [Fact]
    public async Task APortIsHeldBeforeItListensAndAfter()
    {
        var owner = new PortReservations();
        await using PortReservation ports = owner.Reserve([new PortRequest(PortProtocol.Tcp, 80, Any6, PortTests.Free())], Container);
        ushort port = ports.Ports[0].HostPort;
        Assert.Throws<SocketException>(() => PortTests.Listen(IPAddress.IPv6Any, PortProtocol.Tcp, out _, port)); // it is held before it listens
        await ports.StartProxiesAsync();
        Assert.Throws<SocketException>(() => PortTests.Listen(IPAddress.IPv6Any, PortProtocol.Tcp, out _, port));
        Assert.Throws<EngineException>(() => owner.Reserve([new PortRequest(PortProtocol.Tcp, 81, Any6, port)], Container));
    }

    [Fact]
    public async Task EachPeerOfAUdpPortHasItsOwnSession()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Udp, out ushort inside);
        await using PortReservation ports = await PublishAsync(PortProtocol.Udp, inside);
        using Socket first = await ConnectAsync(ports), second = await ConnectAsync(ports);
        foreach ((Socket client, string text) in new[] { (first, "a"), (second, "b"), (first, ""), (first, new string('x', 30_000)) })
        {
            await client.SendAsync(Encoding.ASCII.GetBytes(text));
            byte[] buffer = new byte[65536];
            SocketReceiveFromResult got = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Eventually.Most);
            Assert.Equal(text, Encoding.ASCII.GetString(buffer, 0, got.ReceivedBytes));
            await server.SendToAsync(Encoding.ASCII.GetBytes("re: " + text), got.RemoteEndPoint);
            int count = await client.ReceiveAsync(buffer).WaitAsync(Eventually.Most);
            Assert.Equal("re: " + text, Encoding.ASCII.GetString(buffer, 0, count));
        }
    }

    [Fact]
    public async Task UdpPeersAreForgottenAndBounded()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Udp, out ushort inside);
        var options = new PortProxyOptions { MaxSessions = 2, SessionTimeout = TimeSpan.FromMilliseconds(300) };
        Socket socket = PortTests.Listen(IPAddress.IPv6Loopback, PortProtocol.Udp, out ushort port);
        await using var proxy = new UdpPortProxy(socket, new IPEndPoint(IPAddress.Loopback, inside), options);
        var clients = new List<Socket>();
        var seen = new HashSet<EndPoint>();
        for (int i = 0; i < 4; i++)
        {
            var client = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
            clients.Add(client);
            await client.ConnectAsync(IPAddress.IPv6Loopback, port);
            await client.SendAsync(new byte[1]);
            seen.Add((await server.ReceiveFromAsync(new byte[8], new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Eventually.Most)).RemoteEndPoint);
            Assert.InRange(proxy.SessionCount, 1, 2);
        }

        Assert.Equal(4, seen.Count);
        await Eventually.IsTrueAsync(() => proxy.SessionCount == 0);
        await clients[0].SendAsync(new byte[1]); // begins anew
        await server.ReceiveFromAsync(new byte[8], new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Eventually.Most);
        clients.ForEach(static client => client.Dispose());
    }

    [Fact]
    public async Task ARefusedDatagramDoesNotEndTheSession()
    {
        Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Udp, out ushort inside);
        server.Dispose();
        await using PortReservation ports = await PublishAsync(PortProtocol.Udp, inside);
        using Socket client = await ConnectAsync(ports);
        await client.SendAsync(new byte[1]);
        await Task.Delay(100);
        using Socket later = PortTests.Listen(IPAddress.Loopback, PortProtocol.Udp, out _, inside);
        Task<int> got = later.ReceiveAsync(new byte[8]);
        while (!got.IsCompleted)
        {
            await client.SendAsync(new byte[2]);
            await Task.WhenAny(got, Task.Delay(20));
        }

        Assert.Equal(2, await got);
    }

    [Fact]
    public async Task AnswersComeFromTheAddressThatWasAsked()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Udp, out ushort inside);
        using FileDescriptor host = NetworkNamespace.Create();
        using (NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, host))
        {
            Links.SetUp(route, 1);
            foreach (string address in (string[])["fd00:1::1", "fd00:1::2", "fd00:1::3"])
            {
                Addresses.Add(route, new LinkAddress { Link = 1, Address = IPAddress.Parse(address), PrefixLength = 128 });
            }
        }

        FileDescriptor socket = NetworkNamespace.Run(host, static () => PortSocket.Bind(new IPEndPoint(IPAddress.IPv6Any, 53), 17, isShared: false));
        await using var proxy = new UdpPortProxy(new Socket(new SafeSocketHandle(socket.Release(), ownsHandle: true)), new IPEndPoint(IPAddress.Loopback, inside), new PortProxyOptions());
        using var client = new Socket(new SafeSocketHandle(NetworkNamespace.OpenSocket(host, AddressFamily.InterNetworkV6, SocketType.Dgram).Release(), ownsHandle: true));
        foreach (string address in (string[])["fd00:1::1", "fd00:1::2", "fd00:1::3", "::1"])
        {
            await client.SendToAsync(Encoding.ASCII.GetBytes(address), new IPEndPoint(IPAddress.Parse(address), 53));
            byte[] buffer = new byte[64];
            SocketReceiveFromResult got = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Eventually.Most);
            await server.SendToAsync(buffer.AsMemory(0, got.ReceivedBytes), got.RemoteEndPoint);
            got = await client.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.IPv6Any, 0)).WaitAsync(Eventually.Most);
            Assert.Equal((address, new IPEndPoint(IPAddress.Parse(address), 53)), (Encoding.ASCII.GetString(buffer, 0, got.ReceivedBytes), got.RemoteEndPoint));
        }
    }

    private static async Task<PortReservation> PublishAsync(PortProtocol protocol, ushort inside, PortProxyOptions? options = null)
    {
        PortReservation ports = new PortReservations(options).Reserve([new PortRequest(protocol, inside, Any6)], Container);
        await ports.StartProxiesAsync();
        return ports;
    }

    private static async Task<Socket> ConnectAsync(PortReservation ports)
    {
        bool isTcp = ports.Ports[0].Protocol == PortProtocol.Tcp;
        var client = new Socket(AddressFamily.InterNetworkV6, isTcp ? SocketType.Stream : SocketType.Dgram, isTcp ? ProtocolType.Tcp : ProtocolType.Udp);
        await client.ConnectAsync(IPAddress.IPv6Loopback, ports.Ports[0].HostPort);
        return client;
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> data)
    {
        while (data.Length > 0)
        {
            data = data[await socket.SendAsync(data)..];
        }
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        while (await socket.ReceiveAsync(buffer).WaitAsync(Eventually.Most) is > 0 and var count)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }
}
