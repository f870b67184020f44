using System.Security.Cryptography;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Registry.Pull;

/// <summary>A blob as it comes: exactly its size, and checked where it is read from the first byte.</summary>
internal sealed class BlobStream(Stream inner, Descriptor blob, BlobRead read, string subject) : Stream
{
    private readonly IncrementalHash? hash = read is { Verifies: true, Offset: 0 } ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private long position = read.Offset;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => position; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (position == blob.Size || buffer.IsEmpty)
        {
            return 0;
        }

        int count = await inner.ReadAsync(buffer[..(int)Math.Min(buffer.Length, blob.Size - position)], cancellationToken);
        if (count == 0)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject} ends after {position} of {blob.Size} bytes");
        }

        hash?.AppendData(buffer.Span[..count]);
        position += count;
        read.Received?.Invoke(position);
        if (position == blob.Size && hash is not null && Digest.FromHash(hash.GetHashAndReset()) is var got && got != blob.Digest)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject} has another digest: {got}");
        }

        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            hash?.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
