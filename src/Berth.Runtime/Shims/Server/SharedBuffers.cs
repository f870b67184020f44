using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims.Server;

/// <summary>The loop's buffers: one thread, so one of each. Their pages go back to the kernel when nothing was read for a while.</summary>
internal sealed class SharedBuffers : IDisposable
{
    /// <summary>Room in front of what is read: a record's beginning from the read before, or a stream frame's header.</summary>
    internal const int Headroom = LogWriter.MaxRecord;

    /// <summary>The most that is read at once.</summary>
    internal const int ReadBytes = 128 * 1024;

    /// <summary>Encoded records that wait for the write. Fits a core's second-level cache together with the rest.</summary>
    internal const int EncodedBytes = 512 * 1024;

    private readonly PageBuffer _input = new(Headroom + ReadBytes);
    private bool _dirty;

    /// <summary>Headroom followed by the room for one read.</summary>
    internal Span<byte> Input
    {
        get
        {
            _dirty = true;
            return _input.Bytes;
        }
    }

    /// <summary>For <see cref="LogWriter"/> alone.</summary>
    internal PageBuffer Encoded { get; } = new(EncodedBytes);

    /// <summary>Whether there are pages to give back.</summary>
    internal bool IsDirty => _dirty;

    /// <summary>Gives the pages back. Nothing may be pending in the buffers.</summary>
    internal void Discard()
    {
        if (!_dirty)
            return;
        _dirty = false;
        _input.Discard();
        Encoded.Discard();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _input.Dispose();
        Encoded.Dispose();
    }
}
