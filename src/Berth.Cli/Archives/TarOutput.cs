using System.Globalization;
using System.Text;

namespace Berth.Cli.Archives;

/// <summary>Writes a tar archive: ustar headers, with a pax header before an entry that does not fit one. Times are whole seconds.</summary>
internal sealed class TarOutput
{
    private const int Block = 512;
    private const long MaximumOctal = 0x1FFFFF; // seven digits
    private const long MaximumSize = 0x1FFFFFFFF; // eleven digits

    private readonly Stream stream;
    private readonly byte[] zeros = new byte[2 * Block];
    private int padding;

    public TarOutput(Stream stream) => this.stream = stream;

    /// <summary>Bytes written so far.</summary>
    public long Position { get; private set; }

    /// <summary>The length of an archive that holds this entry alone.</summary>
    public static long Measure(TarEntry entry)
    {
        var output = new TarOutput(Stream.Null);
        output.Begin(entry);
        return output.Position + entry.Size + output.padding + (2 * Block);
    }

    /// <summary>Begins an entry; a file's content follows by <see cref="Write"/>, exactly as long as its size.</summary>
    public void Begin(TarEntry entry)
    {
        Pad();
        WriteExtensions(entry);
        byte[] header = new byte[Block];
        SplitName(entry.Name, out ReadOnlySpan<byte> prefix, out ReadOnlySpan<byte> name);
        name.CopyTo(header);
        Octal(header.AsSpan(100, 8), entry.Mode & 0xFFF);
        Octal(header.AsSpan(108, 8), Fit(entry.Uid, MaximumOctal));
        Octal(header.AsSpan(116, 8), Fit(entry.Gid, MaximumOctal));
        Octal(header.AsSpan(124, 12), Fit(entry.Size, MaximumSize));
        Octal(header.AsSpan(136, 12), Fit(entry.Seconds, MaximumSize));
        header[156] = (byte)entry.Kind;
        entry.LinkName.AsSpan(0, Math.Min(entry.LinkName.Length, 100)).CopyTo(header.AsSpan(157));
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263));
        Octal(header.AsSpan(329, 8), entry.DeviceMajor);
        Octal(header.AsSpan(337, 8), entry.DeviceMinor);
        prefix.CopyTo(header.AsSpan(345));
        Finish(header);
        padding = (int)(-entry.Size & (Block - 1));
    }

    /// <summary>A piece of the present entry's content.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        Position += bytes.Length;
    }

    /// <summary>Ends the archive.</summary>
    public void End()
    {
        Pad();
        Write(zeros);
    }

    private static long Fit(long value, long maximum) => value >= 0 && value <= maximum ? value : 0;

    private static void Octal(Span<byte> field, long value)
    {
        for (int i = field.Length - 2; i >= 0; i--)
        {
            field[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }
    }

    private void WriteExtensions(TarEntry entry)
    {
        using var records = new MemoryStream();
        if (!IsPlain(entry.Name) || !SplitName(entry.Name, out _, out _))
            Record(records, "path", entry.Name);

        if (!IsPlain(entry.LinkName) || entry.LinkName.Length > 100)
            Record(records, "linkpath", entry.LinkName);

        RecordIfLarge(records, "uid", entry.Uid, MaximumOctal);
        RecordIfLarge(records, "gid", entry.Gid, MaximumOctal);
        RecordIfLarge(records, "size", entry.Size, MaximumSize);
        RecordIfLarge(records, "mtime", entry.Seconds, MaximumSize);
        foreach ((string name, byte[] value) in entry.Attributes)
            Record(records, "SCHILY.xattr." + name, value);

        if (records.Length == 0)
            return;

        byte[] header = new byte[Block];
        "PaxHeaders.0/entry"u8.CopyTo(header);
        Octal(header.AsSpan(124, 12), records.Length);
        header[156] = (byte)'x';
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263));
        Finish(header);
        Write(records.GetBuffer().AsSpan(0, (int)records.Length));
        padding = (int)(-records.Length & (Block - 1));
        Pad();
    }

    private static bool IsPlain(ReadOnlySpan<byte> text) => text.IndexOfAnyExceptInRange((byte)1, (byte)127) < 0;

    private static void RecordIfLarge(MemoryStream records, string key, long value, long maximum)
    {
        if (Fit(value, maximum) != value)
            Record(records, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
    }

    private static void Record(MemoryStream records, string key, ReadOnlySpan<byte> value)
    {
        byte[] name = Encoding.UTF8.GetBytes(key);
        int rest = name.Length + value.Length + 3; // space, equals sign and line end
        int length = rest + 1;
        while (length.ToString(CultureInfo.InvariantCulture).Length + rest != length)
            length = length.ToString(CultureInfo.InvariantCulture).Length + rest;

        records.Write(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture) + " "));
        records.Write(name);
        records.WriteByte((byte)'=');
        records.Write(value);
        records.WriteByte((byte)'\n');
    }

    /// <summary>Whether a name fits a header, in whole or cut at a slash into 155 and 100 bytes.</summary>
    private static bool SplitName(ReadOnlySpan<byte> full, out ReadOnlySpan<byte> prefix, out ReadOnlySpan<byte> name)
    {
        prefix = default;
        name = full[..Math.Min(full.Length, 100)];
        if (full.Length <= 100)
            return true;

        int slash = full[..Math.Min(full.Length - 1, 156)].LastIndexOf((byte)'/');
        if (slash <= 0 || full.Length - slash - 1 > 100)
            return false;

        prefix = full[..slash];
        name = full[(slash + 1)..];
        return true;
    }

    private void Finish(byte[] header)
    {
        header.AsSpan(148, 8).Fill((byte)' ');
        int sum = 0;
        foreach (byte b in header)
            sum += b;

        Octal(header.AsSpan(148, 7), sum);
        Write(header);
    }

    private void Pad()
    {
        Write(zeros.AsSpan(0, padding));
        padding = 0;
    }
}
