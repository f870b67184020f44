namespace Berth.Storage.Layers;

/// <summary>
/// The bytes of a gzip file followed by one more, empty member (RFC 1952). A decompressor that gets a file cut short takes those for the missing
/// data and finds its checksum wrong; of a whole file it makes the same as without. GZipStream alone takes a missing end for the end.
/// </summary>
internal sealed class GzipEnd(Stream source) : Stream
{
    private static readonly byte[] EmptyMember = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    private int added = -1;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        if (added < 0)
        {
            int count = source.Read(buffer);
            if (count > 0 || buffer.IsEmpty)
            {
                return count;
            }

            added = 0;
        }

        int rest = Math.Min(buffer.Length, EmptyMember.Length - added);
        EmptyMember.AsSpan(added, rest).CopyTo(buffer);
        added += rest;
        return rest;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // A reader has nothing to flush.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
