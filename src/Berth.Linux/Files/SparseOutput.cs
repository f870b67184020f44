namespace Berth.Linux.Files;

/// <summary>
/// Writes a new file front to back and leaves stretches of zeros out as holes: disks write less, and what archives had to write out is sparse again.
/// The content is the same. <see cref="Finish"/> sets the length.
/// </summary>
public sealed class SparseOutput(FileDescriptor file)
{
    private const int Piece = 64 << 10;
    private const int Smallest = 4 << 10;
    private long written;

    /// <summary>Bytes so far, holes included.</summary>
    public long Length { get; private set; }

    /// <summary>Appends <paramref name="data"/>.</summary>
    /// <exception cref="LinuxException">ENOSPC and others of write(2).</exception>
    public void Write(ReadOnlySpan<byte> data)
    {
        int start = 0;
        for (int at = 0; at < data.Length; at += Piece)
        {
            int count = Math.Min(Piece, data.Length - at);
            if (count < Smallest || data.Slice(at, count).ContainsAnyExcept((byte)0))
            {
                continue;
            }

            Flush(data[start..at], start);
            start = at + count;
        }

        Flush(data[start..], start);
        Length += data.Length;
    }

    /// <summary>Goes on behind <paramref name="count"/> bytes that the file has already.</summary>
    public void Skip(long count)
    {
        if (count > 0)
        {
            Length += count;
            written = Length;
        }
    }

    /// <summary>Ends the file where its data ends, also when that is a hole.</summary>
    /// <exception cref="LinuxException">Others of ftruncate(2).</exception>
    public void Finish()
    {
        if (written < Length)
        {
            FileData.SetLength(file, Length);
            written = Length;
        }
    }

    private void Flush(ReadOnlySpan<byte> data, int offset)
    {
        if (!data.IsEmpty)
        {
            FileData.WriteAt(file, data, Length + offset);
            written = Length + offset + data.Length;
        }
    }
}
