using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Berth.Cli.Archives;

/// <summary>Reads the next bytes of an archive; 0 at its end.</summary>
internal delegate int ReadBytes(Span<byte> buffer);

/// <summary>
/// Reads a tar archive (POSIX pax and ustar, GNU's long names and binary numbers) front to back, without trust: lengths have limits, and what it
/// does not know is an error.
/// </summary>
internal sealed class TarInput
{
    private const int Block = 512;
    private const int MaximumExtension = 1 << 20;
    private const string AttributePrefix = "SCHILY.xattr.";

    private readonly ReadBytes read;
    private readonly byte[] buffer = GC.AllocateUninitializedArray<byte>(256 * 1024);
    private int start;
    private int end;
    private long content;
    private int padding;

    public TarInput(ReadBytes read) => this.read = read;

    /// <summary>Bytes of the archive read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Where in the archive the present entry's content begins, until it is read.</summary>
    public long ContentOffset => Position - (end - start);

    /// <summary>The next entry, skipping what is left of the one before; null at the end.</summary>
    /// <exception cref="TarException">The archive is malformed or cut short.</exception>
    public TarEntry? Next()
    {
        Skip(content + padding);
        content = padding = 0;
        var extensions = new Extensions();
        while (true)
        {
            ReadOnlySpan<byte> header = Take(Block, mayEnd: !extensions.Any);
            if (header.IsEmpty || header.IndexOfAnyExcept((byte)0) < 0)
                return !extensions.Any ? null : throw new TarException("the archive ends after an extended header");

            CheckSum(header);
            byte type = header[156];
            long size = Number(header.Slice(124, 12), "size");
            switch ((char)type)
            {
                case 'x' or 'g' or 'L' or 'K':
                    byte[] data = ReadExtension(size);
                    extensions.Add((char)type, data);
                    continue;
            }

            TarEntry entry = ToEntry(header, type, extensions.Size ?? size, extensions);
            content = entry.Size;
            padding = (int)(-entry.Size & (Block - 1));
            return entry;
        }
    }

    /// <summary>The next piece of the present entry's content, valid until the next call; empty at its end.</summary>
    public ReadOnlySpan<byte> ReadContent()
    {
        if (content == 0)
            return default;

        if (start == end)
            Fill();

        int count = (int)Math.Min(content, end - start);
        ReadOnlySpan<byte> piece = buffer.AsSpan(start, count);
        start += count;
        content -= count;
        return piece;
    }

    /// <summary>Reads to the end of the stream: what follows an archive is no part of it, but of its sender's answer.</summary>
    public void Drain()
    {
        start = end = 0;
        int count;
        while ((count = read(buffer)) > 0)
            Position += count;
    }

    private static TarEntry ToEntry(ReadOnlySpan<byte> header, byte type, long size, Extensions extensions)
    {
        byte[] name = extensions.Path ?? Name(header);
        TarKind kind = (char)type switch
        {
            '\0' or '7' => name is [.., (byte)'/'] ? TarKind.Folder : TarKind.File,
            >= '0' and <= '6' => (TarKind)type,
            _ => throw new TarException($"entry {Show(name)} is of an unknown kind: '{(char)type}'"),
        };
        if (name.Length == 0)
            throw new TarException("an entry has no name");

        if (size < 0 || (extensions.Sparse && kind == TarKind.File))
            throw new TarException($"entry {Show(name)} has {(size < 0 ? "a negative size" : "holes in a form that is not supported")}");

        return new TarEntry
        {
            Name = name,
            Kind = kind,
            Mode = (uint)Number(header.Slice(100, 8), "mode") & 0xFFF,
            Uid = extensions.Uid ?? Number(header.Slice(108, 8), "uid"),
            Gid = extensions.Gid ?? Number(header.Slice(116, 8), "gid"),
            Size = kind == TarKind.File ? size : 0,
            Seconds = extensions.Time?.Seconds ?? Number(header.Slice(136, 12), "mtime"),
            Nanoseconds = extensions.Time?.Nanoseconds ?? 0,
            LinkName = extensions.LinkPath ?? Text(header.Slice(157, 100)).ToArray(),
            DeviceMajor = (uint)Number(header.Slice(329, 8), "device"),
            DeviceMinor = (uint)Number(header.Slice(337, 8), "device"),
            Attributes = extensions.Attributes,
        };
    }

    private static byte[] Name(ReadOnlySpan<byte> header)
    {
        ReadOnlySpan<byte> name = Text(header[..100]);
        ReadOnlySpan<byte> prefix = header.Slice(257, 6).SequenceEqual("ustar\0"u8) ? Text(header.Slice(345, 155)) : default;
        return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field)
    {
        int zero = field.IndexOf((byte)0);
        return zero < 0 ? field : field[..zero];
    }

    /// <summary>Octal digits, or GNU's binary form with the first bit set.</summary>
    private static long Number(ReadOnlySpan<byte> field, string what)
    {
        if ((field[0] & 0x80) != 0)
        {
            long value = (field[0] & 0x40) != 0 ? -1 : 0;
            foreach (byte b in field[Math.Max(1, field.Length - 8)..])
                value = (value << 8) | b;

            return value;
        }

        ReadOnlySpan<byte> digits = Text(field).Trim((byte)' ');
        long number = 0;
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7')
                throw new TarException($"a header's {what} is no number");

            number = (number << 3) | (uint)(digit - '0');
        }

        return number;
    }

    private static void CheckSum(ReadOnlySpan<byte> header)
    {
        long wanted = Number(header.Slice(148, 8), "checksum");
        long sum = 8 * ' ';
        for (int i = 0; i < Block; i++)
            sum += i is >= 148 and < 156 ? 0 : header[i];

        if (sum != wanted)
            throw new TarException("a header's checksum is wrong: this is no tar archive, or it is damaged");
    }

    private static string Show(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name);

    private byte[] ReadExtension(long size)
    {
        if (size is < 0 or > MaximumExtension)
            throw new TarException($"an extended header has {size} bytes, more than the {MaximumExtension} that are allowed");

        byte[] data = new byte[size];
        int filled = 0;
        while (filled < data.Length)
        {
            if (start == end)
                Fill();

            int count = Math.Min(data.Length - filled, end - start);
            buffer.AsSpan(start, count).CopyTo(data.AsSpan(filled));
            start += count;
            filled += count;
        }

        Skip(-size & (Block - 1));
        return data;
    }

    /// <summary>Bytes in one piece; none when the stream has ended and may.</summary>
    private ReadOnlySpan<byte> Take(int count, bool mayEnd)
    {
        if (end - start < count)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
            start = 0;
            while (end < count)
            {
                int more = read(buffer.AsSpan(end));
                if (more == 0)
                    return end == 0 && mayEnd ? default : throw new TarException("the archive was cut short");

                Position += more;
                end += more;
            }
        }

        start += count;
        return buffer.AsSpan(start - count, count);
    }

    private void Skip(long count)
    {
        while (count > 0)
        {
            if (start == end)
                Fill();

            int piece = (int)Math.Min(count, end - start);
            start += piece;
            count -= piece;
        }
    }

    private void Fill()
    {
        start = 0;
        end = read(buffer);
        Position += end;
        if (end == 0)
            throw new TarException("the archive was cut short");
    }

    /// <summary>What headers before an entry say of it.</summary>
    private sealed class Extensions
    {
        private readonly List<KeyValuePair<string, byte[]>> attributes = [];

        public bool Any { get; private set; }

        public byte[]? Path { get; private set; }

        public byte[]? LinkPath { get; private set; }

        public long? Size { get; private set; }

        public long? Uid { get; private set; }

        public long? Gid { get; private set; }

        public bool Sparse { get; private set; }

        public (long Seconds, uint Nanoseconds)? Time { get; private set; }

        public IReadOnlyList<KeyValuePair<string, byte[]>> Attributes => attributes;

        public void Add(char type, byte[] data)
        {
            switch (type)
            {
                case 'g':
                    return; // of the whole archive; nothing in it concerns an entry's content
                case 'L':
                    Path = Text(data).ToArray();
                    break;
                case 'K':
                    LinkPath = Text(data).ToArray();
                    break;
                default:
                    AddRecords(data);
                    break;
            }

            Any = true;
        }

        /// <summary>Records <c>LENGTH KEY=VALUE\n</c>, the length counting all of it.</summary>
        private void AddRecords(ReadOnlySpan<byte> data)
        {
            while (!data.IsEmpty)
            {
                int space = data.IndexOf((byte)' ');
                if (space <= 0 || !Utf8Parser.TryParse(data[..space], out int length, out int used) || used != space
                    || length <= space + 1 || length > data.Length || data[length - 1] != '\n')
                    throw new TarException("an extended header is malformed");

                ReadOnlySpan<byte> record = data[(space + 1)..(length - 1)];
                int equals = record.IndexOf((byte)'=');
                if (equals <= 0)
                    throw new TarException("an extended header has a record without a name");

                Set(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..]);
                data = data[length..];
            }
        }

        private void Set(string key, ReadOnlySpan<byte> value)
        {
            switch (key)
            {
                case "path":
                    Path = value.ToArray();
                    break;
                case "linkpath":
                    LinkPath = value.ToArray();
                    break;
                case "size":
                    Size = Whole(key, value);
                    break;
                case "uid":
                    Uid = Whole(key, value);
                    break;
                case "gid":
                    Gid = Whole(key, value);
                    break;
                case "mtime":
                    Time = ParseTime(value);
                    break;
                case var _ when key.StartsWith(AttributePrefix, StringComparison.Ordinal):
                    attributes.Add(new KeyValuePair<string, byte[]>(key[AttributePrefix.Length..], value.ToArray()));
                    break;
                case var _ when key.StartsWith("GNU.sparse.", StringComparison.Ordinal):
                    Sparse = true;
                    break;
            }
        }

        private static long Whole(string key, ReadOnlySpan<byte> value) =>
            Utf8Parser.TryParse(value, out long number, out int used) && used == value.Length
                ? number
                : throw new TarException($"an extended header's {key} is no number");

        private static (long Seconds, uint Nanoseconds) ParseTime(ReadOnlySpan<byte> value)
        {
            string text = Encoding.UTF8.GetString(value);
            int point = text.IndexOf('.');
            string whole = point < 0 ? text : text[..point];
            string fraction = point < 0 ? "0" : text[(point + 1)..].PadRight(9, '0')[..9];
            if (!long.TryParse(whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long seconds)
                || !uint.TryParse(fraction, NumberStyles.None, CultureInfo.InvariantCulture, out uint nanoseconds))
                throw new TarException("an extended header's mtime is no time");

            // Nanoseconds count forwards, also before 1970.
            return whole.StartsWith('-') && nanoseconds > 0 ? (seconds - 1, 1_000_000_000 - nanoseconds) : (seconds, nanoseconds);
        }
    }
}
