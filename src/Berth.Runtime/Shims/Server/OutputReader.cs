using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims.Server;

/// <summary>The reading side of one output stream of a process: its log and its attachments get what comes, in that order.</summary>
internal sealed class OutputReader : LoopSource
{
    private const int ReadsPerTurn = 8;
    private const int FrameHeaderBytes = 8;

    // A fast writer fills its pipe in small pieces. Taken one by one, each costs a log write and three wake-ups on its way to a client; so once a
    // stream is fast, a moment's pause lets a larger piece gather. Slow streams are never delayed.
    private const int FastBytes = 256 << 10;
    private const long FastMilliseconds = 4;
    private const int LargeTurnBytes = 128 << 10;
    private const uint PauseMicroseconds = 300;

    private readonly EventLoop _loop;
    private readonly ProcessStreams _streams;
    private readonly FileDescriptor _descriptor;
    private readonly bool _isError;
    private readonly bool _framed;
    private byte[] _unfinished = [];
    private int _unfinishedBytes;
    private int _turnBytes;
    private int _windowBytes;
    private long _windowStart;
    private bool _isFast;

    /// <param name="descriptor">Owned from now on; made non-blocking.</param>
    /// <param name="isError">Standard error, not standard output.</param>
    /// <param name="framed">Whether attachments get docker's 8-byte header before each piece.</param>
    internal OutputReader(EventLoop loop, ProcessStreams streams, FileDescriptor descriptor, bool isError, bool framed)
    {
        _loop = loop;
        _streams = streams;
        _descriptor = descriptor;
        _isError = isError;
        _framed = framed;
        DescriptorIo.SetNonBlocking(descriptor.Number);
        loop.Add(this, descriptor.Number, PollEvents.In);
    }

    internal bool IsOpen => Number >= 0;

    internal void Pause() => _loop.Park(this);

    internal void Resume() => _loop.SetInterest(this, PollEvents.In);

    /// <summary>Takes what is there now, for the end of a process.</summary>
    internal void ReadAvailable()
    {
        while (IsOpen && Read())
        {
        }

        _streams.Log?.Flush();
    }

    internal override void OnReady(PollEvents events)
    {
        _turnBytes = 0;
        for (int i = 0; i < ReadsPerTurn && IsOpen && !_streams.MustWait; i++)
        {
            if (!Read())
                break;
        }

        _streams.Log?.Flush();
        _streams.UpdateReaders();
        if (IsOpen && IsFast() && _turnBytes < LargeTurnBytes)
            ShortSleep.Microseconds(PauseMicroseconds);
    }

    internal override void OnFailure(Exception exception) => Close();

    internal void Close()
    {
        if (!IsOpen)
            return;
        _loop.Remove(this);
        _descriptor.Dispose();
        _streams.Log?.AppendUnfinished(_isError, _unfinished.AsSpan(0, _unfinishedBytes), DateTime.UtcNow);
        _streams.Log?.Flush();
        _unfinished = [];
        _unfinishedBytes = 0;
        _streams.OnOutputClosed();
    }

    private bool IsFast()
    {
        long now = Environment.TickCount64;
        if (now - _windowStart >= FastMilliseconds)
        {
            _isFast = _windowBytes >= FastBytes && now - _windowStart <= 4 * FastMilliseconds;
            _windowStart = now;
            _windowBytes = 0;
        }

        _windowBytes += _turnBytes;
        return _isFast;
    }

    // False when nothing (more) is there for now.
    private bool Read()
    {
        Span<byte> buffer = _streams.Buffers.Input;
        Errno errno = DescriptorIo.TryRead(Number, buffer[SharedBuffers.Headroom..], out int count);
        if (errno == Errno.EAGAIN)
            return false;
        if (errno != Errno.None || count == 0)
        {
            Close(); // a pty's master says EIO once nobody has the terminal open
            return false;
        }

        _turnBytes += count;
        if (_streams.Log is { } log)
            WriteLog(log, buffer, count);
        _streams.SendToClients(_isError, Framed(buffer, count));
        return count >= SharedBuffers.ReadBytes / 2;
    }

    private void WriteLog(LogWriter log, Span<byte> buffer, int count)
    {
        int start = SharedBuffers.Headroom - _unfinishedBytes;
        _unfinished.AsSpan(0, _unfinishedBytes).CopyTo(buffer[start..]);
        ReadOnlySpan<byte> output = buffer[start..(SharedBuffers.Headroom + count)];
        ReadOnlySpan<byte> rest = output[log.Append(_isError, output, DateTime.UtcNow)..];
        if (rest.Length > _unfinished.Length)
            _unfinished = new byte[rest.Length <= 512 ? 512 : LogWriter.MaxRecord];
        rest.CopyTo(_unfinished);
        _unfinishedBytes = rest.Length;
    }

    // Docker's attach stream: one byte of stream number, three of zero, the length big-endian; a terminal's output has no frames.
    private ReadOnlySpan<byte> Framed(Span<byte> buffer, int count)
    {
        if (!_framed)
            return buffer.Slice(SharedBuffers.Headroom, count);

        Span<byte> frame = buffer.Slice(SharedBuffers.Headroom - FrameHeaderBytes, FrameHeaderBytes + count);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(frame, _isError ? 2u : 1u);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(frame[4..], (uint)count);
        return frame;
    }
}
