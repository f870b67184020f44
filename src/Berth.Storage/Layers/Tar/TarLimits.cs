namespace Berth.Storage.Layers.Tar;

/// <summary>What an archive may ask for before it is refused; bounds memory and disk whatever the archive says.</summary>
public sealed record TarLimits
{
    /// <summary>Headers of every kind, extension headers included.</summary>
    public int MaxEntries { get; init; } = 1_000_000;

    /// <summary>Bytes of the uncompressed archive.</summary>
    public long MaxArchiveBytes { get; init; } = 256L << 30;

    /// <summary>Bytes of one PAX or long-name extension.</summary>
    public int MaxExtensionBytes { get; init; } = 1 << 20;

    /// <summary>Bytes of a name or link target (PATH_MAX).</summary>
    public int MaxNameBytes { get; init; } = 4096;

    /// <summary>Data regions of one sparse file.</summary>
    public int MaxSparseRegions { get; init; } = 65_536;

    /// <summary>Length in bytes of one file, holes included.</summary>
    public long MaxFileBytes { get; init; } = 1L << 42;

    /// <summary>Bytes of folder names kept in memory until the end, when the folders' times are set.</summary>
    public long MaxRememberedBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Whether the archive must end with a block of zeros. Set where nothing else tells a whole archive from one cut between two entries; an
    /// archive that was verified against a digest may go without, as some writers omit it; also without what fills its last block.
    /// </summary>
    public bool RequireTrailer { get; init; } = true;
}
