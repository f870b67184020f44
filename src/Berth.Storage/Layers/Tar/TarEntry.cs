using System.Runtime.InteropServices;

namespace Berth.Storage.Layers.Tar;

/// <summary>The kinds of entries that reach the reader's caller.</summary>
internal enum TarEntryType
{
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Folder,
    Fifo,
}

/// <summary>A stretch of a sparse file that has data; what lies between is a hole.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SparseRegion(long Offset, long Length);

/// <summary>One entry, all extensions applied. Names are bytes as in the archive, never empty, without a zero inside; nothing else is promised about them.</summary>
internal sealed class TarEntry
{
    public required TarEntryType Type { get; init; }

    public required byte[] Name { get; init; }

    /// <summary>Target of a hard or symbolic link; empty otherwise.</summary>
    public byte[] LinkTarget { get; init; } = [];

    /// <summary>The twelve permission bits.</summary>
    public uint Mode { get; init; }

    public uint Uid { get; init; }

    public uint Gid { get; init; }

    /// <summary>Length of the file in bytes, holes included; 0 for other types.</summary>
    public long Size { get; init; }

    /// <summary>Seconds since 1970, rounded down; may be negative.</summary>
    public long MtimeSeconds { get; init; }

    public uint MtimeNanoseconds { get; init; }

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }

    /// <summary>Extended attributes; values are bytes.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Xattrs { get; init; } = [];

    /// <summary>The stretches that the archive holds data for, in order; null for a file without holes.</summary>
    public IReadOnlyList<SparseRegion>? Regions { get; init; }
}
