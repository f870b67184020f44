namespace Berth.Cli.Archives;

/// <summary>Tells archives from other files by their first bytes.</summary>
internal static class ArchiveHead
{
    private const int Block = 512;
    private const int SumAt = 148, SumLength = 8;

    /// <summary>Whether a file that begins so is a tar, or packed with gzip, bzip2, xz or zstd.</summary>
    /// <param name="head">512 bytes, or all if there are less.</param>
    public static bool IsArchive(ReadOnlySpan<byte> head) =>
        head.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]) || head.StartsWith("BZh"u8) || head.StartsWith((ReadOnlySpan<byte>)[0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0])
        || head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]) || IsTar(head);

    // A header's sum of bytes is right; the end of an archive has none.
    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        if (head.Length < Block || head.IndexOfAnyExcept((byte)0) < 0)
            return head.Length == Block;

        (long wanted, long sum) = (0, SumLength * ' ');
        foreach (byte digit in head.Slice(SumAt, SumLength).Trim([(byte)' ', (byte)0]))
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return false;

            wanted = (wanted << 3) | (uint)(digit - '0');
        }

        for (int i = 0; i < Block; i++)
            sum += i is >= SumAt and < SumAt + SumLength ? 0 : head[i];

        return sum == wanted;
    }
}

/// <summary>A stream of which the first bytes were read already; to be read from the beginning.</summary>
internal sealed class HeadedStream(ReadOnlyMemory<byte> head, Stream rest) : Stream
{
    private ReadOnlyMemory<byte> head = head;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        if (head.IsEmpty)
            return rest.Read(buffer);

        int count = Math.Min(buffer.Length, head.Length);
        head.Span[..count].CopyTo(buffer);
        head = head[count..];
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
