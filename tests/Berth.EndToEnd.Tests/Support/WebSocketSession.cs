using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A client of one WebSocket, byte by byte as RFC 6455 has it, so that it shares nothing with the daemon's side.</summary>
internal sealed class WebSocketSession : IAsyncDisposable
{
    public const int Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10;
    private readonly NetworkStream stream;

    private WebSocketSession(NetworkStream stream, string head)
    {
        this.stream = stream;
        Head = head;
    }

    /// <summary>The answer up to the empty line.</summary>
    public string Head { get; }

    /// <summary>Whether the answer was 101.</summary>
    public bool IsOpen => Head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal);

    /// <summary>Asks for a WebSocket; headers are as they should be unless <paramref name="headers"/> has others.</summary>
    public static async Task<WebSocketSession> OpenAsync(EngineHttp api, string path, string headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")
    {
        var opened = new NetworkStream(await api.ConnectAsync(), ownsSocket: true);
        await opened.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: berth\r\n{headers}\r\n"));
        var head = new List<byte>();
        while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            head.AddRange(await ReadAsync(opened, 1));
        }

        return new WebSocketSession(opened, Encoding.ASCII.GetString([.. head]));
    }

    public Task SendAsync(string text) => SendAsync(Binary, Encoding.UTF8.GetBytes(text));

    /// <summary>Sends one frame, masked as a client's are.</summary>
    public async Task SendAsync(int opcode, byte[] payload, bool isLast = true)
    {
        byte[] mask = RandomNumberGenerator.GetBytes(4);
        byte[] length = [0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)payload.Length);
        byte[] header = [(byte)((isLast ? 0x80 : 0) | opcode), .. payload.Length < 126 ? [(byte)(0x80 | payload.Length)] : (byte[])[0x80 | 126, .. length]];
        await stream.WriteAsync((byte[])[.. header, .. mask, .. payload.Select((value, i) => (byte)(value ^ mask[i % 4]))]);
    }

    /// <summary>The next frame; a closed connection is a failure.</summary>
    public async Task<(int Opcode, byte[] Payload)> ReceiveAsync()
    {
        byte[] start = await ReadAsync(stream, 2);
        Assert.True((start[1] & 0x80) == 0, "a server's frames are not masked");
        int length = (start[1] & 0x7F) switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(await ReadAsync(stream, 2)),
            127 => (int)BinaryPrimitives.ReadUInt64BigEndian(await ReadAsync(stream, 8)),
            int small => small,
        };
        return (start[0] & 0x0F, await ReadAsync(stream, length));
    }

    /// <summary>All output until it holds a text, or until the server says goodbye where none is given.</summary>
    public async Task<string> ReadUntilAsync(string? text = null, int kind = Binary)
    {
        var result = new StringBuilder();
        while (text is null || !result.ToString().Contains(text, StringComparison.Ordinal))
        {
            (int opcode, byte[] payload) = await ReceiveAsync();
            if (opcode == Close && text is null)
            {
                break;
            }

            Assert.Equal(kind, opcode);
            result.Append(Encoding.UTF8.GetString(payload));
        }

        return result.ToString();
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private static async Task<byte[]> ReadAsync(NetworkStream source, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        byte[] bytes = new byte[count];
        await source.ReadExactlyAsync(bytes, limit.Token);
        return bytes;
    }
}
