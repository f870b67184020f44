using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots.Overlay;

/// <summary>
/// Layers as plain folders that the kernel's overlay file system puts on top of each other; docs/flows/storage.md has the layout.
/// Disposing it ends the background deletion.
/// </summary>
public sealed class OverlaySnapshotter : ISnapshotter, IAsyncDisposable
{
    private const int EmptyChain = 0;
    private readonly Lock gate = new();
    private readonly StorageRoot root;
    private readonly FileDescriptor layersFolder;
    private readonly FileDescriptor containersFolder;
    private readonly FileDescriptor ingestFolder;
    private readonly FolderTrash trash;

    // Parent of each layer, the empty digest for lowest ones; topmost layer of each container.
    private readonly Dictionary<Digest, Digest> layers = [];
    private readonly Dictionary<ContainerId, Digest> containers = [];
    private readonly HashSet<Digest> retired = [];

    private OverlaySnapshotter(StorageRoot root)
    {
        this.root = root;
        layersFolder = Paths.OpenFolder(root.PathOf("snapshots/layers"));
        containersFolder = Paths.OpenFolder(root.PathOf("snapshots/containers"));
        ingestFolder = Paths.OpenFolder(root.PathOf("snapshots/ingest"));
        trash = new FolderTrash(root.PathOf("snapshots/trash"));
    }

    /// <summary>Opens the layers below <paramref name="root"/>; drafts that a crash left are deleted in the background.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public static OverlaySnapshotter Open(StorageRoot root)
    {
        try
        {
            root.MakeFolders("snapshots/layers", "snapshots/containers", "snapshots/ingest", "snapshots/trash", "snapshots/empty");
            OverlaySnapshotter snapshotter = new(root);
            snapshotter.Load();
            return snapshotter;
        }
        catch (IOException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the layers below {root.Path} cannot be opened: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public string DriverName => "overlay2";

    /// <inheritdoc/>
    public bool HasLayer(Digest chainId)
    {
        lock (gate)
        {
            return layers.ContainsKey(chainId) && !retired.Contains(chainId);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Digest> ListLayers()
    {
        lock (gate)
        {
            return [.. layers.Keys];
        }
    }

    /// <inheritdoc/>
    public ILayerDraft CreateDraft() => new Draft(this);

    /// <inheritdoc/>
    public bool TryRetireLayer(Digest chainId)
    {
        lock (gate)
        {
            bool used = containers.ContainsValue(chainId) || layers.Any(layer => layer.Value == chainId && !retired.Contains(layer.Key));
            return layers.ContainsKey(chainId) && !used && retired.Add(chainId);
        }
    }

    /// <inheritdoc/>
    public void RestoreLayer(Digest chainId)
    {
        lock (gate)
        {
            retired.Remove(chainId);
        }
    }

    /// <inheritdoc/>
    public void DeleteLayer(Digest chainId)
    {
        lock (gate)
        {
            if (!retired.Contains(chainId))
            {
                throw new InvalidOperationException($"layer {chainId} is not retired");
            }

            Guard(() => trash.Take(layersFolder, Name(chainId)), $"layer {chainId} cannot be deleted");
            layers.Remove(chainId);
            retired.Remove(chainId);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Mount> Prepare(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            IReadOnlyList<Mount> mounts = Describe(key, chainIds);
            if (containers.ContainsKey(key))
            {
                throw new EngineException(ErrorKind.Conflict, $"container {key.Short} already has a writable layer");
            }

            Digest top = chainIds.Count == EmptyChain ? default : chainIds[^1];
            try
            {
                Guard(() => MakeContainer(key, top), $"the writable layer of container {key.Short} cannot be made");
            }
            catch
            {
                Remove(key);
                throw;
            }

            containers.Add(key, top);
            return mounts;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Mount> MountsOf(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            if (!containers.ContainsKey(key))
            {
                return Prepare(key, chainIds);
            }

            return Describe(key, chainIds);
        }
    }

    /// <inheritdoc/>
    public void Remove(ContainerId key)
    {
        lock (gate)
        {
            Guard(() => trash.Take(containersFolder, Encoding.ASCII.GetBytes(key.ToString())), $"the writable layer of container {key.Short} cannot be deleted");
            containers.Remove(key);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<ContainerId> ListContainers()
    {
        lock (gate)
        {
            return [.. containers.Keys];
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await trash.DisposeAsync();
        layersFolder.Dispose();
        containersFolder.Dispose();
        ingestFolder.Dispose();
    }

    private static byte[] Name(Digest chainId) => Encoding.ASCII.GetBytes(chainId.Hex);

    private static void Guard(Action action, string what)
    {
        try
        {
            action();
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"{what}: {e.Message}", e);
        }
    }

    private void Load()
    {
        foreach (string left in Directory.EnumerateFileSystemEntries(root.PathOf("snapshots/ingest")))
        {
            trash.Take(ingestFolder, Encoding.UTF8.GetBytes(Path.GetFileName(left)));
        }

        foreach (string path in Directory.EnumerateDirectories(root.PathOf("snapshots/layers")))
        {
            string name = Path.GetFileName(path);
            if (Digest.TryParse("sha256:" + name, out Digest chainId))
            {
                layers[chainId] = ReadParent(layersFolder, name);
            }
        }

        foreach (string path in Directory.EnumerateDirectories(root.PathOf("snapshots/containers")))
        {
            string name = Path.GetFileName(path);
            if (ContainerId.TryParse(name, out ContainerId id) && Directory.Exists(path + "/upper") && Directory.Exists(path + "/work"))
            {
                containers[id] = ReadParent(containersFolder, name);
            }
            else
            {
                // Half made; MountsOf makes it whole if the container is recorded.
                trash.Take(containersFolder, Encoding.UTF8.GetBytes(name));
            }
        }
    }

    // The link's text is a chain id; there is no link where there is no layer below.
    private static Digest ReadParent(FileDescriptor folder, string name)
    {
        try
        {
            return Digest.FromHex(Encoding.ASCII.GetString(Paths.ReadLink(folder, Encoding.ASCII.GetBytes(name + "/parent"))));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return default;
        }
    }

    private void MakeContainer(ContainerId key, Digest top)
    {
        Paths.MakeFolder(containersFolder, Encoding.ASCII.GetBytes(key.ToString()), 0x1C0);
        using FileDescriptor folder = Paths.Open(containersFolder, Encoding.ASCII.GetBytes(key.ToString()), OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW);
        // Overlay shows the upper folder's own mode and owner at "/": 0755 and root, whatever the image's root says, as docker has it.
        if (!top.IsEmpty)
        {
            Paths.MakeSymlink(Name(top), folder, "parent"u8);
        }

        Paths.MakeFolder(folder, "work"u8, 0x1C0);
        Paths.MakeFolder(folder, "upper"u8, 0x1ED);
        FileAttributeCalls.SetMode(folder, "upper"u8, 0x1ED);
    }

    private IReadOnlyList<Mount> Describe(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        List<string> options = [];
        for (int i = chainIds.Count - 1; i >= 0; i--)
        {
            if (!layers.ContainsKey(chainIds[i]) || retired.Contains(chainIds[i]))
            {
                throw new EngineException(ErrorKind.NotFound, $"layer {chainIds[i]} of container {key.Short} is not in the data root: the image was removed meanwhile");
            }

            options.Add("lowerdir=" + root.PathOf("snapshots/layers", chainIds[i].Hex, "fs"));
        }

        if (chainIds.Count == EmptyChain)
        {
            options.Add("lowerdir=" + root.PathOf("snapshots/empty"));
        }

        options.Add("upperdir=" + root.PathOf("snapshots/containers", key.ToString(), "upper"));
        options.Add("workdir=" + root.PathOf("snapshots/containers", key.ToString(), "work"));
        return [new Mount("overlay", "overlay", "/", options)];
    }

    private sealed class Draft : ILayerDraft
    {
        private readonly OverlaySnapshotter owner;
        private readonly byte[] name = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N"));
        private bool gone;

        public Draft(OverlaySnapshotter owner)
        {
            this.owner = owner;
            Guard(
                () =>
                {
                    Paths.MakeFolder(owner.ingestFolder, name, 0x1C0);
                    Paths.MakeFolder(owner.ingestFolder, [.. name, .. "/fs"u8], 0x1ED);
                    FileAttributeCalls.SetMode(owner.ingestFolder, [.. name, .. "/fs"u8], 0x1ED);
                },
                "a folder for a new layer cannot be made");
        }

        public long Unpack(Stream archive, TarLimits limits)
        {
            using FileDescriptor folder = Paths.Open(owner.ingestFolder, [.. name, .. "/fs"u8], OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW);
            using LayerUnpacker unpacker = new(folder, limits);
            return unpacker.Unpack(archive);
        }

        public void Publish(Digest chainId, Digest parent)
        {
            lock (owner.gate)
            {
                if (owner.layers.ContainsKey(chainId))
                {
                    Dispose();
                    return;
                }

                Guard(
                    () =>
                    {
                        if (!parent.IsEmpty)
                        {
                            Paths.MakeSymlink(Name(parent), owner.ingestFolder, [.. name, .. "/parent"u8]);
                        }

                        Paths.Rename(owner.ingestFolder, name, owner.layersFolder, Name(chainId), noReplace: true);
                        gone = true;
                        owner.layers.Add(chainId, parent);
                        FileData.Sync(owner.layersFolder);
                    },
                    $"layer {chainId} cannot be put in place");
            }
        }

        public void Dispose()
        {
            if (!gone)
            {
                gone = true;
                owner.trash.Take(owner.ingestFolder, name);
            }
        }
    }
}
