namespace Berth.Engine.Logs;

/// <summary>Gathers bytes and gives out whole lines; what follows the last newline waits for the next read.</summary>
internal sealed class LineBuffer
{
    private byte[] bytes = [];
    private int start;
    private int end;

    /// <summary>Room for at least <paramref name="size"/> bytes; <see cref="Advance"/> says how many were filled.</summary>
    public Span<byte> Space(int size)
    {
        if (bytes.Length - end < size)
        {
            int kept = end - start;
            byte[] target = kept + size > bytes.Length ? new byte[Math.Max(kept + size, bytes.Length * 2)] : bytes;
            bytes.AsSpan(start, kept).CopyTo(target);
            bytes = target;
            start = 0;
            end = kept;
        }

        return bytes.AsSpan(end, size);
    }

    public void Advance(int count) => end += count;

    /// <summary>The next line without its newline, valid until the next <see cref="Space"/>.</summary>
    public bool TryTake(out ReadOnlySpan<byte> line)
    {
        int length = bytes.AsSpan(start, end - start).IndexOf((byte)'\n');
        if (length < 0)
        {
            line = default;
            return false;
        }

        line = bytes.AsSpan(start, length);
        start += length + 1;
        return true;
    }
}
