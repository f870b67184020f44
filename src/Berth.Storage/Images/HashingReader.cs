using System.Security.Cryptography;
using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>Hashes what is read through it; the source stays the caller's.</summary>
internal sealed class HashingReader(Stream source, CancellationToken cancellationToken) : ReadOnlyStream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long position;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public Digest Finish() => Digest.FromHash(hash.GetHashAndReset());

    public override int Read(Span<byte> buffer)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int count = source.Read(buffer);
        hash.AppendData(buffer[..count]);
        position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        hash.Dispose();
        base.Dispose(disposing);
    }
}
