using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Berth.Runtime.Shims.Server;

/// <summary>
/// Escapes raw output into the inside of a JSON string exactly as docker's json-file driver does: <c>\" \\ \n \r</c> are short, other control
/// characters and <c>&lt; &gt; &amp;</c> are <c>\u00xx</c>, U+2028 and U+2029 are escaped, and every byte that is no part of valid UTF-8
/// becomes <c>\ufffd</c>.
/// </summary>
internal static class JsonEscaper
{
    /// <summary>The most output bytes per input byte.</summary>
    internal const int MaxGrowth = 6;

    /// <summary>How many bytes beyond the output may be overwritten.</summary>
    internal const int Slack = 64;

    // Six characters each, first one lowest; the length 6 is in the highest byte.
    private const ulong Replacement = 0x06_00_64_66_66_66_75_5C; // \ufffd
    private const ulong LineSeparator = 0x06_00_38_32_30_32_75_5C; // \u2028
    private const ulong ParagraphSeparator = 0x06_00_39_32_30_32_75_5C; // \u2029

    // Per byte: the escape in the low bytes, its length in the highest one. Length 0: part of a longer sequence (0x80 and above).
    private static readonly ulong[] s_table = MakeTable();

    /// <summary>Escapes all of <paramref name="source"/>; returns the bytes written.</summary>
    /// <param name="destination">At least <see cref="MaxGrowth"/> times the source plus <see cref="Slack"/> bytes.</param>
    internal static int Escape(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (destination.Length < (source.Length * MaxGrowth) + Slack)
            throw new ArgumentException("the destination is too small", nameof(destination));

        ref byte from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref MemoryMarshal.GetReference(destination);
        ref ulong table = ref MemoryMarshal.GetArrayDataReference(s_table);
        nuint length = (nuint)source.Length;
        nuint i = 0, o = 0;
        while (i + 16 <= length)
        {
            Vector128<byte> block = Vector128.LoadUnsafe(ref from, i);
            block.StoreUnsafe(ref to, o);
            uint special = SpecialBytes(block);
            if (special == 0)
            {
                i += 16;
                o += 16;
                continue;
            }

            nuint plain = (nuint)BitOperations.TrailingZeroCount(special);
            i += plain;
            o += plain;
            byte value = Unsafe.Add(ref from, i);
            if (plain == 0 && value < 0x20 && block == Vector128.Create(value) && EscapeLength(Unsafe.Add(ref table, value)) == 6)
                (i, o) = EscapeRun(ref from, i, length, ref to, o, Unsafe.Add(ref table, value));
            else
                (i, o) = EscapeSome(ref from, i, Math.Min(length, i + Dense(special)), length, ref to, o, ref table);
        }

        (_, o) = EscapeSome(ref from, i, length, length, ref to, o, ref table);
        return (int)o;
    }

    // One special byte among plain ones: handle just it. Many: handle the whole stretch byte by byte, vectors would only stumble.
    private static nuint Dense(uint special) => BitOperations.PopCount(special) > 3 ? 16u : 1u;

    private static int EscapeLength(ulong entry) => (int)(entry >> 56);

    private static uint SpecialBytes(Vector128<byte> block) => (
        Vector128.LessThan(block.AsSByte(), Vector128.Create((sbyte)0x20)).AsByte() // below a space, or 0x80 and above
        | Vector128.Equals(block & Vector128.Create((byte)0xFB), Vector128.Create((byte)'"')) // " and &
        | Vector128.Equals(block & Vector128.Create((byte)0xFD), Vector128.Create((byte)'<')) // < and >
        | Vector128.Equals(block, Vector128.Create((byte)'\\'))).ExtractMostSignificantBits();

    // From i up to end (a sequence that begins before end is finished).
    private static (nuint From, nuint To) EscapeSome(ref byte from, nuint i, nuint end, nuint length, ref byte to, nuint o, ref ulong table)
    {
        while (i < end)
        {
            byte value = Unsafe.Add(ref from, i);
            ulong entry = Unsafe.Add(ref table, value);
            if (entry != 0)
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, o), entry);
                o += (nuint)(entry >> 56);
                i++;
                continue;
            }

            int size = SequenceLength(ref Unsafe.Add(ref from, i), length - i);
            if (size == 0)
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, o), Replacement);
                o += 6;
                i++;
            }
            else if (IsLineSeparator(ref Unsafe.Add(ref from, i), size))
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, o), Unsafe.Add(ref from, i + 2) == 0xA8 ? LineSeparator : ParagraphSeparator);
                o += 6;
                i += 3;
            }
            else
            {
                // Four bytes at once where four can be read; only size of them count.
                if (i + 4 <= length)
                    Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, o), Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref from, i)));
                else
                    CopyBytes(ref Unsafe.Add(ref from, i), ref Unsafe.Add(ref to, o), size);
                o += (nuint)size;
                i += (nuint)size;
            }
        }

        return (i, o);
    }

    private static void CopyBytes(ref byte from, ref byte to, int count)
    {
        for (int k = 0; k < count; k++)
            Unsafe.Add(ref to, k) = Unsafe.Add(ref from, k);
    }

    // A long stretch of one control character (NUL above all): 48 bytes of output hold 8 escapes exactly.
    private static (nuint From, nuint To) EscapeRun(ref byte from, nuint i, nuint length, ref byte to, nuint o, ulong entry)
    {
        Span<byte> pattern = stackalloc byte[56];
        for (int k = 0; k < 8; k++)
            MemoryMarshal.Write(pattern[(k * 6)..], entry);

        Vector128<byte> first = Vector128.Create<byte>(pattern[..16]);
        Vector128<byte> second = Vector128.Create<byte>(pattern[16..32]);
        Vector128<byte> third = Vector128.Create<byte>(pattern[32..48]);
        Vector128<byte> same = Vector128.Create(Unsafe.Add(ref from, i));
        while (i + 16 <= length && Vector128.LoadUnsafe(ref from, i) == same)
        {
            first.StoreUnsafe(ref to, o);
            second.StoreUnsafe(ref to, o + 16);
            third.StoreUnsafe(ref to, o + 32);
            first.StoreUnsafe(ref to, o + 48);
            second.StoreUnsafe(ref to, o + 64);
            third.StoreUnsafe(ref to, o + 80);
            i += 16;
            o += 96;
        }

        return (i, o);
    }

    // The length of the valid UTF-8 sequence of two to four bytes at the start (Unicode 15, table 3-7); 0 when there is none.
    private static int SequenceLength(ref byte at, nuint available)
    {
        byte lead = at;
        if (lead < 0xC2 || lead > 0xF4 || available < 2)
            return 0;

        byte second = Unsafe.Add(ref at, 1);
        if (lead < 0xE0)
            return IsTail(second) ? 2 : 0;

        (byte low, byte high) = lead switch
        {
            0xE0 => ((byte)0xA0, (byte)0xBF),
            0xED => ((byte)0x80, (byte)0x9F),
            0xF0 => ((byte)0x90, (byte)0xBF),
            0xF4 => ((byte)0x80, (byte)0x8F),
            _ => ((byte)0x80, (byte)0xBF),
        };
        if (second < low || second > high || available < 3 || !IsTail(Unsafe.Add(ref at, 2)))
            return 0;
        if (lead < 0xF0)
            return 3;
        return available >= 4 && IsTail(Unsafe.Add(ref at, 3)) ? 4 : 0;
    }

    private static bool IsTail(byte value) => (value & 0xC0) == 0x80;

    private static bool IsLineSeparator(ref byte at, int size) =>
        size == 3 && at == 0xE2 && Unsafe.Add(ref at, 1) == 0x80 && (Unsafe.Add(ref at, 2) | 1) == 0xA9;

    private static ulong[] MakeTable()
    {
        ulong[] table = new ulong[256];
        Span<byte> escape = stackalloc byte[6];
        "\\u00"u8.CopyTo(escape);
        for (int value = 0; value < 0x80; value++)
        {
            escape[4] = "0123456789abcdef"u8[value >> 4];
            escape[5] = "0123456789abcdef"u8[value & 15];
            table[value] = (char)value switch
            {
                '"' => Entry("\\\""u8),
                '\\' => Entry("\\\\"u8),
                '\n' => Entry("\\n"u8),
                '\r' => Entry("\\r"u8),
                < ' ' or '<' or '>' or '&' => Entry(escape),
                _ => (uint)value | (1UL << 56),
            };
        }

        return table;
    }

    private static ulong Entry(ReadOnlySpan<byte> text)
    {
        ulong entry = (ulong)text.Length << 56;
        for (int i = 0; i < text.Length; i++)
            entry |= (ulong)text[i] << (8 * i);
        return entry;
    }
}
