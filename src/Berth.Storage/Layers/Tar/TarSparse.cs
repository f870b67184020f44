namespace Berth.Storage.Layers.Tar;

/// <summary>The maps of sparse files: GNU tar's old format (type S) and PAX sparse 1.0 (GNU tar manual, "Storing Sparse Files").</summary>
internal sealed class TarSparse(TarReader reader, TarLimits limits)
{
    private const int Block = 512;
    private readonly List<SparseRegion> regions = [];
    private long end;
    private long sum;

    /// <summary>Whether the extended header says that the entry is sparse, in whatever version.</summary>
    public static bool IsPax(PaxRecords pax) => pax["GNU.sparse.major"] is not null || pax["GNU.sparse.map"] is not null
        || pax["GNU.sparse.numblocks"] is not null || pax["GNU.sparse.size"] is not null;

    /// <summary>Four regions in the header at 386, 21 in each following block while a flag says so; real size at 483.</summary>
    public (IReadOnlyList<SparseRegion> Regions, long Size) ReadOld(ReadOnlySpan<byte> header, long stored)
    {
        if (!TarNumbers.TryParseField(header.Slice(483, 12), out long size))
        {
            throw reader.Invalid("a sparse file's size is not a number");
        }

        bool more = AddFields(header[386..482], size) && header[482] != 0;
        byte[] block = new byte[Block];
        while (more)
        {
            reader.ReadExtraHeader(block);
            more = AddFields(block.AsSpan(0, 504), size) && block[504] != 0;
        }

        return Finish(size, stored);
    }

    /// <summary>The map precedes the data: decimal numbers a line each (count, then offset and length of each region), filled up to whole blocks.</summary>
    public (IReadOnlyList<SparseRegion> Regions, long Size) ReadPax(PaxRecords pax, long stored)
    {
        if (pax["GNU.sparse.major"] is not [(byte)'1'] || pax["GNU.sparse.minor"] is not [(byte)'0'])
        {
            throw reader.Invalid("it has a sparse file in the PAX format 0.0 or 0.1, of which only 1.0 is read; write it with --sparse-version=1.0 or without --sparse");
        }

        if (pax["GNU.sparse.realsize"] is not { } text || !TarNumbers.TryParseDecimal(text, out long size))
        {
            throw reader.Invalid("a sparse file's real size is missing or not a number");
        }

        MapText map = new(reader);
        long count = map.Next();
        if (count < 0 || count > limits.MaxSparseRegions)
        {
            throw reader.Invalid($"a sparse file has {count} regions, at most {limits.MaxSparseRegions} are accepted");
        }

        for (long i = 0; i < count; i++)
        {
            long offset = map.Next();
            Add(offset, map.Next(), size);
        }

        return Finish(size, stored - map.BytesRead);
    }

    // False at the map's end, a region with an empty length field.
    private bool AddFields(ReadOnlySpan<byte> fields, long size)
    {
        for (; fields.Length >= 24; fields = fields[24..])
        {
            if (fields[12] == 0)
            {
                return false;
            }

            if (!TarNumbers.TryParseField(fields[..12], out long offset) || !TarNumbers.TryParseField(fields[12..24], out long length))
            {
                throw reader.Invalid("a sparse file's map is not made of numbers");
            }

            Add(offset, length, size);
        }

        return true;
    }

    private void Add(long offset, long length, long size)
    {
        if (offset < end || length < 0 || offset > size || length > size - offset)
        {
            throw reader.Invalid("a sparse file's regions overlap, go backwards or leave the file");
        }

        if (regions.Count >= limits.MaxSparseRegions)
        {
            throw reader.Invalid($"a sparse file has more than {limits.MaxSparseRegions} regions");
        }

        end = offset + length;
        sum += length;
        if (length > 0)
        {
            regions.Add(new SparseRegion(offset, length));
        }
    }

    private (IReadOnlyList<SparseRegion> Regions, long Size) Finish(long size, long stored)
    {
        if (size < 0 || size > limits.MaxFileBytes || sum != stored)
        {
            throw reader.Invalid($"a sparse file of {size} bytes has a map of {sum} bytes of data and {stored} bytes of data");
        }

        return (regions, size);
    }

    private sealed class MapText(TarReader reader)
    {
        private readonly byte[] block = new byte[Block];
        private int at = Block;

        public long BytesRead { get; private set; }

        public long Next()
        {
            long value = 0;
            for (int digits = 0; ; digits++)
            {
                if (at == Block)
                {
                    reader.ReadMapBlock(block);
                    BytesRead += Block;
                    at = 0;
                }

                byte c = block[at++];
                if (c == '\n' && digits > 0)
                {
                    return value;
                }

                if (c is < (byte)'0' or > (byte)'9' || digits >= 18)
                {
                    throw reader.Invalid("a sparse file's map is not made of numbers");
                }

                value = (value * 10) + (c - '0');
            }
        }
    }
}
