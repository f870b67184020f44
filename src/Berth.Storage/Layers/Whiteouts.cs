using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Storage.Layers;

/// <summary>
/// Deleted files of lower layers: names in archives (OCI image specification, layer.md, "Whiteouts") and marks in overlay's own form
/// (kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories").
/// </summary>
internal static class Whiteouts
{
    private const string OpaqueAttribute = "trusted.overlay.opaque";

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
