using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;

namespace Berth.Storage.Content;

/// <summary>
/// One blob being written and hashed. Write (any number of times), <see cref="Finish"/>, then <see cref="Publish"/>; disposing it without
/// Publish deletes what was written. For one thread at a time.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "It is used as a writer with an outcome, not passed on as a stream.")]
public sealed class ContentWriter : Stream
{
    private readonly ContentStore store;
    private readonly byte[] name;
    private readonly FileDescriptor file;
    private readonly SparseOutput output;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Digest digest;
    private bool published;
    private bool disposed;

    internal ContentWriter(ContentStore store, byte[] name, FileDescriptor file)
    {
        this.store = store;
        this.name = name;
        this.file = file;
        output = new SparseOutput(file);
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <summary>Bytes written so far.</summary>
    public override long Length => output.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => output.Length;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!digest.IsEmpty)
        {
            throw new InvalidOperationException("the blob is finished");
        }

        output.Write(buffer);
        hash.AppendData(buffer);
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Ends the writing and returns the digest of all that was written; idempotent.</summary>
    public Digest Finish()
    {
        if (digest.IsEmpty)
        {
            output.Finish();
            digest = Digest.FromHash(hash.GetHashAndReset());
        }

        return digest;
    }

    /// <summary>
    /// Makes the blob visible under its digest and returns it. Not durable by itself, see <see cref="ContentStore"/>.
    /// </summary>
    /// <param name="expected">What the sender claimed; the empty digest when nothing was.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when the claim is wrong; nothing becomes visible.</exception>
    public Digest Publish(Digest expected = default)
    {
        Finish();
        if (!expected.IsEmpty && expected != digest)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"content does not match its digest: wanted {expected}, got {digest} ({output.Length} bytes)");
        }

        if (!published)
        {
            store.Publish(name, digest);
            published = true;
        }

        return digest;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is buffered; the promise about the disk is the store's.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed)
        {
            disposed = true;
            file.Dispose();
            hash.Dispose();
            if (!published)
            {
                store.Discard(name);
            }
        }

        base.Dispose(disposing);
    }
}
