using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots;

/// <summary>
/// What the snapshotters have in common: layers and containers are folders with names of their own, and the parent of each is a symbolic link beside
/// its content; docs/flows/storage.md has the layout. Disposing it ends the background deletion.
/// </summary>
public abstract partial class FolderSnapshotter : ISnapshotter, ISnapshotContent, IAsyncDisposable
{
    private const string DriverFile = "snapshots/driver";
    private readonly Lock gate = new();
    private readonly FileDescriptor layersFolder;
    private readonly FileDescriptor containersFolder;
    private readonly FileDescriptor ingestFolder;
    private readonly FolderTrash trash;

    // Parent of each layer, the empty digest for lowest ones; topmost layer of each container.
    private readonly Dictionary<Digest, Digest> layers = [];
    private readonly Dictionary<ContainerId, Digest> containers = [];
    private readonly HashSet<Digest> retired = [];
    private readonly HashSet<Digest> replaced = [];

    private protected FolderSnapshotter(StorageRoot root, string driver)
    {
        Root = root;
        DriverName = driver;
        RequireDriver(root, driver);
        root.MakeFolders("snapshots/layers", "snapshots/containers", "snapshots/ingest", "snapshots/trash", "snapshots/empty");
        layersFolder = Paths.OpenFolder(root.PathOf("snapshots/layers"));
        containersFolder = Paths.OpenFolder(root.PathOf("snapshots/containers"));
        ingestFolder = Paths.OpenFolder(root.PathOf("snapshots/ingest"));
        FolderPlacement.TrySpreadSubfolders(ingestFolder);
        trash = new FolderTrash(root.PathOf("snapshots/trash"));
    }

    /// <summary>Opens the layers below <paramref name="root"/> with one of the drivers.</summary>
    /// <param name="root">The data root.</param>
    /// <param name="driver"><c>overlay2</c>, <c>vfs</c>, or empty for the one that the data root was made with, overlay2 for a new one.</param>
    /// <exception cref="EngineException">Conflict when the data root was made with the other one; Internal when the disk refuses.</exception>
    public static FolderSnapshotter Open(StorageRoot root, string driver)
    {
        string path = root.PathOf(DriverFile);
        string wanted = driver.Length > 0 ? driver : File.Exists(path) ? File.ReadAllText(path).Trim() : "overlay2";
        return wanted == "vfs" ? Native.NativeSnapshotter.Open(root) : Overlay.OverlaySnapshotter.Open(root);
    }

    /// <inheritdoc/>
    public string DriverName { get; }

    /// <inheritdoc/>
    public abstract bool DraftsNeedParent { get; }

    private protected StorageRoot Root { get; }

    private protected static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <inheritdoc/>
    public bool HasLayer(Digest chainId)
    {
        lock (gate)
        {
            return IsUsable(chainId);
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
    public ILayerDraft CreateDraft(Digest parent)
    {
        if (DraftsNeedParent && !parent.IsEmpty && !HasLayer(parent))
        {
            throw new EngineException(ErrorKind.NotFound, $"layer {parent} is not in the data root: the image was removed meanwhile");
        }

        return new Draft(this, parent);
    }

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
            RequireLayers(key, chainIds);
            if (!containers.TryAdd(key, chainIds.Count == 0 ? default : chainIds[^1]))
            {
                throw new EngineException(ErrorKind.Conflict, $"container {key.Short} already has a writable layer");
            }
        }

        // Outside the lock, as it may copy; its name is taken, so the layers stay.
        try
        {
            Guard(() => MakeContainer(key, chainIds), $"the writable layer of container {key.Short} cannot be made");
        }
        catch
        {
            Remove(key);
            throw;
        }

        return MountsOf(key, chainIds);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Mount> MountsOf(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            if (containers.ContainsKey(key))
            {
                RequireLayers(key, chainIds);
                return DescribeMounts(key, chainIds);
            }
        }

        return Prepare(key, chainIds);
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
    public SnapshotFolders FoldersOf(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            if (!containers.ContainsKey(key))
            {
                throw new EngineException(ErrorKind.NotFound, $"container {key.Short} has no writable layer");
            }

            RequireLayers(key, chainIds);
            return DescribeFolders(key, chainIds);
        }
    }

    /// <inheritdoc/>
    public Mount ViewOf(IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            return chainIds.FirstOrDefault(chainId => !IsUsable(chainId)) is { IsEmpty: false } missing
                ? throw new EngineException(ErrorKind.NotFound, $"layer {missing} is not in the data root")
                : DescribeView(chainIds);
        }
    }

    /// <inheritdoc/>
    public abstract IReadOnlyDictionary<string, string> Describe(IReadOnlyList<Digest> chainIds);

    /// <inheritdoc/>
    public abstract IReadOnlyDictionary<string, string> Describe(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await trash.DisposeAsync();
        layersFolder.Dispose();
        containersFolder.Dispose();
        ingestFolder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens what is on the disk, or throws what went wrong as an engine's error.</summary>
    private protected static T Open<T>(StorageRoot root, Func<T> make)
        where T : FolderSnapshotter
    {
        try
        {
            T snapshotter = make();
            snapshotter.Load();
            return snapshotter;
        }
        catch (IOException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the layers below {root.Path} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>The mounts of a container that is there.</summary>
    private protected abstract IReadOnlyList<Mount> DescribeMounts(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <summary>The mount that shows layers that are there.</summary>
    private protected abstract Mount DescribeView(IReadOnlyList<Digest> chainIds);

    /// <summary>The folders of a container that is there.</summary>
    private protected abstract SnapshotFolders DescribeFolders(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <summary>Fills a new container's folder, which is empty.</summary>
    private protected abstract void FillContainer(FileDescriptor folder, IReadOnlyList<Digest> chainIds);

    /// <summary>Whether a container's folder that was found at the start is whole.</summary>
    private protected abstract bool IsContainer(string path);

    /// <summary>Unpacks a layer's archive into the folder, which is new and empty; returns the layer's size.</summary>
    private protected abstract long Unpack(Stream archive, TarLimits limits, FileDescriptor folder, Digest parent);

    /// <summary>The content of an unpacked layer.</summary>
    private protected string LayerFolder(Digest chainId) => Root.PathOf("snapshots/layers", chainId.Hex, "fs");

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

    private bool IsUsable(Digest chainId) => layers.ContainsKey(chainId) && !retired.Contains(chainId);

    private void RequireLayers(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        foreach (Digest chainId in chainIds)
        {
            if (replaced.Contains(chainId))
            {
                throw new EngineException(ErrorKind.Unavailable, $"layer {chainId} of container {key.Short} is being repaired; try again");
            }

            if (!IsUsable(chainId))
            {
                throw new EngineException(ErrorKind.NotFound, $"layer {chainId} of container {key.Short} is not in the data root: the image was removed meanwhile");
            }
        }
    }

    // One kind's folders mean nothing to the other. Data roots without the file are from before there was a choice.
    private static void RequireDriver(StorageRoot root, string driver)
    {
        string path = root.PathOf(DriverFile);
        if (!File.Exists(path))
        {
            bool isOld = Directory.Exists(root.PathOf("snapshots/layers"));
            File.WriteAllText(path, (isOld ? "overlay2" : driver) + "\n");
        }

        string present = File.ReadAllText(path).Trim();
        if (present != driver)
        {
            throw new EngineException(ErrorKind.Conflict, $"data root {root.Path} was made with the storage driver {present}, not {driver}; choose that one or another data root");
        }
    }

    private void Load()
    {
        foreach (string left in Directory.EnumerateFileSystemEntries(Root.PathOf("snapshots/ingest")))
        {
            trash.Take(ingestFolder, Encoding.UTF8.GetBytes(Path.GetFileName(left)));
        }

        foreach (string path in Directory.EnumerateDirectories(Root.PathOf("snapshots/layers")))
        {
            string name = Path.GetFileName(path);
            if (Digest.TryParse("sha256:" + name, out Digest chainId))
            {
                layers[chainId] = ReadParent(layersFolder, name);
            }
        }

        foreach (string path in Directory.EnumerateDirectories(Root.PathOf("snapshots/containers")))
        {
            string name = Path.GetFileName(path);
            if (ContainerId.TryParse(name, out ContainerId id) && IsContainer(path))
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
            // A text that is no chain id is as good as none: a check of the storage names it, and writes the right one.
            return Digest.TryParse("sha256:" + Encoding.ASCII.GetString(Paths.ReadLink(folder, Encoding.ASCII.GetBytes(name + "/parent"))), out Digest parent) ? parent : default;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EINVAL)
        {
            return default;
        }
    }

    private void MakeContainer(ContainerId key, IReadOnlyList<Digest> chainIds)
    {
        Paths.MakeFolder(containersFolder, Encoding.ASCII.GetBytes(key.ToString()), 0x1C0);
        using FileDescriptor folder = Paths.Open(containersFolder, Encoding.ASCII.GetBytes(key.ToString()), FolderFlags);
        if (chainIds.Count > 0)
        {
            Paths.MakeSymlink(Name(chainIds[^1]), folder, "parent"u8);
        }

        FillContainer(folder, chainIds);
    }

    private sealed class Draft : ILayerDraft
    {
        private readonly FolderSnapshotter owner;
        private readonly Digest parent;
        private readonly byte[] name = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N"));
        private bool gone;

        /// <summary>Its folder's name among the drafts.</summary>
        public byte[] Name => name;

        public Draft(FolderSnapshotter owner, Digest parent)
        {
            this.owner = owner;
            this.parent = parent;
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
            using FileDescriptor folder = Paths.Open(owner.ingestFolder, [.. name, .. "/fs"u8], FolderFlags);
            return owner.Unpack(archive, limits, folder, parent);
        }

        public void Publish(Digest chainId, Digest parent)
        {
            if (owner.DraftsNeedParent && parent != this.parent)
            {
                throw new InvalidOperationException($"a draft on {this.parent} published on {parent}");
            }

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
                            Paths.MakeSymlink(FolderSnapshotter.Name(parent), owner.ingestFolder, [.. name, .. "/parent"u8]);
                        }

                        Paths.Rename(owner.ingestFolder, name, owner.layersFolder, FolderSnapshotter.Name(chainId), noReplace: true);
                        gone = true;
                        owner.layers.Add(chainId, parent);
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
