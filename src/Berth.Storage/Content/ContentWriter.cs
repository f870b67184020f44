using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;

namespace Berth.Storage.Content;

/// <summary>
/// One blob being written and hashed. Write (any number of times), <see cref="Finish"/>, then <see cref="Publish"/>; disposing it without
/// Publish deletes what was written, unless <see cref="Keeps"/> says that it is for a later writer. For one thread at a time.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "It is used as a writer with an outcome, not passed on as a stream.")]
public sealed class ContentWriter : Stream
{
    private readonly FileDescriptor folder;
    private readonly FileDescriptor blobs;
    private readonly byte[] name;
    private readonly FileDescriptor file;
    private readonly SparseOutput output;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Action? released;
    private Digest digest;
    private bool published;
    private bool disposed;

    // Both folders are the store's, which is told once that the name in the first is used no longer.
    internal ContentWriter(FileDescriptor folder, FileDescriptor blobs, byte[] name, FileDescriptor file, long existing, Action? released)
    {
        this.folder = folder;
        this.blobs = blobs;
        this.name = name;
        this.file = file;
        this.released = released;
        Existing = existing;
        output = new SparseOutput(file);
    }

    /// <summary>
    /// Bytes that an earlier writer left. They are to be written once more, from <see cref="OpenExisting"/>, before anything new: they are hashed then, and not
    /// written again.
    /// </summary>
    public long Existing { get; }

    /// <summary>Whether what was written stays for a later writer when this one is disposed without <see cref="Publish"/>. False at first.</summary>
    public bool Keeps { get; set; }

    /// <summary>The bytes that an earlier writer left; the caller disposes the stream.</summary>
    public Stream OpenExisting() => new FileStream(Paths.Open(folder, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW).ToFileHandle(), FileAccess.Read, bufferSize: 0);

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

        hash.AppendData(buffer);
        int known = (int)Math.Clamp(Existing - output.Length, 0, buffer.Length);
        output.Skip(known);
        output.Write(buffer[known..]);
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
            // An existing blob of the same digest has the same bytes; replacing it is harmless and needs no test before.
            Paths.Rename(folder, name, blobs, ContentStore.Name(digest));
            published = true;
            Release();
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
            try
            {
                if (!published && !Keeps)
                {
                    ContentStore.TryUnlink(folder, name);
                }
            }
            finally
            {
                Release();
            }
        }

        base.Dispose(disposing);
    }

    // Once: the next writer of the name may live already.
    private void Release()
    {
        released?.Invoke();
        released = null;
    }
}
