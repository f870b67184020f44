using System.Net;
using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Linux.Pipes;
using Berth.Network.Dns;
using Berth.Network.Ipam;
using Microsoft.Win32.SafeHandles;

namespace Berth.Network.Tests.Dns;

public sealed class DnsServerTests
{
    private static readonly Dictionary<string, string> NoLinks = [];

    [Fact]
    public async Task NamesAreAnsweredOverUdpAndTcp()
    {
        await using var resolver = new DnsFixture(upstreams: null);
        Assert.Equal("10.0.0.2", (await resolver.AskAsync("web")).Addresses);
        WireMessage[] answers = await resolver.AskStreamAsync(Wire.Query("web", id: 1), Wire.Query("web.net", id: 2), Wire.Query("nosuch", id: 3));
        Assert.Equal([(1, 0), (2, 0), (3, 2)], answers.Select(static answer => (answer.Id, answer.Code)));
    }

    [Fact]
    public async Task NonsenseIsAnsweredAsSuchOrNotAtAllAndHarmsNobody()
    {
        await using var resolver = new DnsFixture(upstreams: null);
        Assert.Equal(1, Wire.Read(await resolver.AskAsync(new byte[12])).Code);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(resolver.EndPoint);
        foreach (byte[] message in (byte[][])[[], [1], new byte[4096], new byte[9000], Wire.Answer(Wire.Query("web"))])
        {
            await socket.SendAsync(message);
        }

        Assert.Equal("10.0.0.2", (await resolver.AskAsync("web")).Addresses);
        using Socket stream = await resolver.ConnectAsync();
        await stream.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray()); // "GE" as a length: waits for more, which does not come
        stream.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await stream.ReceiveAsync(new byte[1]));
    }

    [Fact]
    public async Task AContainerSeesItsOwnNetworksOnly()
    {
        await using var first = new DnsFixture(upstreams: null, table: new NameTable("a"));
        await using var second = new DnsFixture(upstreams: null, table: new NameTable("b"));
        second.Table.Set(new EndpointNames { EndpointId = "db", ContainerName = "db", IPv4 = NetAddress.Parse("10.1.0.9") });
        Assert.Equal(("", "10.1.0.9"), ((await first.AskAsync("db")).Addresses, (await second.AskAsync("db")).Addresses));
        first.Listener.Scope = new NameScope([new ScopeNetwork(first.Table, NoLinks), new ScopeNetwork(second.Table, NoLinks)], upstreams: null);
        Assert.Equal("10.1.0.9", (await first.AskAsync("db")).Addresses);
        first.Listener.Scope = DnsFixture.ScopeOf(first.Table, upstreams: null);
        Assert.Equal("", (await first.AskAsync("db")).Addresses);
    }

    [Fact]
    public async Task TooManyTcpClientsAreClosed()
    {
        await using var resolver = new DnsFixture(upstreams: null, new DnsServerOptions { MaxConnections = 2, ConnectionTimeout = TimeSpan.FromHours(1) });
        using Socket first = await resolver.ConnectAsync();
        using Socket second = await resolver.ConnectAsync();
        using Socket third = await resolver.ConnectAsync(); // they are accepted in their order
        Assert.Equal(0, await ReceiveEndAsync(third));
        foreach (Socket client in (Socket[])[first, second])
        {
            byte[] query = Wire.Query("web");
            await client.SendAsync((byte[])[.. Wire.Number(query.Length), .. query]);
            await DnsFixture.ReceiveAsync(client, 2);
        }
    }

    [Fact]
    public async Task SlowTcpClientsAreClosedAndMakeRoom()
    {
        await using var resolver = new DnsFixture(upstreams: null, new DnsServerOptions { MaxConnections = 2, ConnectionTimeout = TimeSpan.FromSeconds(1) });
        using Socket first = await resolver.ConnectAsync();
        using Socket second = await resolver.ConnectAsync();
        await first.SendAsync((byte[])[0]);
        Assert.Equal(0, await ReceiveEndAsync(first));
        Assert.Equal(0, await ReceiveEndAsync(second));
        byte[] query = Wire.Query("web");
        for (int i = 0; ; i++) // one that the machine keeps from speaking for a second is slow too
        {
            try
            {
                Assert.Equal("10.0.0.2", Assert.Single(await resolver.AskStreamAsync(query)).Addresses);
                break;
            }
            catch (Exception) when (i < 20)
            {
            }
        }
    }

    [Fact]
    public async Task TheEndWaitsForNobody()
    {
        await using var silent = new TestUpstream((_, _) => []);
        var resolver = new DnsFixture(new UpstreamGroup([silent.EndPoint], new UpstreamOptions(), new ManualClock()), new DnsServerOptions { ConnectionTimeout = TimeSpan.FromHours(1) });
        using Socket idle = await resolver.ConnectAsync();
        using Socket waiting = await resolver.ConnectAsync();
        byte[] query = Wire.Query("slow.example");
        await waiting.SendAsync((byte[])[.. Wire.Number(query.Length), .. query]);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(resolver.EndPoint);
        await socket.SendAsync(Wire.Query("slow2.example"));
        await Eventually.IsTrueAsync(() => silent.Queries.Count == 2);
        await resolver.DisposeAsync().AsTask().WaitAsync(Eventually.Most); // none of the limits would end within this
        await resolver.DisposeAsync();
        Assert.Equal(0, await ReceiveEndAsync(idle));
        Assert.True(resolver.Handle.IsClosed);
    }

    [Fact]
    public async Task QueriesOfAnyLengthAreTakenOverTcp()
    {
        await using var resolver = new DnsFixture(upstreams: null);
        byte[] query = Wire.Query("web", options: 4096);
        byte[][] queries = [.. ((int[])[0, 400, 512, 1023, 5000, 65_000]).Select(padding => (byte[])[.. query[..^2], .. Wire.Number(padding), .. new byte[padding]])];
        WireMessage[] answers = await resolver.AskStreamAsync(queries);
        Assert.All(answers, static answer => Assert.Equal("10.0.0.2", answer.Addresses));
    }

    [Fact]
    public void SocketsThatCannotBeServedAreClosed()
    {
        using var server = new DnsServer(new DnsServerOptions());
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Dispose();
        Assert.ThrowsAny<Exception>(() => server.Serve(closed, tcp, DnsFixture.ScopeOf(new NameTable("net"), upstreams: null)));
        Assert.True(tcp.SafeHandle.IsClosed);

        // A file, which epoll(7) does not watch.
        using SafeFileHandle file = File.OpenHandle("/proc/self/exe");
        using FileDescriptor noSocket = DescriptorIo.Duplicate((int)file.DangerousGetHandle());
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using FileDescriptor other = DescriptorIo.Duplicate((int)second.SafeHandle.DangerousGetHandle());
        (string First, string Second) paths = ($"/proc/self/fd/{noSocket.Number}", $"/proc/self/fd/{other.Number}");
        (string? First, string? Second) before = (new FileInfo(paths.First).LinkTarget, new FileInfo(paths.Second).LinkTarget);
        Assert.ThrowsAny<Exception>(() => server.Serve(noSocket, other, DnsFixture.ScopeOf(new NameTable("net"), upstreams: null)));
        Assert.Equal((true, true), (noSocket.IsClosed, other.IsClosed));
        Assert.NotEqual(before.First, new FileInfo(paths.First).LinkTarget); // closed, or somebody else's by now
        Assert.NotEqual(before.Second, new FileInfo(paths.Second).LinkTarget);
    }

    [Fact]
    public async Task ManyContainersAreServedWithoutAThreadForEach()
    {
        int before = Directory.GetDirectories("/proc/self/task").Length;
        using var server = new DnsServer(new DnsServerOptions());
        List<DnsFixture> all = [.. Enumerable.Range(0, 200).Select(i => new DnsFixture(upstreams: null, table: new NameTable($"n{i}"), server: server))];
        WireMessage[] answers = await Task.WhenAll(all.Select((resolver, i) => resolver.AskAsync($"web.n{i}")));
        Assert.All(answers, static answer => Assert.Equal("10.0.0.2", answer.Addresses));
        Assert.InRange(Directory.GetDirectories("/proc/self/task").Length, 1, before + 40); // the pool's, whatever their number
        foreach (DnsFixture resolver in all)
        {
            await resolver.DisposeAsync();
        }
    }

    [Fact]
    public async Task SocketsOfAnotherNamespaceAreServedFromHere()
    {
        var resolver = new IPEndPoint(IPAddress.Parse("127.0.0.11"), 53);
        (FileDescriptor made, Socket[] sockets) = NetworkNamespace.Create(static () =>
        {
            using (NetlinkSocket netlink = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE))
            {
                const int Loopback = 1; // the first link of every namespace
                Links.SetUp(netlink, Loopback);
            }

            var opened = new List<FileDescriptor>();
            try
            {
                opened.Add(NetworkNamespace.OpenSocket(AddressFamily.InterNetwork, SocketType.Dgram));
                opened.Add(NetworkNamespace.OpenSocket(AddressFamily.InterNetwork, SocketType.Stream));
                opened.Add(NetworkNamespace.OpenSocket(AddressFamily.InterNetwork, SocketType.Dgram));
                return opened.Select(static socket => new Socket(new SafeSocketHandle(socket.Release(), ownsHandle: true))).ToArray();
            }
            finally
            {
                opened.ForEach(static socket => socket.Dispose());
            }
        });
        using FileDescriptor networkNamespace = made;
        using Socket datagrams = sockets[0], listening = sockets[1], client = sockets[2];
        using FileDescriptor udp = Listen(datagrams, resolver);
        using FileDescriptor tcp = Listen(listening, resolver);
        client.Connect(resolver);

        await using TestUpstream upstream = TestUpstream.WithAddress("192.0.2.9");
        var table = new NameTable("net");
        table.Set(new EndpointNames { EndpointId = "web", ContainerName = "web", IPv4 = NetAddress.Parse("10.0.0.2") });
        using var server = new DnsServer(new DnsServerOptions());
        await using DnsListener listener = server.Serve(udp, tcp,
            DnsFixture.ScopeOf(table, new UpstreamGroup([upstream.EndPoint], new UpstreamOptions(), new ManualClock())));
        foreach ((string name, string address) in ((string, string)[])[("web", "10.0.0.2"), ("www.example.org", "192.0.2.9")])
        {
            byte[] buffer = new byte[512];
            await client.SendAsync(Wire.Query(name));
            using var time = new CancellationTokenSource(Eventually.Most);
            Assert.Equal(address, Wire.Read(buffer[..await client.ReceiveAsync(buffer, time.Token)]).Addresses);
        }
    }

    // Another number of the socket, so that whoever takes it over owns it alone.
    private static FileDescriptor Listen(Socket socket, IPEndPoint endPoint)
    {
        socket.Bind(endPoint);
        if (socket.SocketType == SocketType.Stream)
        {
            socket.Listen();
        }

        return DescriptorIo.Duplicate((int)socket.SafeHandle.DangerousGetHandle());
    }

    private static async Task<int> ReceiveEndAsync(Socket socket)
    {
        using var time = new CancellationTokenSource(Eventually.Most);
        try
        {
            return await socket.ReceiveAsync(new byte[1], time.Token);
        }
        catch (SocketException)
        {
            return 0; // reset, as there was something unread
        }
    }
}
