using Berth.Linux.Files;

namespace Berth.Storage.Files;

/// <summary>What a path in a container is, as docker's archive API tells it.</summary>
/// <param name="Name">The last part of the path as it was asked for; <c>/</c> for the root, <c>.</c> where the path ends with it.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Mode">Type and permissions as the kernel has them (inode(7)).</param>
/// <param name="MtimeSeconds">Since 1970.</param>
/// <param name="MtimeNanoseconds">The rest of the time.</param>
/// <param name="LinkTarget">Where a symbolic link leads in the container, all links followed; empty for anything else.</param>
public sealed record PathStatus(string Name, long Size, uint Mode, long MtimeSeconds, uint MtimeNanoseconds, string LinkTarget)
{
    internal static PathStatus From(string name, in FileStatus status, string linkTarget) =>
        new(name, status.Size, status.Mode, status.MtimeSeconds, status.MtimeNanoseconds, linkTarget);
}

/// <summary>How an archive is put into a container.</summary>
public sealed record ExtractOptions
{
    /// <summary>Whether a folder that a file would replace, or a file that a folder would replace, is an error.</summary>
    public bool KeepsKinds { get; init; }

    /// <summary>Whom everything shall belong to; null for what the archive says.</summary>
    public (uint Uid, uint Gid)? Owner { get; init; }

    /// <summary>Whether the container's root file system must not be written to.</summary>
    public bool IsRootReadOnly { get; init; }
}
