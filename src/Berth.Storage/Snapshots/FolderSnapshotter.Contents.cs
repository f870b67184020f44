using Berth.Model;

namespace Berth.Storage.Snapshots;

/// <content>Where images' layers lie.</content>
public abstract partial class FolderSnapshotter
{
    /// <summary>The content of an image's lowest layers: the uppermost of them, and what lies below it.</summary>
    /// <param name="chainIds">The image's layers, lowest first; the caller keeps them in place.</param>
    /// <param name="count">How many of them.</param>
    internal SnapshotFolders FoldersOf(IReadOnlyList<Digest> chainIds, int count)
    {
        string empty = Root.PathOf("snapshots/empty");
        List<string> folders = [.. chainIds.Take(count).Reverse().Select(LayerFolder)];
        return DraftsNeedParent
            ? new SnapshotFolders(folders.Count > 0 ? folders[0] : empty, [folders.Count > 1 ? folders[1] : empty], IsWholeCopy: true)
            : new SnapshotFolders(folders.Count > 0 ? folders[0] : empty, folders.Count > 1 ? folders[1..] : [], IsWholeCopy: false);
    }
}
