namespace Berth.Engine.Containers;

/// <summary>A client's stream, which it leaves open.</summary>
/// <param name="inner">The stream.</param>
/// <param name="waiting">Told true whenever the client begins to be waited for, and false when it no longer is.</param>
internal sealed class WatchedStream(Stream inner, Action<bool> waiting) : Stream
{
    /// <inheritdoc/>
    public override bool CanRead => inner.CanRead;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => inner.CanWrite;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        waiting(true);
        try
        {
            return inner.Read(buffer);
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        waiting(true);
        try
        {
            return await inner.ReadAsync(buffer, cancellationToken);
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        waiting(true);
        try
        {
            inner.Write(buffer);
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        waiting(true);
        try
        {
            await inner.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        waiting(true);
        try
        {
            inner.Flush();
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        waiting(true);
        try
        {
            await inner.FlushAsync(cancellationToken);
        }
        finally
        {
            waiting(false);
        }
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
