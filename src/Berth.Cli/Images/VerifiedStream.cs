using System.Security.Cryptography;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Cli.Images;

/// <summary>A blob of a file, read once from its beginning: another length or digest than its descriptor's is an error at its end.</summary>
internal sealed class VerifiedStream(Stream inner, Descriptor blob, string place) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long count;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => blob.Size;

    public override long Position { get => count; set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int length = inner.Read(buffer);
        hash.AppendData(buffer[..length]);
        count += length;
        if (length == 0 && buffer.Length > 0 && (count != blob.Size || Digest.Parse("sha256:" + Convert.ToHexStringLower(hash.GetCurrentHash())) != blob.Digest))
            throw new EngineException(ErrorKind.Internal, $"{place}: blob {blob.Digest} is damaged: wanted {blob.Size} bytes, got {count}, or others than those");

        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override void Flush()
    {
        // Nothing is written.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
