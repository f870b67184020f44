using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Storage.Layers.Trees;

/// <summary>One file of a tree that is walked.</summary>
/// <param name="Path">From the tree's root, without a slash at either end.</param>
/// <param name="Folder">The folder that holds it; open only until the visitor returns.</param>
/// <param name="Details">As of when its name was looked up.</param>
/// <param name="Attributes">Extended attributes, overlay's own among them.</param>
internal sealed record TreeEntry(byte[] Path, FileDescriptor Folder, FileDetails Details, IReadOnlyList<KeyValuePair<string, byte[]>> Attributes)
{
    /// <summary>The path's last part.</summary>
    public ReadOnlySpan<byte> Name => LayerPath.Name(Path);
}

/// <summary>Gets the entries of a walk, each folder before what it holds, names in ascending order of their bytes.</summary>
internal interface ITreeVisitor
{
    /// <summary>A file or folder that is there: new, changed, or reported because all are.</summary>
    void Present(TreeEntry entry, bool isNew);

    /// <summary>A file or folder of the layers below that is not there any more.</summary>
    void Deleted(byte[] path);

    /// <summary>The folder, which was reported, hides all that layers below have in it.</summary>
    void Opaque(byte[] path);
}
