using System.Security.Cryptography;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Cli.Images;

/// <summary>A blob of a file, read once from its beginning: another length or digest than its descriptor's is an error at its end.</summary>
internal sealed class VerifiedStream(Stream inner, Descriptor blob, string place) : ReadOnlyStream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long count;

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
