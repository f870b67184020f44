using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Berth.Storage.Layers.Tar;

/// <summary>
/// Writes archives as POSIX ustar with PAX records where a value does not fit its field: long names, link targets that are not ASCII, large sizes and ids,
/// times before 1970 or with nanoseconds, extended attributes (<c>SCHILY.xattr.</c>, the values as bytes). The same entries give the same bytes. Files are written
/// whole: holes become zeros, which every reader understands. <see cref="WriteEntry"/>, then exactly the entry's size of data, and so on;
/// <see cref="Finish"/> at the end. Names are given as paths without a slash at the end.
/// </summary>
/// <param name="output">Gets the archive.</param>
/// <param name="namesRoot">Whether root is named as owner, as in docker's archives for users. Names of others are a container's own matter and left out.</param>
internal sealed class TarWriter(Stream output, bool namesRoot = false)
{
    private const int Block = 512;
    private const int NameField = 100;
    private const int PrefixField = 155;
    private const long MaxOctal7 = (1 << 21) - 1;
    private const long MaxOctal11 = (1L << 33) - 1;
    private static readonly byte[] Zeros = new byte[64 << 10];
    private readonly byte[] header = new byte[Block];
    private readonly ArrayBufferWriter<byte> records = new();
    private long remaining;
    private long padding;

    /// <summary>Entries written so far.</summary>
    public long Entries { get; private set; }

    /// <summary>Writes the headers of <paramref name="entry"/>; the data of the one before must be complete.</summary>
    public void WriteEntry(TarEntry entry)
    {
        FinishEntry();
        Entries++;
        records.ResetWrittenCount();
        byte[] name = entry.Type == TarEntryType.Folder ? [.. entry.Name, (byte)'/'] : entry.Name;
        if (!TrySplit(name, out int prefix))
        {
            AddRecord("path", name);
        }

        if (entry.LinkTarget.Length > NameField || !Ascii.IsValid(entry.LinkTarget))
        {
            AddRecord("linkpath", entry.LinkTarget);
        }

        AddNumber("uid", entry.Uid, MaxOctal7);
        AddNumber("gid", entry.Gid, MaxOctal7);
        long size = entry.Type == TarEntryType.File ? entry.Size : 0;
        AddNumber("size", size, MaxOctal11);
        if (entry.MtimeNanoseconds != 0 || entry.MtimeSeconds is < 0 or > MaxOctal11)
        {
            AddRecord("mtime", Time(entry.MtimeSeconds, entry.MtimeNanoseconds));
        }

        foreach ((string attribute, byte[] value) in entry.Xattrs.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            AddRecord("SCHILY.xattr." + attribute, value);
        }

        if (records.WrittenCount > 0)
        {
            WriteExtension(name);
        }

        FillHeader(entry, name, prefix, size);
        output.Write(header);
        remaining = size;
        padding = -size & (Block - 1);
    }

    /// <summary>Writes data of the present entry; not more than its size.</summary>
    public void Write(ReadOnlySpan<byte> data)
    {
        if (data.Length > remaining)
        {
            throw new InvalidOperationException($"{data.Length} bytes for an entry that takes {remaining} more");
        }

        output.Write(data);
        remaining -= data.Length;
    }

    /// <summary>Writes zeros as data of the present entry.</summary>
    public void WriteZeros(long count)
    {
        while (count > 0)
        {
            int part = (int)Math.Min(count, Zeros.Length);
            Write(Zeros.AsSpan(0, part));
            count -= part;
        }
    }

    /// <summary>Ends the archive with two blocks of zeros. The stream stays open.</summary>
    public void Finish()
    {
        FinishEntry();
        output.Write(Zeros.AsSpan(0, 2 * Block));
    }

    private static byte[] Time(long seconds, uint nanoseconds)
    {
        // Seconds count down before 1970: two seconds before and 0.75 on are -1.25.
        bool negative = seconds < 0 && nanoseconds > 0;
        long whole = negative ? seconds + 1 : seconds;
        uint fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
        string sign = negative && whole == 0 ? "-" : "";
        string text = string.Create(CultureInfo.InvariantCulture, $"{sign}{whole}");
        return Encoding.ASCII.GetBytes(fraction == 0 ? text : string.Create(CultureInfo.InvariantCulture, $"{text}.{fraction:d9}").TrimEnd('0'));
    }

    // The place of the slash between prefix and name; 0 when the name field holds all. False when only a record can hold it.
    private static bool TrySplit(byte[] name, out int prefix)
    {
        prefix = 0;
        if (!Ascii.IsValid(name))
        {
            return false;
        }

        if (name.Length <= NameField)
        {
            return true;
        }

        int from = name.Length - NameField - 1;
        int slash = from <= PrefixField ? name.AsSpan(from, Math.Min(PrefixField + 1, name.Length - 1) - from).LastIndexOf((byte)'/') : -1;
        bool fits = slash >= 0 && from + slash > 0;
        prefix = fits ? from + slash : 0;
        return fits;
    }

    private void FinishEntry()
    {
        if (remaining > 0)
        {
            throw new InvalidOperationException($"{remaining} bytes of an entry are missing");
        }

        output.Write(Zeros.AsSpan(0, (int)padding));
        padding = 0;
    }

    private void AddNumber(string key, long value, long max)
    {
        if (value > max)
        {
            AddRecord(key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
        }
    }

    // "length key=value\n", the length counting its own digits.
    private void AddRecord(string key, ReadOnlySpan<byte> value)
    {
        int rest = 1 + Encoding.UTF8.GetByteCount(key) + 1 + value.Length + 1;
        int length = rest + 1;
        while (length != rest + Digits(length))
        {
            length = rest + Digits(length);
        }

        Span<byte> to = records.GetSpan(length);
        Utf8Formatter.TryFormat(length, to, out int at);
        to[at++] = (byte)' ';
        at += Encoding.UTF8.GetBytes(key, to[at..]);
        to[at++] = (byte)'=';
        value.CopyTo(to[at..]);
        to[length - 1] = (byte)'\n';
        records.Advance(length);
    }

    private static int Digits(int value) => value.ToString(CultureInfo.InvariantCulture).Length;

    // Readers that know no PAX see a file of this name.
    private void WriteExtension(byte[] name)
    {
        header.AsSpan().Clear();
        ReadOnlySpan<byte> last = LayerPath.Name(name.AsSpan().TrimEnd((byte)'/'));
        byte[] shown = [.. "PaxHeaders.0/"u8, .. last.Length > 80 ? last[..80] : last];
        foreach (ref byte c in shown.AsSpan())
        {
            c = c < 0x80 ? c : (byte)'_';
        }

        shown.CopyTo(header, 0);
        Octal(100, 8, 0x1A4);
        Octal(108, 8, 0);
        Octal(116, 8, 0);
        Octal(124, 12, records.WrittenCount);
        Octal(136, 12, 0);
        header[156] = (byte)'x';
        Seal();
        output.Write(header);
        output.Write(records.WrittenSpan);
        output.Write(Zeros.AsSpan(0, -records.WrittenCount & (Block - 1)));
    }

    private void FillHeader(TarEntry entry, byte[] name, int prefix, long size)
    {
        header.AsSpan().Clear();
        if (prefix > 0)
        {
            name.AsSpan(0, prefix).CopyTo(header.AsSpan(345));
            name.AsSpan(prefix + 1).CopyTo(header);
        }
        else
        {
            name.AsSpan(0, Math.Min(name.Length, NameField)).CopyTo(header);
        }

        Octal(100, 8, entry.Mode & 0xFFF);
        Octal(108, 8, entry.Uid > MaxOctal7 ? 0 : entry.Uid);
        Octal(116, 8, entry.Gid > MaxOctal7 ? 0 : entry.Gid);
        Octal(124, 12, size > MaxOctal11 ? 0 : size);
        Octal(136, 12, entry.MtimeSeconds is < 0 or > MaxOctal11 ? 0 : entry.MtimeSeconds);
        if (namesRoot)
        {
            (entry.Uid == 0 ? "root"u8 : default).CopyTo(header.AsSpan(265));
            (entry.Gid == 0 ? "root"u8 : default).CopyTo(header.AsSpan(297));
        }

        header[156] = entry.Type switch
        {
            TarEntryType.HardLink => (byte)'1',
            TarEntryType.Symlink => (byte)'2',
            TarEntryType.CharacterDevice => (byte)'3',
            TarEntryType.BlockDevice => (byte)'4',
            TarEntryType.Folder => (byte)'5',
            TarEntryType.Fifo => (byte)'6',
            _ => (byte)'0',
        };
        entry.LinkTarget.AsSpan(0, Math.Min(entry.LinkTarget.Length, NameField)).CopyTo(header.AsSpan(157));
        if (entry.Type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice)
        {
            Octal(329, 8, entry.DeviceMajor);
            Octal(337, 8, entry.DeviceMinor);
        }

        Seal();
    }

    private void Seal()
    {
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        header.AsSpan(148, 8).Fill((byte)' ');
        long sum = 0;
        foreach (byte b in header)
        {
            sum += b;
        }

        Octal(148, 7, sum);
    }

    // Digits, then a zero; larger than the field never comes here.
    private void Octal(int offset, int width, long value)
    {
        for (int i = offset + width - 2; i >= offset; i--)
        {
            header[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }

        header[offset + width - 1] = 0;
    }
}
