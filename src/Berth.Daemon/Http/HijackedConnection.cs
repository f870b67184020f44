using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Berth.Api;
using Berth.Runtime.Shims;
using Microsoft.AspNetCore.Connections.Features;

namespace Berth.Daemon.Http;

/// <summary>
/// A client's connection taken over from HTTP for a raw stream (Engine API, ContainerAttach, "Hijacking"). Kestrel's own upgrade refuses
/// requests with a body, which exec start has, so the answer is written to the socket itself; what the client sends still comes through
/// Kestrel's pipe, which has read ahead. The connection ends with this object.
/// </summary>
internal sealed class HijackedConnection : IAttachedClient, IAsyncDisposable
{
    private const int SendBufferBytes = 256 << 10;
    private const int KeepAliveSeconds = 15;
    private const int KeepAliveProbes = 4;
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(0.5); // the answer to a probe is seen before the next one
    private static readonly TimeSpan LongestHeadWait = TimeSpan.FromSeconds(0.25);
    private static readonly TimeSpan RemoteHeadWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan HeadWaitStep = TimeSpan.FromMilliseconds(1);
    private readonly HttpContext context;
    private readonly Socket socket;
    private readonly PipeReader input;
    private readonly HalfClose halfClose;
    private readonly bool isTerminal;
    private readonly CancellationTokenSource ended;
    private readonly Task watch;
    private long headSent;
    private bool isHeadRead;

    /// <inheritdoc/>
    public bool HasLeft => false; // one that only sends no more cannot be told from one that is gone; what is written to it fails then

    private HijackedConnection(HttpContext context, Socket socket, PipeReader input, HalfClose halfClose, bool isTerminal)
    {
        this.context = context;
        this.socket = socket;
        this.input = input;
        this.halfClose = halfClose;
        this.isTerminal = isTerminal;
        ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        Ended = ended.Token;
        watch = WatchAsync();
    }

    /// <summary>
    /// Answers 101 where the client asked for an upgrade, otherwise 200 without a length. The request's body has to have been read.
    /// </summary>
    public static async Task<HijackedConnection> TakeAsync(HttpContext context, bool isTerminal)
    {
        Socket clientSocket = Feature<IConnectionSocketFeature>(context).Socket;
        PipeReader clientInput = Feature<IConnectionTransportFeature>(context).Transport.Input;
        HalfClose clientEnd = Feature<HalfClose>(context);
        clientEnd.Tolerate();
        clientSocket.SendBufferSize = SendBufferBytes;
        if (clientSocket.AddressFamily != AddressFamily.Unix)
        {
            // A host that vanishes says nothing: the kernel asks after it when nothing else is sent.
            clientSocket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            clientSocket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
            clientSocket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveSeconds);
            clientSocket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveProbes);
        }

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
        var connection = new HijackedConnection(context, clientSocket, clientInput, clientEnd, isTerminal);
        try
        {
            await connection.SendAsync(Encoding.ASCII.GetBytes(head.ToString()), connection.Ended);
            connection.headSent = Stopwatch.GetTimestamp();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The daemon's end, or the client's: within a second after it has closed both directions, even when it closed its own one before. Over TCP the
    /// latter shows only when something is sent to it. The request's own token is of no use here: Kestrel takes a client's half-closed side, which is
    /// only the end of its input, for the end of the request.
    /// </summary>
    public CancellationToken Ended { get; }

    /// <summary>
    /// Waits for <paramref name="task"/> while nothing else is sent. A client over TCP that has closed its side is sent an empty frame twice a second, which
    /// means nothing to it while it lives and is refused when it does not; a terminal's stream has no frames, there the kernel notices after a minute or so.
    /// </summary>
    /// <exception cref="OperationCanceledException"><see cref="Ended"/>.</exception>
    public async Task<T> WaitQuietlyAsync<T>(Task<T> task)
    {
        if (isTerminal || socket.AddressFamily == AddressFamily.Unix)
        {
            return await task.WaitAsync(Ended);
        }

        byte[] empty = new byte[StreamFraming.HeaderLength];
        StreamFraming.WriteHeader(empty, StreamKind.Stdout, 0);
        while (true)
        {
            try
            {
                return await task.WaitAsync(ProbeInterval, Ended);
            }
            catch (TimeoutException) when (!task.IsCompleted)
            {
                if (halfClose.IsClosed)
                {
                    await ProbeAsync(empty);
                }
            }
        }
    }

    /// <summary>Sends all of <paramref name="bytes"/>; not before the client has read the answer's head, or has had a quarter of a second for it; over TCP 50 ms after the head.</summary>
    /// <exception cref="SocketException">The client is gone.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (!isHeadRead)
        {
            await WaitForHeadAsync(cancellationToken);
            isHeadRead = true;
        }

        await SendAsync(bytes, cancellationToken);
    }

    // Some clients (python3-docker among them) read the head through a buffer and the rest beside it: they lose what came together with the head. Engines that
    // need a tenth of a second to start a command do not meet this.
    private async ValueTask WaitForHeadAsync(CancellationToken cancellationToken)
    {
        if (socket.AddressFamily != AddressFamily.Unix)
        {
            // What a client over TCP has read is not to be seen from here, only what its kernel has.
            TimeSpan rest = RemoteHeadWait - Stopwatch.GetElapsedTime(headSent);
            if (rest > TimeSpan.Zero)
            {
                await Task.Delay(rest, cancellationToken);
            }

            return;
        }

        long begun = Stopwatch.GetTimestamp();
        while (!SocketPeer.HasReadAll(socket) && Stopwatch.GetElapsedTime(begun) < LongestHeadWait)
        {
            await Task.Delay(HeadWaitStep, cancellationToken);
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes, cancellationToken)..];
        }
    }

    /// <summary>Sends a text as output, framed unless the stream is a terminal's.</summary>
    /// <exception cref="SocketException">The client is gone.</exception>
    public ValueTask WriteTextAsync(string text)
    {
        byte[] bytes = new byte[StreamFraming.HeaderLength + Encoding.UTF8.GetByteCount(text)];
        StreamFraming.WriteHeader(bytes, StreamKind.Stdout, bytes.Length - StreamFraming.HeaderLength);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(StreamFraming.HeaderLength));
        return WriteAsync(bytes.AsMemory(isTerminal ? StreamFraming.HeaderLength : 0), Ended);
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

    // Kestrel learns of the end of the client's sending only, and stops looking at the socket with it.
    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(WatchInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(Ended))
            {
                await ProbeAsync(default);
            }
        }
        catch (OperationCanceledException)
        {
            // The client is gone, or the daemon or this object ends.
        }
    }

    // To send nothing fails as soon as the kernel knows that nobody can receive, which the other end of a unix socket being closed is, and a refusal over TCP;
    // a client that has closed its own side only does not matter to it.
    private async ValueTask ProbeAsync(ReadOnlyMemory<byte> frame)
    {
        try
        {
            await socket.SendAsync(ReadOnlyMemory<byte>.Empty, Ended);
            await SendAsync(frame, Ended);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            await ended.CancelAsync();
            Ended.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Ends the connection after what was written.</summary>
    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        await watch;
        ended.Dispose();
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
