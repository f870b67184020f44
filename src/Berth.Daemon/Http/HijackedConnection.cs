using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Berth.Api;
using Microsoft.AspNetCore.Connections.Features;

namespace Berth.Daemon.Http;

/// <summary>
/// A client's connection taken over from HTTP for a raw stream (Engine API, ContainerAttach, "Hijacking"). Kestrel's own upgrade refuses
/// requests with a body, which exec start has, so the answer is written to the socket itself; what the client sends still comes through
/// Kestrel's pipe, which has read ahead. The connection ends with this object.
/// </summary>
internal sealed class HijackedConnection : IDisposable
{
    private const int SendBufferBytes = 256 << 10;
    private readonly HttpContext context;
    private readonly Socket socket;
    private readonly PipeReader input;

    private HijackedConnection(HttpContext context, Socket socket, PipeReader input)
    {
        this.context = context;
        this.socket = socket;
        this.input = input;
        Stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
    }

    /// <summary>
    /// Answers 101 where the client asked for an upgrade, otherwise 200 without a length. The request's body has to have been read.
    /// </summary>
    public static async Task<HijackedConnection> TakeAsync(HttpContext context, bool isTerminal)
    {
        Socket clientSocket = Feature<IConnectionSocketFeature>(context).Socket;
        PipeReader clientInput = Feature<IConnectionTransportFeature>(context).Transport.Input;
        Feature<HalfClose>(context).Tolerate();
        clientSocket.SendBufferSize = SendBufferBytes;
        bool isUpgrade = context.Request.Headers.Connection.ToString().Contains("upgrade", StringComparison.OrdinalIgnoreCase);
        string mediaType = isTerminal || !context.GetApiVersion().IsAtLeast(1, 42) ? StreamFraming.RawMediaType : StreamFraming.MultiplexedMediaType;
        var head = new StringBuilder(isUpgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n").Append("Content-Type: ").Append(mediaType).Append("\r\n");
        if (isUpgrade)
        {
            head.Append("Connection: Upgrade\r\nUpgrade: tcp\r\n");
        }

        foreach ((string name, var value) in context.Response.Headers)
        {
            head.Append(name).Append(": ").Append(value.ToString()).Append("\r\n");
        }

        head.Append("\r\n");
        var connection = new HijackedConnection(context, clientSocket, clientInput);
        await connection.WriteAsync(Encoding.ASCII.GetBytes(head.ToString()), connection.Stopping);
        return connection;
    }

    /// <summary>
    /// The daemon's end. The request's own token is of no use here: Kestrel takes a client's half-closed side, which is only the end of its
    /// input, for the end of the request.
    /// </summary>
    public CancellationToken Stopping { get; }

    /// <summary>Sends all of <paramref name="bytes"/>.</summary>
    /// <exception cref="SocketException">The client is gone.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes, cancellationToken)..];
        }
    }

    /// <summary>Sends a text as output, framed unless the stream is a terminal's.</summary>
    /// <exception cref="SocketException">The client is gone.</exception>
    public ValueTask WriteTextAsync(string text, bool isTerminal)
    {
        byte[] bytes = new byte[StreamFraming.HeaderLength + Encoding.UTF8.GetByteCount(text)];
        StreamFraming.WriteHeader(bytes, StreamKind.Stdout, bytes.Length - StreamFraming.HeaderLength);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(StreamFraming.HeaderLength));
        return WriteAsync(bytes.AsMemory(isTerminal ? StreamFraming.HeaderLength : 0), Stopping);
    }

    /// <summary>The next bytes from the client; empty when it has closed its side.</summary>
    public async ValueTask<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        ReadResult result = await input.ReadAsync(cancellationToken);
        byte[] bytes = result.Buffer.ToArray();
        input.AdvanceTo(result.Buffer.End);
        return bytes;
    }

    private static T Feature<T>(HttpContext context) =>
        context.Features.Get<T>() ?? throw new InvalidOperationException($"the connection offers no {typeof(T).Name}; it does not come from Kestrel's socket transport");

    /// <summary>Ends the connection after what was written.</summary>
    public void Dispose()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The client closed first.
        }
        catch (ObjectDisposedException)
        {
            // So did Kestrel.
        }

        context.Abort();
    }
}
