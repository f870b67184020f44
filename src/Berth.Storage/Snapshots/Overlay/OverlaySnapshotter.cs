using System.Collections.Immutable;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots.Overlay;

/// <summary>Layers as plain folders that the kernel's overlay file system puts on top of each other.</summary>
public sealed class OverlaySnapshotter : FolderSnapshotter
{
    // Features that make a writable layer refer to the layers below, so that it could not be read without its mount.
    private static readonly IReadOnlyList<string> SwitchedOff = [.. ((string[])["redirect_dir", "metacopy"]).Where(IsOnByDefault).Select(static name => name + "=off")];

    private OverlaySnapshotter(StorageRoot root)
        : base(root, "overlay2")
    {
    }

    /// <inheritdoc/>
    public override bool DraftsNeedParent => false;

    /// <summary>Opens the layers below <paramref name="root"/>; drafts that a crash left are deleted in the background.</summary>
    /// <exception cref="EngineException">Conflict when the data root belongs to another kind of snapshotter; Internal when the disk refuses.</exception>
    public static OverlaySnapshotter Open(StorageRoot root) => Open(root, () => new OverlaySnapshotter(root));

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Describe(IReadOnlyList<Digest> chainIds)
    {
        if (chainIds.Count == 0)
        {
            return ImmutableDictionary<string, string>.Empty;
        }

        // As docker words it; an image's layer has no mount here, so two of the folders are named only.
        string top = Root.PathOf("snapshots/layers", chainIds[^1].Hex);
        Dictionary<string, string> data = new(StringComparer.Ordinal) { ["MergedDir"] = top + "/merged", ["UpperDir"] = top + "/fs", ["WorkDir"] = top + "/work" };
        if (chainIds.Count > 1)
        {
            data["LowerDir"] = string.Join(':', LowerFolders(chainIds).Skip(1));
        }

        return data;
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Describe(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        string folder = Root.PathOf("snapshots/containers", key.ToString());
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["LowerDir"] = string.Join(':', LowerFolders(chainIds)),
            ["MergedDir"] = folder + "/merged",
            ["UpperDir"] = folder + "/upper",
            ["WorkDir"] = folder + "/work",
        };
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<Mount> DescribeMounts(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        List<string> options = [.. LowerFolders(chainIds).Select(static folder => "lowerdir=" + folder)];
        options.Add("upperdir=" + Root.PathOf("snapshots/containers", key.ToString(), "upper"));
        options.Add("workdir=" + Root.PathOf("snapshots/containers", key.ToString(), "work"));
        options.AddRange(SwitchedOff);
        return [new Mount("overlay", "overlay", "/", options)];
    }

    /// <inheritdoc/>
    private protected override Mount DescribeView(IReadOnlyList<Digest> chainIds)
    {
        // Without a writable layer the kernel wants two of the others.
        IEnumerable<string> lower = chainIds.Count > 1 ? LowerFolders(chainIds) : [.. LowerFolders(chainIds), Root.PathOf("snapshots/empty")];
        return chainIds.Count == 0
            ? new Mount("bind", Root.PathOf("snapshots/empty"), "/", ["bind", "ro"])
            : new Mount("overlay", "overlay", "/", [.. lower.Select(static folder => "lowerdir=" + folder), .. SwitchedOff]);
    }

    /// <inheritdoc/>
    private protected override SnapshotFolders DescribeFolders(ContainerId key, IReadOnlyList<Digest> chainIds) =>
        new(Root.PathOf("snapshots/containers", key.ToString(), "upper"), LowerFolders(chainIds), IsWholeCopy: false);

    /// <inheritdoc/>
    private protected override void FillContainer(FileDescriptor folder, IReadOnlyList<Digest> chainIds)
    {
        // Overlay shows the upper folder's own mode and owner at "/": 0755 and root, whatever the image's root says, as docker has it.
        Paths.MakeFolder(folder, "work"u8, 0x1C0);
        Paths.MakeFolder(folder, "upper"u8, 0x1ED);
        FileAttributeCalls.SetMode(folder, "upper"u8, 0x1ED);
    }

    /// <inheritdoc/>
    private protected override bool IsContainer(string path) => Directory.Exists(path + "/upper") && Directory.Exists(path + "/work");

    /// <inheritdoc/>
    private protected override long Unpack(Stream archive, TarLimits limits, FileDescriptor folder, Digest parent)
    {
        using LayerUnpacker unpacker = new(folder, limits);
        return unpacker.Unpack(archive);
    }

    private static bool IsOnByDefault(string parameter)
    {
        try
        {
            return File.ReadAllText("/sys/module/overlay/parameters/" + parameter).StartsWith('Y');
        }
        catch (IOException)
        {
            return false; // a kernel without the feature, or without overlay so far
        }
    }

    // Uppermost first; overlay wants at least one.
    private List<string> LowerFolders(IReadOnlyList<Digest> chainIds) =>
        chainIds.Count == 0 ? [Root.PathOf("snapshots/empty")] : [.. chainIds.Reverse().Select(LayerFolder)];
}
