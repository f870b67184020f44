using System.Buffers;

namespace Berth.Linux.Compression;

/// <summary>
/// Reads the decompressed bytes of a compressed stream through a library of the host that is loaded when the first such stream is opened.
/// Several streams one after the other in the same source are read as one, as the formats' own tools do. A source that ends too early is an error,
/// never an end. For one thread at a time; disposing it does not dispose the source.
/// </summary>
public abstract class DecoderStream : Stream
{
    private const int InputSize = 128 << 10;
    private readonly Stream source;
    private readonly byte[] input = ArrayPool<byte>.Shared.Rent(InputSize);
    private int start;
    private int end;
    private bool sourceEnded;
    private bool ended;
    private bool disposed;

    private protected DecoderStream(Stream source) => this.source = source;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The format's name for messages.</summary>
    private protected abstract string Format { get; }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The data is damaged, cut off, or wants more memory than the decoder grants.</exception>
    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        while (!ended && !buffer.IsEmpty)
        {
            if (start == end && !sourceEnded)
            {
                start = 0;
                end = source.Read(input, 0, input.Length);
                sourceEnded = end == 0;
            }

            bool complete = Decode(input.AsSpan(start, end - start), buffer, sourceEnded, out int consumed, out int produced);
            start += consumed;
            if (produced > 0)
            {
                return produced;
            }

            if (sourceEnded && start == end)
            {
                ended = complete ? true : throw Damaged("it ends in the middle");
            }
        }

        return 0;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
        // A reader has nothing to flush.
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>One step. Returns whether the source may end after what was consumed so far.</summary>
    private protected abstract bool Decode(ReadOnlySpan<byte> from, Span<byte> to, bool last, out int consumed, out int produced);

    private protected InvalidDataException Damaged(string why) => new($"the {Format} data is damaged or truncated: {why}");

    private protected static T Load<T>(string format, string library, string package, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new DecoderMissingException(format, library, package, e);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed)
        {
            disposed = true;
            ArrayPool<byte>.Shared.Return(input);
        }

        base.Dispose(disposing);
    }
}

/// <summary>A compressed stream cannot be read because the host lacks the library for it.</summary>
public sealed class DecoderMissingException : IOException
{
    /// <param name="format">The compression's name.</param>
    /// <param name="library">The file that the dynamic linker did not find.</param>
    /// <param name="package">Debian's package with that file.</param>
    /// <param name="inner">What the loader said.</param>
    public DecoderMissingException(string format, string library, string package, Exception inner)
        : base($"{format} data cannot be read: the library {library} is missing; install it (Debian's package {package})", inner)
    {
    }
}
