using Berth.Linux.Files;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// What starting a container leaves in its writable layer where the image has nothing to mount on: empty files and folders. They are no changes of the container's own, and belong
/// into no image.
/// </summary>
internal static class MountPoints
{
    /// <summary>Whether a path that the image does not have is, as far as it goes, such a file or folder. A folder is one only while it holds nothing else.</summary>
    public static bool Includes(ReadOnlySpan<byte> path, in FileStatus status) => status.Type switch
    {
        FileTypes.S_IFREG => status.Size == 0 && (path.SequenceEqual("etc/hostname"u8) || path.SequenceEqual("etc/hosts"u8) || path.SequenceEqual("etc/resolv.conf"u8)),
        FileTypes.S_IFDIR => IsHolder(path) || path.SequenceEqual("proc"u8) || path.SequenceEqual("sys"u8) || path.SequenceEqual("dev"u8),
        _ => false,
    };

    /// <summary>Whether the folder is copied up for the sake of such files.</summary>
    public static bool IsHolder(ReadOnlySpan<byte> path) => path.SequenceEqual("etc"u8);
}
