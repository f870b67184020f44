using System.Collections.Immutable;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots.Native;

/// <summary>
/// Every layer and every container as a whole copy of what lies below it, for hosts whose file systems overlay cannot use. It costs disk and time, except
/// where the file system shares blocks between copies (btrfs, xfs with reflink).
/// </summary>
public sealed class NativeSnapshotter : FolderSnapshotter
{
    private NativeSnapshotter(StorageRoot root)
        : base(root, "vfs")
    {
    }

    /// <inheritdoc/>
    public override bool DraftsNeedParent => true;

    /// <summary>Opens the layers below <paramref name="root"/>; drafts that a crash left are deleted in the background.</summary>
    /// <exception cref="EngineException">Conflict when the data root belongs to another kind of snapshotter; Internal when the disk refuses.</exception>
    public static NativeSnapshotter Open(StorageRoot root) => Open(root, () => new NativeSnapshotter(root));

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Describe(IReadOnlyList<Digest> chainIds) => ImmutableDictionary<string, string>.Empty;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Describe(ContainerId key, IReadOnlyList<Digest> chainIds) => ImmutableDictionary<string, string>.Empty;

    /// <inheritdoc/>
    private protected override IReadOnlyList<Mount> DescribeMounts(ContainerId key, IReadOnlyList<Digest> chainIds) =>
        [new Mount("bind", ContainerFolder(key), "/", ["rbind"])];

    /// <inheritdoc/>
    private protected override Mount DescribeView(IReadOnlyList<Digest> chainIds) =>
        new("bind", chainIds.Count == 0 ? Root.PathOf("snapshots/empty") : LayerFolder(chainIds[^1]), "/", ["bind", "ro"]);

    /// <inheritdoc/>
    private protected override SnapshotFolders DescribeFolders(ContainerId key, IReadOnlyList<Digest> chainIds) =>
        new(ContainerFolder(key), [chainIds.Count == 0 ? Root.PathOf("snapshots/empty") : LayerFolder(chainIds[^1])], IsWholeCopy: true);

    /// <inheritdoc/>
    private protected override void FillContainer(FileDescriptor folder, IReadOnlyList<Digest> chainIds)
    {
        // Renamed once it is whole: at a start, a folder without "fs" is one that was never finished.
        Paths.MakeFolder(folder, "copy"u8, 0x1ED);
        using (FileDescriptor copy = Paths.Open(folder, "copy"u8, FolderFlags))
        {
            if (chainIds.Count > 0)
            {
                CopyLayer(chainIds[^1], copy);
            }

            // The same as overlay shows.
            FileAttributeCalls.SetOwner(copy, 0, 0);
            FileAttributeCalls.SetMode(copy, 0x1ED);
        }

        FailPoint.Reach(FailPoints.CopyMade);
        Paths.Rename(folder, "copy"u8, folder, "fs"u8, noReplace: true);
    }

    /// <inheritdoc/>
    private protected override bool IsContainer(string path) => Directory.Exists(path + "/fs");

    /// <inheritdoc/>
    private protected override long Unpack(Stream archive, TarLimits limits, FileDescriptor folder, Digest parent)
    {
        if (!parent.IsEmpty)
        {
            CopyLayer(parent, folder);
        }

        using LayerUnpacker unpacker = new(folder, limits, overContent: true);
        return unpacker.Unpack(archive);
    }

    private void CopyLayer(Digest chainId, FileDescriptor target)
    {
        using FileDescriptor source = Paths.OpenFolder(LayerFolder(chainId));
        new TreeCopy().Run(source, target);
    }

    private string ContainerFolder(ContainerId key) => Root.PathOf("snapshots/containers", key.ToString(), "fs");
}
