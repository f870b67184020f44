using System.Buffers.Binary;
using System.IO.Compression;
using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>
/// Reads gzip (RFC 1952), and tells a file cut short from a whole one, which GZipStream alone does not: it takes a missing end for the end. So a further member with known content is
/// put behind the source. After a whole file that content is the last that comes out, and is taken off; of a cut one it is swallowed by what is missing. A file with bytes behind
/// its data, which gzip ignores, is known by its length field instead.
/// </summary>
internal sealed class GzipReader : ReadOnlyStream
{
    private const int BufferSize = 64 << 10;
    private static readonly byte[] Mark = [.. "the file that came before this is whole"u8];
    private static readonly byte[] MarkMember = Pack(Mark);
    private readonly Tail tail;
    private readonly GZipStream gzip;
    private readonly byte[] buffer = new byte[BufferSize];
    private int start;
    private int end;
    private long total;
    private bool ended;

    public GzipReader(Stream source)
    {
        tail = new Tail(source);
        gzip = new GZipStream(tail, CompressionMode.Decompress);
    }

    public override int Read(Span<byte> buffer)
    {
        while (!ended && end - start <= Mark.Length)
        {
            Fill();
        }

        int count = Math.Min(buffer.Length, end - start - (ended ? 0 : Mark.Length));
        this.buffer.AsSpan(start, count).CopyTo(buffer);
        start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            gzip.Dispose();
        }

        base.Dispose(disposing);
    }

    private static byte[] Pack(byte[] content)
    {
        using MemoryStream output = new();
        using (GZipStream packer = new(output, CompressionLevel.NoCompression, leaveOpen: true))
        {
            packer.Write(content);
        }

        return output.ToArray();
    }

    private void Fill()
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        end -= start;
        start = 0;
        int count = gzip.Read(buffer, end, buffer.Length - end);
        end += count;
        total += count;
        if (count > 0)
        {
            return;
        }

        ended = true;
        if (buffer.AsSpan(0, end).EndsWith(Mark))
        {
            end -= Mark.Length;
        }
        else if (!tail.HasLength(total))
        {
            throw new InvalidDataException("unexpected end of data");
        }
    }

    // The source, the mark behind it, and the source's last bytes again.
    private sealed class Tail(Stream source) : ReadOnlyStream
    {
        private readonly byte[] last = new byte[1024];
        private int known;
        private int added = -1;

        /// <summary>Whether the source ends with a length field of this value, modulo 2^32, and nothing but zeros behind it.</summary>
        public bool HasLength(long total)
        {
            Span<byte> wanted = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(wanted, unchecked((uint)total));
            ReadOnlySpan<byte> end = last.AsSpan(last.Length - known);
            int zeros = known - (end.LastIndexOfAnyExcept((byte)0) + 1);
            for (int i = Math.Max(0, known - zeros - 4); i <= known - 4; i++)
            {
                if (end.Slice(i, 4).SequenceEqual(wanted) && !end[(i + 4)..].ContainsAnyExcept((byte)0))
                {
                    return true;
                }
            }

            return false;
        }

        public override int Read(Span<byte> buffer)
        {
            if (added < 0)
            {
                int count = source.Read(buffer);
                if (count > 0 || buffer.IsEmpty)
                {
                    Remember(buffer[..count]);
                    return count;
                }

                added = 0;
            }

            int rest = Math.Min(buffer.Length, MarkMember.Length - added);
            MarkMember.AsSpan(added, rest).CopyTo(buffer);
            added += rest;
            return rest;
        }

        // At the end of the array, the newest last.
        private void Remember(ReadOnlySpan<byte> bytes)
        {
            bytes = bytes.Length > last.Length ? bytes[^last.Length..] : bytes;
            last.AsSpan(bytes.Length).CopyTo(last);
            bytes.CopyTo(last.AsSpan(last.Length - bytes.Length));
            known = Math.Min(last.Length, known + bytes.Length);
        }
    }
}
