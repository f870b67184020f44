using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Trees;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>An image's layers, opened, as one tree.</summary>
internal sealed class ImageTree : IDisposable
{
    private readonly List<FileDescriptor> roots = [];
    private readonly IReadOnlyList<Digest> chainIds;
    private readonly bool isWholeCopy;

    /// <summary>Opens the layers.</summary>
    /// <exception cref="LinuxException">One is missing.</exception>
    public ImageTree(SnapshotFolders folders, IReadOnlyList<Digest> chainIds)
    {
        this.chainIds = chainIds;
        isWholeCopy = folders.IsWholeCopy;
        try
        {
            roots.Add(Paths.OpenFolder(folders.Upper));
            if (!isWholeCopy)
            {
                roots.AddRange(folders.Lower.Select(Paths.OpenFolder));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Its root.</summary>
    public MergedLevel Root() => MergedLevel.Root(roots, hasMarks: !isWholeCopy);

    /// <summary>What a folder of it is made of: two folders of which the same is said have the same content.</summary>
    public string Describe(MergedLevel level) => string.Join(' ', Enumerable.Range(0, level.Count).Select(index => ChainIdOf(level, index).Hex));

    /// <summary>The layer that the n-th part of the folder is of.</summary>
    public Digest ChainIdOf(MergedLevel level, int index) => chainIds.Count == 0 ? Digest.Of(default) : chainIds[^(level.LayerOf(index) + 1)];

    /// <summary>The number of that layer from 1; 0 where layers are not kept apart.</summary>
    public int NumberOf(MergedLevel level, int index) => isWholeCopy || chainIds.Count == 0 ? 0 : chainIds.Count - level.LayerOf(index);

    /// <summary>What is visible in a folder, by the bytes of the names.</summary>
    public static List<TreeName> Read(MergedLevel level)
    {
        List<TreeName> names = [];
        foreach (MergedName name in level.ReadNames(all: true))
        {
            if (level.TryGet(name.Index, name.Name, out FileDetails details) && !level.IsMark(name.Index, name.Name, details))
            {
                names.Add(new TreeName(name.Name, name.Index, details.Status));
            }
        }

        return names;
    }

    /// <inheritdoc/>
    public void Dispose() => roots.ForEach(static root => root.Dispose());
}

/// <summary>A name in a folder of an image, the part that it is of, and what it is.</summary>
internal sealed record TreeName(byte[] Name, int Index, FileStatus Status);
