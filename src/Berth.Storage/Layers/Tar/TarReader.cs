using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Layers.Tar;

/// <summary>
/// Reads an archive front to back: ustar, PAX (extended and global headers, sparse 1.0), GNU (long names, base-256 numbers, old sparse
/// format), v7. Memory does not grow with the archive. <see cref="Next"/>, then <see cref="Read"/> until it gives 0, and so on; data that was not
/// read is skipped. Everything malformed, cut off or beyond <see cref="TarLimits"/> is an <see cref="EngineException"/> of kind InvalidArgument.
/// </summary>
internal sealed class TarReader(Stream stream, TarLimits limits)
{
    /// <summary>How messages about archives begin, in docker's engine and here.</summary>
    public const string MessageStart = "Error processing tar file(exit status 1): ";

    private const int Block = 512;
    private readonly byte[] header = new byte[Block];
    private readonly byte[] scratch = new byte[8192];
    private PaxRecords global = new();
    private long position;
    private long remaining;
    private long padding;
    private int entries;
    private bool ended;
    private bool isCutInPadding;

    /// <summary>The next entry, or null after the last.</summary>
    public TarEntry? Next()
    {
        if (ended)
        {
            return null;
        }

        PaxRecords? local = null;
        byte[]? longName = null;
        byte[]? longLink = null;
        while (ReadHeader())
        {
            if (++entries > limits.MaxEntries)
            {
                throw Invalid($"it has more than {limits.MaxEntries} entries");
            }

            char type = (char)header[156];
            switch (type)
            {
                case 'x':
                    local ??= global.Clone();
                    AddRecords(local);
                    break;
                case 'g':
                    global = global.Clone();
                    AddRecords(global);
                    break;
                case 'L':
                    longName = TarNumbers.Text(ReadExtension()).ToArray();
                    break;
                case 'K':
                    longLink = TarNumbers.Text(ReadExtension()).ToArray();
                    break;
                default:
                    return Entry(type, local ?? global, longName, longLink);
            }
        }

        if (local is not null || longName is not null || longLink is not null)
        {
            throw isCutInPadding ? Truncated() : Invalid("it ends after an extension header, before the entry that it is for");
        }

        ended = true;
        return null;
    }

    /// <summary>Data of the current entry; 0 at its end. For a sparse file: of its regions, one after the other.</summary>
    public int Read(Span<byte> buffer)
    {
        if (remaining == 0)
        {
            return 0;
        }

        int count = stream.Read(buffer.Length > remaining ? buffer[..(int)remaining] : buffer);
        if (count == 0)
        {
            throw Truncated();
        }

        Advance(count);
        remaining -= count;
        return count;
    }

    /// <summary>Reads what follows the last entry to the stream's end; writers fill up to their record size.</summary>
    public void Drain()
    {
        int count;
        while ((count = stream.Read(scratch)) > 0)
        {
            Advance(count);
        }
    }

    internal EngineException Invalid(string what) =>
        new(ErrorKind.InvalidArgument, $"{MessageStart}{what} (header {entries}, byte {position})");

    // Nothing more, as scripts know docker's engine to say it.
    private static EngineException Truncated() => new(ErrorKind.InvalidArgument, MessageStart + "unexpected EOF");

    private void Advance(int count)
    {
        position += count;
        if (position > limits.MaxArchiveBytes)
        {
            throw Invalid($"it is larger than {limits.MaxArchiveBytes} bytes");
        }
    }

    // False at the archive's end.
    private bool ReadHeader()
    {
        if (!TrySkipData())
        {
            return false;
        }

        int count = Fill(header);
        if (count == 0 && (position == 0 || !limits.RequireTrailer))
        {
            return false;
        }

        if (count < Block)
        {
            throw Truncated();
        }

        if (header.AsSpan().ContainsAnyExcept((byte)0))
        {
            VerifyChecksum();
            return true;
        }

        // One block of zeros is enough for every reader in use; a second one or more is read with the rest.
        return false;
    }

    // False at the archive's end: docker's client leaves out what fills the last file's block, and the trailer, when it adds a Dockerfile to a context.
    private bool TrySkipData()
    {
        long left = remaining + padding;
        while (left > 0)
        {
            int count = stream.Read(scratch.AsSpan(0, (int)Math.Min(left, scratch.Length)));
            if (count == 0)
            {
                isCutInPadding = left <= padding && !limits.RequireTrailer;
                return isCutInPadding ? false : throw Truncated();
            }

            Advance(count);
            left -= count;
        }

        remaining = padding = 0;
        return true;
    }

    private int Fill(Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int count = stream.Read(buffer[done..]);
            if (count == 0)
            {
                break;
            }

            done += count;
            Advance(count);
        }

        return done;
    }

    private void VerifyChecksum()
    {
        if (!TarNumbers.IsHeader(header))
        {
            throw Invalid(entries == 0 ? "it is not a tar archive (invalid tar header)" : "a header's checksum is wrong (invalid tar header)");
        }
    }

    private long Number(int offset, int length, string what) =>
        TarNumbers.TryParseField(header.AsSpan(offset, length), out long value) ? value : throw Invalid($"an entry's {what} is not a number");

    private void AddRecords(PaxRecords records)
    {
        string? error = records.Add(ReadExtension());
        if (error is not null)
        {
            throw Invalid("it has " + error);
        }
    }

    private byte[] ReadExtension()
    {
        long size = Number(124, 12, "size");
        if (size < 0 || size > limits.MaxExtensionBytes)
        {
            throw Invalid($"an extension header has {size} bytes, at most {limits.MaxExtensionBytes} are accepted");
        }

        byte[] content = new byte[size];
        if (Fill(content) < size)
        {
            throw Truncated();
        }

        padding = Padding(size);
        return content;
    }

    private TarEntry Entry(char flag, PaxRecords pax, byte[]? longName, byte[]? longLink)
    {
        byte[] name = pax["path"] ?? longName ?? HeaderName();
        byte[] link = pax["linkpath"] ?? longLink ?? TarNumbers.Text(header.AsSpan(157, 100)).ToArray();
        if (name.Length == 0 || name.Length > limits.MaxNameBytes || link.Length > limits.MaxNameBytes)
        {
            throw Invalid($"a name of {name.Length} or link target of {link.Length} bytes, wanted 1 to {limits.MaxNameBytes}");
        }

        TarEntryType type = TypeOf(flag, name);
        long stored = PaxNumber(pax, "size") ?? Number(124, 12, "size");
        if (stored < 0 || stored > limits.MaxFileBytes)
        {
            throw Invalid($"entry \"{NativePath.Show(name)}\" has a size of {stored} bytes");
        }

        // Only files have data; what other types say of their size counts for nothing, as with every other reader.
        remaining = type == TarEntryType.File ? stored : 0;
        padding = Padding(remaining);
        IReadOnlyList<SparseRegion>? regions = null;
        long size = remaining;
        if (flag == 'S')
        {
            (regions, size) = new TarSparse(this, limits).ReadOld(header, stored);
        }
        else if (type == TarEntryType.File && TarSparse.IsPax(pax))
        {
            (regions, size) = new TarSparse(this, limits).ReadPax(pax, stored);
            name = pax["GNU.sparse.name"] ?? name;
        }

        (long seconds, uint nanoseconds) = Time(pax);
        bool isDevice = type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice;
        return new TarEntry
        {
            Type = type,
            Name = name,
            LinkTarget = type is TarEntryType.HardLink or TarEntryType.Symlink ? link : [],
            Mode = (uint)(Number(100, 8, "mode") & 0xFFF),
            Uid = Identity(PaxNumber(pax, "uid") ?? Number(108, 8, "uid"), "uid", name),
            Gid = Identity(PaxNumber(pax, "gid") ?? Number(116, 8, "gid"), "gid", name),
            Size = size,
            MtimeSeconds = seconds,
            MtimeNanoseconds = nanoseconds,
            DeviceMajor = isDevice ? DeviceNumber(329, 0xFFF, name) : 0,
            DeviceMinor = isDevice ? DeviceNumber(337, 0xFFFFF, name) : 0,
            Xattrs = pax.Xattrs.Count == 0 ? [] : [.. pax.Xattrs],
            Regions = regions,
        };
    }

    /// <summary>One more block of the current entry's data, for sparse maps.</summary>
    internal void ReadMapBlock(Span<byte> block)
    {
        if (remaining < block.Length)
        {
            throw Invalid("a sparse file's map is longer than its data");
        }

        if (Fill(block) < block.Length)
        {
            throw Truncated();
        }

        remaining -= block.Length;
    }

    /// <summary>One more header block of the current entry, not counted in its size.</summary>
    internal void ReadExtraHeader(Span<byte> block)
    {
        if (Fill(block) < block.Length)
        {
            throw Truncated();
        }
    }

    private TarEntryType TypeOf(char flag, byte[] name) => flag switch
    {
        '0' or '\0' when name[^1] == '/' => TarEntryType.Folder,
        '0' or '\0' or '7' or 'S' => TarEntryType.File,
        '1' => TarEntryType.HardLink,
        '2' => TarEntryType.Symlink,
        '3' => TarEntryType.CharacterDevice,
        '4' => TarEntryType.BlockDevice,
        '5' => TarEntryType.Folder,
        '6' => TarEntryType.Fifo,
        _ => throw Invalid($"entry \"{NativePath.Show(name)}\" is of the unknown type '{(char.IsAsciiLetterOrDigit(flag) ? flag : '?')}' (0x{(int)flag:x2})"),
    };

    // POSIX archives split long names in two fields; old GNU archives use the second for times.
    private byte[] HeaderName()
    {
        ReadOnlySpan<byte> name = TarNumbers.Text(header.AsSpan(0, 100));
        ReadOnlySpan<byte> prefix = header.AsSpan(257, 6).SequenceEqual("ustar\0"u8) ? TarNumbers.Text(header.AsSpan(345, 155)) : default;
        return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    private (long Seconds, uint Nanoseconds) Time(PaxRecords pax)
    {
        if (pax["mtime"] is not { } text)
        {
            return (Number(136, 12, "mtime"), 0);
        }

        return TarNumbers.TryParseTime(text, out long seconds, out uint nanoseconds) ? (seconds, nanoseconds) : throw Invalid("an entry's mtime is not a number");
    }

    private long? PaxNumber(PaxRecords pax, string key)
    {
        if (pax[key] is not { } text)
        {
            return null;
        }

        return TarNumbers.TryParseDecimal(text, out long value) ? value : throw Invalid($"an entry's PAX {key} is not a number");
    }

    // 4294967295 means "leave as it is" to chown(2).
    private uint Identity(long value, string what, byte[] name) =>
        value is >= 0 and < uint.MaxValue ? (uint)value : throw Invalid($"entry \"{NativePath.Show(name)}\" has the {what} {value}, wanted 0 to {uint.MaxValue - 1}");

    private uint DeviceNumber(int offset, uint max, byte[] name)
    {
        long value = Number(offset, 8, "device number");
        return value >= 0 && value <= max ? (uint)value : throw Invalid($"entry \"{NativePath.Show(name)}\" has the device number {value}, wanted 0 to {max}");
    }

    private static long Padding(long size) => -size & (Block - 1);
}
