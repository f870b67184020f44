using System.Buffers.Text;

namespace Berth.Storage.Layers.Tar;

/// <summary>Numbers and texts of tar's fixed header fields and PAX values; false means malformed or out of range.</summary>
internal static class TarNumbers
{
    /// <summary>Octal digits with blanks or zeros around them, or GNU's base-256 form (first bit set, big-endian two's complement). An empty field is 0.</summary>
    public static bool TryParseField(ReadOnlySpan<byte> field, out long value)
    {
        if (field.Length > 0 && (field[0] & 0x80) != 0)
        {
            return TryParseBase256(field, out value);
        }

        value = 0;
        field = field.Trim(" \0"u8);
        foreach (byte digit in field)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value > long.MaxValue >> 3)
            {
                return false;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return true;
    }

    /// <summary>Whether the block is a header: its checksum, of unsigned or (old writers) signed bytes, is right.</summary>
    public static bool IsHeader(ReadOnlySpan<byte> block)
    {
        long sum = 0;
        long signedSum = 0;
        for (int i = 0; i < block.Length; i++)
        {
            byte b = i is >= 148 and < 156 ? (byte)' ' : block[i];
            sum += b;
            signedSum += (sbyte)b;
        }

        return TryParseField(block.Slice(148, 8), out long stored) && (stored == sum || stored == signedSum);
    }

    /// <summary>A whole decimal number and nothing else.</summary>
    public static bool TryParseDecimal(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parser.TryParse(text, out value, out int used) && used == text.Length && text.Length > 0 && text[0] != '+';

    /// <summary>Seconds with an optional fraction; digits beyond nanoseconds are cut off.</summary>
    public static bool TryParseTime(ReadOnlySpan<byte> text, out long seconds, out uint nanoseconds)
    {
        nanoseconds = 0;
        int point = text.IndexOf((byte)'.');
        ReadOnlySpan<byte> whole = point < 0 ? text : text[..point];
        bool negative = whole.Length > 0 && whole[0] == '-';
        if (!TryParseDecimal(whole, out seconds))
        {
            return false;
        }

        if (point >= 0)
        {
            uint scale = 100_000_000;
            foreach (byte digit in text[(point + 1)..])
            {
                if (digit is < (byte)'0' or > (byte)'9')
                {
                    return false;
                }

                nanoseconds += (uint)(digit - '0') * scale;
                scale /= 10;
            }
        }

        if (negative && nanoseconds > 0)
        {
            // -1.25 is a second and a quarter before 1970: two seconds before, and 0.75 on.
            seconds--;
            nanoseconds = 1_000_000_000 - nanoseconds;
        }

        return true;
    }

    /// <summary>The field up to its first zero.</summary>
    public static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }

    private static bool TryParseBase256(ReadOnlySpan<byte> field, out long value)
    {
        // The second bit is the sign; the first is only the mark.
        value = (field[0] & 0x40) != 0 ? -1L : 0;
        value = (value << 6) | (uint)(field[0] & 0x3F);
        for (int i = 1; i < field.Length; i++)
        {
            if (value > long.MaxValue >> 8 || value < long.MinValue >> 8)
            {
                return false;
            }

            value = (value << 8) | field[i];
        }

        return true;
    }
}
