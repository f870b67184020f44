using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Berth.Network.Dns;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Dns;

/// <summary>A container's resolver on a port of loopback, and a client of it.</summary>
internal sealed class DnsFixture : IAsyncDisposable
{
    private DnsServer? ownServer;

    public DnsFixture(UpstreamGroup? upstreams, DnsServerOptions? options = null, NameTable? table = null, DnsServer? server = null)
    {
        Table = table ?? new NameTable("net");
        Table.Set(new EndpointNames { EndpointId = "web", ContainerName = "web", IPv4 = NetAddress.Parse("10.0.0.2") });
        var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        udp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        tcp.Listen();
        EndPoint = (IPEndPoint)udp.LocalEndPoint!;
        Handle = udp.SafeHandle;
        StreamEndPoint = (IPEndPoint)tcp.LocalEndPoint!;
        ownServer = server is null ? new DnsServer(options ?? new DnsServerOptions()) : null;
        Listener = (server ?? ownServer!).Serve(udp, tcp, ScopeOf(Table, upstreams));
    }

    public NameTable Table { get; }

    public IPEndPoint EndPoint { get; }

    /// <summary>Of the datagram socket.</summary>
    public SafeSocketHandle Handle { get; }

    public IPEndPoint StreamEndPoint { get; }

    public DnsListener Listener { get; }

    public static NameScope ScopeOf(NameTable table, UpstreamGroup? upstreams) => new([new ScopeNetwork(table, new Dictionary<string, string>())], upstreams);

    public async Task<WireMessage> AskAsync(string name, int type = 1, int options = 0) => Wire.Read(await AskAsync(Wire.Query(name, type, options: options)));

    public async Task<byte[]> AskAsync(byte[] query)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using var time = new CancellationTokenSource(Eventually.Most);
        await socket.ConnectAsync(EndPoint, time.Token);
        await socket.SendAsync(query, time.Token);
        byte[] buffer = new byte[65536];
        return buffer[..await socket.ReceiveAsync(buffer, time.Token)];
    }

    public async Task<WireMessage[]> AskStreamAsync(params byte[][] queries)
    {
        using Socket socket = await ConnectAsync();
        await socket.SendAsync(queries.SelectMany(static query => (byte[])[.. Wire.Number(query.Length), .. query]).ToArray());
        var answers = new List<WireMessage>();
        foreach (byte[] _ in queries)
        {
            byte[] head = await ReceiveAsync(socket, 2);
            answers.Add(Wire.Read(await ReceiveAsync(socket, BinaryPrimitives.ReadUInt16BigEndian(head))));
        }

        return [.. answers];
    }

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(StreamEndPoint);
        return socket;
    }

    public static async Task<byte[]> ReceiveAsync(Socket socket, int length)
    {
        using var time = new CancellationTokenSource(Eventually.Most);
        byte[] buffer = new byte[length];
        for (int got = 0; got < length;)
        {
            int count = await socket.ReceiveAsync(buffer.AsMemory(got), time.Token);
            Assert.True(count > 0, "the connection ended");
            got += count;
        }

        return buffer;
    }

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        Interlocked.Exchange(ref ownServer, null)?.Dispose();
    }
}
