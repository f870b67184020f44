using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Network.Dns;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Dns;

public sealed partial class DnsServerTests
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
    public async Task SlowAndTooManyTcpClientsAreClosed()
    {
        await using var resolver = new DnsFixture(upstreams: null, new DnsServerOptions { MaxConnections = 2, ConnectionTimeout = TimeSpan.FromSeconds(2) });
        using Socket first = await resolver.ConnectAsync();
        using Socket second = await resolver.ConnectAsync();
        await first.SendAsync((byte[])[0]);
        await Task.Delay(50);
        using Socket third = await resolver.ConnectAsync();
        var watch = Stopwatch.StartNew();
        Assert.Equal(0, await ReceiveEndAsync(third));
        Assert.InRange(watch.ElapsedMilliseconds, 0, 1500);
        Assert.Equal(0, await ReceiveEndAsync(first));
        Assert.Equal(0, await ReceiveEndAsync(second));
        await Task.Delay(50);
        Assert.Equal("10.0.0.2", Assert.Single(await resolver.AskStreamAsync(Wire.Query("web"))).Addresses);
    }

    [Fact]
    public async Task TheEndWaitsForNobody()
    {
        await using var silent = new TestUpstream((_, _) => []);
        var resolver = new DnsFixture(new UpstreamGroup([silent.EndPoint], new UpstreamOptions()));
        using Socket idle = await resolver.ConnectAsync();
        using Socket waiting = await resolver.ConnectAsync();
        byte[] query = Wire.Query("slow.example");
        await waiting.SendAsync((byte[])[.. Wire.Number(query.Length), .. query]);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(resolver.EndPoint);
        await socket.SendAsync(query);
        for (int i = 0; i < 100 && silent.Queries.Count < 2; i++)
        {
            await Task.Delay(20);
        }

        Assert.Equal(2, silent.Queries.Count);
        var watch = Stopwatch.StartNew();
        await resolver.DisposeAsync();
        await resolver.DisposeAsync();
        Assert.InRange(watch.ElapsedMilliseconds, 0, 1000);
        Assert.Equal(0, await ReceiveEndAsync(idle));
        using var again = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        again.Bind(resolver.EndPoint); // the port is free
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
        FileDescriptor? udp = null, tcp = null;
        Socket? client = null;
        var resolver = new IPEndPoint(IPAddress.Parse("127.0.0.11"), 53);
        var maker = new Thread(() =>
        {
            const int CLONE_NEWNET = 0x40000000;
            Assert.Equal(0, unshare(CLONE_NEWNET));
            using (Process up = Process.Start("ip", "link set lo up"))
            {
                up.WaitForExit();
            }

            udp = Listen(SocketType.Dgram, ProtocolType.Udp, resolver);
            tcp = Listen(SocketType.Stream, ProtocolType.Tcp, resolver);
            client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            client.Connect(resolver);
        });
        maker.Start();
        maker.Join();

        await using TestUpstream upstream = TestUpstream.WithAddress("192.0.2.9");
        var table = new NameTable("net");
        table.Set(new EndpointNames { EndpointId = "web", ContainerName = "web", IPv4 = NetAddress.Parse("10.0.0.2") });
        using var server = new DnsServer(new DnsServerOptions());
        await using DnsListener listener = server.Serve(udp!, tcp!,
            DnsFixture.ScopeOf(table, new UpstreamGroup([upstream.EndPoint], new UpstreamOptions())));
        using (client)
        {
            foreach ((string name, string address) in ((string, string)[])[("web", "10.0.0.2"), ("www.example.org", "192.0.2.9")])
            {
                byte[] buffer = new byte[512];
                await client!.SendAsync(Wire.Query(name));
                using var time = new CancellationTokenSource(TimeSpan.FromSeconds(10));
                Assert.Equal(address, Wire.Read(buffer[..await client.ReceiveAsync(buffer, time.Token)]).Addresses);
            }
        }
    }

    private static FileDescriptor Listen(SocketType type, ProtocolType protocol, IPEndPoint endPoint)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        socket.Bind(endPoint);
        if (type == SocketType.Stream)
        {
            socket.Listen();
        }

        return DescriptorIo.Duplicate((int)socket.SafeHandle.DangerousGetHandle());
    }

    private static async Task<int> ReceiveEndAsync(Socket socket)
    {
        using var time = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            return await socket.ReceiveAsync(new byte[1], time.Token);
        }
        catch (SocketException)
        {
            return 0; // reset, as there was something unread
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
