using System.Text;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>The content of an archive that ADD unpacks.</summary>
internal static class ArchiveEntries
{
    private const int Block = 512;

    /// <summary>Whether a file is a tar, plain or packed with what docker knows: gzip, zstd, xz or bzip2.</summary>
    public static bool IsArchive(ISourceTree tree, SourceEntry file)
    {
        try
        {
            using Stream packed = tree.Open(file);
            using Stream plain = Unpacked(packed);
            byte[] header = new byte[Block];
            return plain.ReadAtLeast(header, Block, throwOnEndOfStream: false) == Block && HasChecksum(header);
        }
        catch (InvalidDataException)
        {
            return false;
        }
        catch (Berth.Linux.Compression.DecoderMissingException e)
        {
            throw new EngineException(ErrorKind.Unavailable, $"ADD of {NativePath.Show(file.Path)}: {e.Message}", e); // copied as it is, it would be so for ever
        }
    }

    /// <summary>Writes its entries below <paramref name="destination"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument for an archive that is malformed, or a name that leads outside or stands for a deletion.</exception>
    public static void Write(
        ISourceTree tree, SourceEntry file, byte[] destination, CopyRequest request, TarWriter writer, byte[] buffer, HashSet<string> folders, Func<byte[], byte[]> placeOf,
        CancellationToken cancellationToken)
    {
        try
        {
            using Stream packed = tree.Open(file);
            using Stream plain = Unpacked(packed);
            TarReader reader = new(plain, new TarLimits { RequireTrailer = false });
            while (reader.Next() is { } entry)
            {
                cancellationToken.ThrowIfCancellationRequested();
                byte[] name = LayerPath.Parse(entry.Name, entry.Name);
                byte[] path = name.Length == 0 ? destination : placeOf(SourcePaths.Join(destination, name));
                if (LayerPath.Name(path).StartsWith(Whiteouts.Prefix))
                {
                    throw new EngineException(ErrorKind.InvalidArgument, $"\"{NativePath.Show(entry.Name)}\" cannot be part of a layer: names that begin with \".wh.\" stand for deleted files there");
                }

                if (name.Length == 0 || entry.Type == TarEntryType.Folder && !folders.Add(Encoding.Latin1.GetString(path)))
                {
                    continue;
                }

                writer.WriteEntry(Describe(entry, path, linked => placeOf(SourcePaths.Join(destination, linked)), request));
                if (entry.Type == TarEntryType.File)
                {
                    CopyData(entry, reader, writer, buffer);
                }
            }

            reader.Drain();
        }
        catch (InvalidDataException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the archive {NativePath.Show(file.Path)} is damaged or truncated: {e.Message}", e);
        }
    }

    private static TarEntry Describe(TarEntry entry, byte[] path, Func<byte[], byte[]> placeOf, CopyRequest request)
    {
        bool isLate = request.LatestTime is { } latest && entry.MtimeSeconds >= latest;
        return new TarEntry
        {
            Type = entry.Type,
            Name = path,
            LinkTarget = entry.Type == TarEntryType.HardLink ? placeOf(LayerPath.Parse(entry.LinkTarget, entry.Name)) : entry.LinkTarget,
            Mode = entry.Type is not (TarEntryType.Symlink or TarEntryType.HardLink) && request.Chmod is { } chmod ? chmod(entry.Mode, entry.Type == TarEntryType.Folder) : entry.Mode,
            Uid = entry.Uid,
            Gid = entry.Gid,
            Size = entry.Size,
            MtimeSeconds = isLate ? request.LatestTime!.Value : entry.MtimeSeconds, // late: there is one
            MtimeNanoseconds = isLate ? 0 : entry.MtimeNanoseconds,
            DeviceMajor = entry.DeviceMajor,
            DeviceMinor = entry.DeviceMinor,
            Xattrs = entry.Xattrs,
        };
    }

    private static void CopyData(TarEntry entry, TarReader reader, TarWriter writer, byte[] buffer)
    {
        long at = 0;
        foreach (SparseRegion region in entry.Regions ?? [new SparseRegion(0, entry.Size)])
        {
            writer.WriteZeros(region.Offset - at);
            for (at = region.Offset; at < region.Offset + region.Length;)
            {
                int count = reader.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, region.Offset + region.Length - at)));
                writer.Write(buffer.AsSpan(0, count));
                at += count;
            }
        }

        writer.WriteZeros(entry.Size - at);
    }

    private static Stream Unpacked(Stream packed)
    {
        byte[] start = new byte[CompressionFormat.MagicLength];
        int count = packed.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        return CompressionFormat.Open(CompressionFormat.Detect(start.AsSpan(0, count)), new PrefixedStream(start.AsMemory(0, count), packed));
    }

    // ustar, GNU and v7 alike have the sum of the header's bytes in it, its own field taken as spaces.
    private static bool HasChecksum(ReadOnlySpan<byte> header)
    {
        const int At = 148, Length = 8;
        long sum = 0;
        for (int i = 0; i < Block; i++)
        {
            sum += i is >= At and < At + Length ? ' ' : header[i];
        }

        long written = 0;
        foreach (byte digit in header.Slice(At, Length).Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                return false;
            }

            written = written * 8 + digit - '0';
        }

        return header.ContainsAnyExcept((byte)0) && sum == written;
    }

    private sealed class PrefixedStream(ReadOnlyMemory<byte> start, Stream rest) : ReadOnlyStream
    {
        private ReadOnlyMemory<byte> left = start;

        public override int Read(Span<byte> buffer)
        {
            if (left.IsEmpty)
            {
                return rest.Read(buffer);
            }

            int count = Math.Min(buffer.Length, left.Length);
            left.Span[..count].CopyTo(buffer);
            left = left[count..];
            return count;
        }
    }
}
