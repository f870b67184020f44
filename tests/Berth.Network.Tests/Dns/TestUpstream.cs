using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Tests.Dns;

/// <summary>What a server says to a query, any number of messages; null ends a TCP connection without an answer.</summary>
internal delegate IEnumerable<byte[]> Reply(byte[] query, bool isStream);

/// <summary>A server on a port of loopback, UDP and TCP, that says what the test wants it to.</summary>
internal sealed class TestUpstream : IAsyncDisposable
{
    private readonly CancellationTokenSource end = new();
    private readonly Socket udp;
    private readonly Socket tcp;
    private readonly Reply reply;
    private readonly Task hold;
    private readonly Task datagrams;
    private readonly Task streams;

    /// <param name="reply">What it says.</param>
    /// <param name="hold">Before this has ended nothing is said over UDP.</param>
    /// <param name="speaksTcp">Otherwise that port is closed.</param>
    public TestUpstream(Reply reply, Task? hold = null, bool speaksTcp = true)
    {
        this.reply = reply;
        this.hold = hold ?? Task.CompletedTask;
        (udp, tcp) = BindBoth();
        datagrams = Task.Run(ServeDatagramsAsync);
        streams = Task.CompletedTask;
        if (speaksTcp)
        {
            tcp.Listen();
            streams = Task.Run(ServeStreamsAsync);
        }
    }

    /// <summary>An answer with one A record.</summary>
    public static TestUpstream WithAddress(string address, uint time = 60, Task? hold = null) =>
        new((query, _) => [Wire.Answer(query, 0, [[0xc0, 12, 0, 1, 0, 1, .. Wire.Number((int)(time >> 16)), .. Wire.Number((int)(time & 0xffff)), 0, 4, .. IPAddress.Parse(address).GetAddressBytes()]])], hold);

    public static TestUpstream WithCode(int code) => new((query, _) => [Wire.Answer(query, code)]);

    public IPEndPoint EndPoint => (IPEndPoint)udp.LocalEndPoint!;

    /// <summary>The queries that came, in their order.</summary>
    public ConcurrentQueue<byte[]> Queries { get; } = new();

    public int StreamQueries;

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        udp.Dispose();
        tcp.Dispose();
        await datagrams;
        await streams;
    }

    // Of a port that is free for UDP, TCP may be in use by somebody.
    private static (Socket Udp, Socket Tcp) BindBoth()
    {
        for (; ; )
        {
            var first = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            first.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            try
            {
                second.Bind(first.LocalEndPoint!);
                return (first, second);
            }
            catch (SocketException)
            {
                first.Dispose();
                second.Dispose();
            }
        }
    }

    private async Task ServeDatagramsAsync()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                SocketReceiveFromResult result = await udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), end.Token);
                _ = AnswerAsync(buffer[..result.ReceivedBytes], result.RemoteEndPoint);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
        {
        }
    }

    private async Task AnswerAsync(byte[] query, EndPoint client)
    {
        Queries.Enqueue(query);
        await hold;
        try
        {
            foreach (byte[] answer in reply(query, false))
            {
                udp.SendTo(answer, client);
            }
        }
        catch (Exception error) when (error is ObjectDisposedException or SocketException)
        {
        }
    }

    private async Task ServeStreamsAsync()
    {
        try
        {
            while (true)
            {
                using Socket client = await tcp.AcceptAsync(end.Token);
                byte[] head = new byte[2];
                await ReceiveAsync(client, head);
                byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
                await ReceiveAsync(client, query);
                Queries.Enqueue(query);
                Interlocked.Increment(ref StreamQueries);
                foreach (byte[] answer in reply(query, true))
                {
                    await client.SendAsync((byte[])[.. Wire.Number(answer.Length), .. answer], end.Token);
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
        {
        }
    }

    private async Task ReceiveAsync(Socket client, byte[] buffer)
    {
        for (int got = 0; got < buffer.Length;)
        {
            int count = await client.ReceiveAsync(buffer.AsMemory(got), end.Token);
            got += count > 0 ? count : throw new SocketException((int)SocketError.ConnectionReset);
        }
    }
}
