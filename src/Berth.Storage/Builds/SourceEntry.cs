using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>One file of what a build copies from; the path is from the source's root, without a slash at either end, empty for the root.</summary>
internal sealed record SourceEntry
{
    public required byte[] Path { get; init; }

    public required TarEntryType Type { get; init; }

    /// <summary>The twelve permission bits.</summary>
    public uint Mode { get; init; }

    public uint Uid { get; init; }

    public uint Gid { get; init; }

    /// <summary>Bytes of a file; 0 for other types.</summary>
    public long Size { get; init; }

    public long MtimeSeconds { get; init; }

    public uint MtimeNanoseconds { get; init; }

    /// <summary>Text of a symbolic link.</summary>
    public byte[] LinkTarget { get; init; } = [];

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }

    public IReadOnlyList<KeyValuePair<string, byte[]>> Xattrs { get; init; } = [];

    /// <summary>Files with the same number are one file with several names; 0 for a file with one name.</summary>
    public ulong Identity { get; init; }

    public bool IsFolder => Type == TarEntryType.Folder;
}

/// <summary>Files that a build copies from: its context, or the root file system of a stage or image. Paths are taken as they are: nothing follows a symbolic link. For one thread.</summary>
internal interface ISourceTree : IDisposable
{
    /// <summary>What is at the path; null when nothing is, or a part of the path is no folder.</summary>
    SourceEntry? Find(ReadOnlySpan<byte> path);

    /// <summary>What is in a folder, ordered by the names' bytes.</summary>
    IReadOnlyList<SourceEntry> List(SourceEntry folder);

    /// <summary>A file's bytes; the caller disposes the stream.</summary>
    Stream Open(SourceEntry file);

    /// <summary>SHA-256 of a file's bytes.</summary>
    Digest HashOf(SourceEntry file);
}
