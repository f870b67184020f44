using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims;

/// <summary>A process that runs now.</summary>
/// <param name="Pid">Its id in the host's numbering.</param>
/// <param name="At">When it was started.</param>
public sealed record ProcessStarted(int Pid, DateTimeOffset At);

/// <summary>
/// The daemon's hand on one shim: a control connection, safe for concurrent use. Losing it does nothing to a running container; a shim that was
/// prepared and not started ends with the connection it was prepared on.
/// </summary>
public sealed class Shim : IAsyncDisposable
{
    private readonly FrameChannel _channel;
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<Reply>> _waiting = new();
    private readonly TaskCompletionSource<ExitStatus?> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
#pragma warning disable CA2213 // never disposed: a caller that comes after the end waits for it all the same, and is told of the lost connection
    private readonly SemaphoreSlim _sending = new(1, 1);
#pragma warning restore CA2213
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _receiving;
    private readonly Action? _ended;
    private readonly Action? _started;
    private uint _lastRequest;
    private bool _lost;
    private int _disposed;

    /// <param name="ended">Called when the connection has ended.</param>
    /// <param name="started">Called after the first start.</param>
    internal Shim(FrameChannel channel, string socketPath, Action? ended, Action? started)
    {
        _channel = channel;
        SocketPath = socketPath;
        _ended = ended;
        _started = started;
        _receiving = Task.Run(ReceiveAsync);
    }

    /// <summary>Where attachments connect to.</summary>
    public string SocketPath { get; }

    /// <summary>Called for every exec session that ends, in order, from the receiving loop: must not block.</summary>
    public Action<string, ExitStatus>? ExecExited { get; set; }

    /// <summary>
    /// Completes at the end of the container: the status, which was durable in the exit file before; or null when the connection was lost
    /// without one (the exit file, or its absence, then says more).
    /// </summary>
    public Task<ExitStatus?> Exited => _exited.Task;

    /// <summary>Completes when the connection has ended: after the shim removed cgroup and socket and exited, or when it was lost.</summary>
    public Task Closed => _receiving;

    /// <summary>Starts the container's first process.</summary>
    /// <exception cref="ShimException">It was not started; nothing is left of it and the shim ends.</exception>
    public async Task<ProcessStarted> StartAsync(CancellationToken cancellationToken)
    {
        ProcessStarted started = ReadStarted(await CallAsync(FrameType.Start, new FrameBuilder(), FrameType.Started, cancellationToken).ConfigureAwait(false));
        _started?.Invoke();
        return started;
    }

    /// <summary>What the shim knows.</summary>
    /// <exception cref="ShimException">The connection was lost, or the answer makes no sense.</exception>
    public async Task<ShimState> GetStateAsync(CancellationToken cancellationToken)
    {
        Reply reply = await CallAsync(FrameType.State, new FrameBuilder(), FrameType.StateReply, cancellationToken).ConfigureAwait(false);
        try
        {
            return JsonSerializer.Deserialize(reply.Payload, ShimJsonContext.Default.ShimState)
                ?? throw new ShimException(ShimFailure.Host, "the shim answered with an empty state");
        }
        catch (JsonException e)
        {
            throw new ShimException(ShimFailure.Host, $"the shim answered with a state that cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Sends a signal to the first process, or to an exec session's.</summary>
    /// <exception cref="ShimException">It is not running (<see cref="ShimFailure.WrongState"/>), or there is no such session.</exception>
    public Task KillAsync(string? execId, int signal, CancellationToken cancellationToken) =>
        CallAsync(FrameType.Kill, new FrameBuilder().String(execId ?? "").Int32(signal), FrameType.Ok, cancellationToken);

    /// <summary>Sets a terminal's size in characters, 0 to 65535 each.</summary>
    /// <exception cref="ShimException">It is not running, or has no terminal.</exception>
    public Task ResizeAsync(string? execId, int rows, int columns, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)rows, ushort.MaxValue, nameof(rows));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)columns, ushort.MaxValue, nameof(columns));
        FrameBuilder payload = new FrameBuilder().String(execId ?? "").UInt16((ushort)rows).UInt16((ushort)columns);
        return CallAsync(FrameType.Resize, payload, FrameType.Ok, cancellationToken);
    }

    /// <summary>Registers an exec session, so that attachments can come before its start.</summary>
    /// <exception cref="ShimException">The container is not running, or the id is taken.</exception>
    public Task CreateExecAsync(string execId, ExecConfig config, CancellationToken cancellationToken)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(config, ShimJsonContext.Default.ExecConfig);
        return CallAsync(FrameType.CreateExec, new FrameBuilder().String(execId).Raw(json), FrameType.Ok, cancellationToken);
    }

    /// <summary>Starts a registered exec session.</summary>
    /// <exception cref="ShimException">It was not started; the session is gone.</exception>
    public async Task<ProcessStarted> StartExecAsync(string execId, CancellationToken cancellationToken) =>
        ReadStarted(await CallAsync(FrameType.StartExec, new FrameBuilder().String(execId), FrameType.Started, cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Attaches to the first process or to an exec session, before or after its start. Output comes from here on; the stream ends when the process
    /// has ended and all was delivered. Its status is known by then (<see cref="GetStateAsync"/>, the exit file).
    /// </summary>
    /// <exception cref="ShimException">It has ended, or there is no such session, or the shim is gone.</exception>
    public Task<ShimStream> AttachAsync(string? execId, AttachStreams streams, CancellationToken cancellationToken) =>
        OpenStreamAsync(FrameType.Attach, new FrameBuilder().String(execId ?? "").Byte((byte)streams), cancellationToken);

    /// <summary>
    /// A stream that gets one byte when the log has grown since the last byte was read, and ends when the log is complete. Read the log to its end
    /// after opening the stream and after every read.
    /// </summary>
    /// <exception cref="ShimException">No log is being written, or the shim is gone.</exception>
    public Task<ShimStream> FollowLogAsync(CancellationToken cancellationToken) =>
        OpenStreamAsync(FrameType.FollowLog, new FrameBuilder(), cancellationToken);

    /// <summary>Ends the connection. A running container goes on; one that was not started is given up. Further calls do nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _closing.CancelAsync().ConfigureAwait(false);
        _channel.Dispose();
        await _receiving.ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task<ShimStream> OpenStreamAsync(FrameType type, FrameBuilder payload, CancellationToken cancellationToken)
    {
        FrameChannel? channel = null;
        try
        {
            channel = await FrameChannel.ConnectAsync(SocketPath, cancellationToken).ConfigureAwait(false)
                ?? throw new ShimException(ShimFailure.ConnectionLost, "the container has ended");
            (await channel.CallAsync(type, payload, cancellationToken).ConfigureAwait(false)).Expect(FrameType.Ok);
            return new ShimStream(channel);
        }
        catch (Exception e)
        {
            channel?.Dispose();
            if (e is SocketException or ProtocolException)
                throw new ShimException(ShimFailure.ConnectionLost, "the connection to the container's shim was lost", e);
            throw;
        }
    }

    private async Task<Reply> CallAsync(FrameType type, FrameBuilder payload, FrameType expected, CancellationToken cancellationToken)
    {
        uint id = Interlocked.Increment(ref _lastRequest);
        if (id == 0)
            id = Interlocked.Increment(ref _lastRequest); // 0 marks events
        var reply = new TaskCompletionSource<Reply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = reply;
        try
        {
            await SendAsync(payload.Build(type, id)).ConfigureAwait(false);
            if (Volatile.Read(ref _lost))
                _ = reply.TrySetException(Lost(null)); // unless the answer came before the end
            Reply answer = await reply.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            answer.Expect(expected);
            return answer;
        }
        finally
        {
            _ = _waiting.TryRemove(id, out _);
        }
    }

    // Not cancellable: half a frame would make the connection useless for everybody.
    private async Task SendAsync(ReadOnlyMemory<byte> frame)
    {
        await _sending.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await _channel.SendAsync(frame, _closing.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            throw Lost(e);
        }
        finally
        {
            _ = _sending.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        Exception? cause = null;
        try
        {
            while (await _channel.ReceiveAsync(_closing.Token).ConfigureAwait(false) is { } frame)
                Dispatch(frame);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or ProtocolException)
        {
            cause = e; // told to everyone who waits
        }

        Volatile.Write(ref _lost, true);
        _channel.Dispose();
        foreach (TaskCompletionSource<Reply> reply in _waiting.Values)
            _ = reply.TrySetException(Lost(cause));
        _ = _exited.TrySetResult(null);
        _ended?.Invoke();
    }

    private void Dispatch(Reply frame)
    {
        var reader = new PayloadReader(frame.Payload);
        switch (frame.Header.Type)
        {
            case FrameType.Exited:
                _ = _exited.TrySetResult(ReadExit(ref reader));
                break;
            case FrameType.ExecExited:
                string id = reader.ReadString();
                ExecExited?.Invoke(id, ReadExit(ref reader));
                break;
            default:
                if (_waiting.TryRemove(frame.Header.RequestId, out TaskCompletionSource<Reply>? reply))
                    _ = reply.TrySetResult(frame);
                break;
        }
    }

    private static ExitStatus ReadExit(ref PayloadReader reader) => new(reader.ReadInt32(), reader.ReadByte() != 0, reader.ReadTime());

    private static ProcessStarted ReadStarted(Reply reply)
    {
        var reader = new PayloadReader(reply.Payload);
        return new ProcessStarted(reader.ReadInt32(), reader.ReadTime());
    }

    private static ShimException Lost(Exception? cause) => new(ShimFailure.ConnectionLost, "the connection to the container's shim was lost", cause);
}
