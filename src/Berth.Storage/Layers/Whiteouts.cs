using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>What a folder of one layer does to the layers below.</summary>
internal enum FolderOpacity
{
    /// <summary>They show through.</summary>
    None,

    /// <summary>They are hidden.</summary>
    Opaque,

    /// <summary>They show through, except for names whose mark is an attribute instead of a device.</summary>
    HoldsMarks,
}

/// <summary>
/// Deleted files of lower layers: names in archives (OCI image specification, layer.md, "Whiteouts") and marks in overlay's own form
/// (kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories").
/// </summary>
internal static class Whiteouts
{
    private const string OpaqueAttribute = "trusted.overlay.opaque";
    private const string MarkAttribute = "trusted.overlay.whiteout";

    /// <summary>The prefix of a name that deletes the rest of it.</summary>
    public static ReadOnlySpan<byte> Prefix => ".wh."u8;

    /// <summary>The name that hides all of a folder's lower content.</summary>
    public static ReadOnlySpan<byte> Opaque => ".wh..wh..opq"u8;

    /// <summary>Whether overlay takes the file for a deletion: a character device 0:0.</summary>
    public static bool IsMark(in FileStatus status) => status is { Type: FileTypes.S_IFCHR, DeviceMajor: 0, DeviceMinor: 0 };

    /// <summary>Makes the mark.</summary>
    public static void MakeMark(FileDescriptor folder, ReadOnlySpan<byte> name) => Paths.MakeNode(folder, name, FileTypes.S_IFCHR, 0, 0);

    /// <summary>Marks the folder <paramref name="name"/> (or "." for the open one) opaque.</summary>
    public static void SetOpaque(FileDescriptor folder, ReadOnlySpan<byte> name) => ExtendedAttributes.Set(folder, name, OpaqueAttribute, "y"u8);

    /// <summary>What the folder <paramref name="name"/> (or "." for the open one) does to the layers below it.</summary>
    public static FolderOpacity OpacityOf(FileDescriptor folder, ReadOnlySpan<byte> name) => ExtendedAttributes.Get(folder, name, OpaqueAttribute) switch
    {
        [(byte)'y'] => FolderOpacity.Opaque,
        [(byte)'x'] => FolderOpacity.HoldsMarks,
        _ => FolderOpacity.None,
    };

    /// <summary>Whether the empty file carries the attribute that makes it a mark in a folder that holds such.</summary>
    public static bool HasMarkAttribute(FileDescriptor folder, ReadOnlySpan<byte> name) => ExtendedAttributes.Get(folder, name, MarkAttribute) is not null;

    /// <summary>
    /// Refuses what only the kernel can resolve: a folder that stands for one elsewhere below (redirect_dir) or a file whose data is in a layer
    /// below (metacopy). Mounts are made with both off; such marks come from another engine or another kernel's defaults.
    /// </summary>
    /// <exception cref="EngineException">Internal, naming the path.</exception>
    public static void RefuseReferences(ReadOnlySpan<byte> path, IReadOnlyList<KeyValuePair<string, byte[]>> attributes)
    {
        foreach ((string name, _) in attributes)
        {
            if (name is "trusted.overlay.redirect" or "trusted.overlay.metacopy")
            {
                throw new EngineException(
                    ErrorKind.Internal,
                    $"\"{NativePath.Show(path)}\" of the container's writable layer refers to a layer below ({name}), which cannot be read outside its mount; it was mounted with redirect_dir or metacopy switched on");
            }
        }
    }

    /// <summary>
    /// Whether an attribute is overlay's own. Such attributes redirect lookups to other paths of lower layers; from an archive they are dropped.
    /// </summary>
    public static bool IsOverlayAttribute(string name) =>
        name.StartsWith("trusted.overlay.", StringComparison.Ordinal) || name.StartsWith("user.overlay.", StringComparison.Ordinal);

    /// <summary>Whether the path is, or lies below, bookkeeping of the aufs driver that old images still carry; it never was part of an image's content.</summary>
    public static bool IsBelowAufsBookkeeping(ReadOnlySpan<byte> path)
    {
        foreach (Range part in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> name = path[part];
            if (name.StartsWith(".wh..wh.plnk"u8) || name.StartsWith(".wh..wh.aufs"u8) || name.StartsWith(".wh..wh.orph"u8))
            {
                return true;
            }
        }

        return false;
    }
}
