using System.Security.Cryptography;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Builds;

/// <summary>The root file system that an image's or a stage's layers make, read-only, as a mount that no path of the host leads to. Nothing in it is ever followed.</summary>
internal sealed class LayerTree : ISourceTree
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly FileDescriptor root;
    private readonly AttributeReader attributes = new();
    private byte[]? cachedPath;
    private FileDescriptor? cached;

    private LayerTree(FileDescriptor root, Mount view)
    {
        this.root = root;
        View = view;
    }

    /// <summary>The mount that it is made by.</summary>
    public Mount View { get; }

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>Mounts the layers, which must stay until this is disposed.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="snapshotter">Of the layers.</param>
    /// <param name="chainIds">Lowest first.</param>
    /// <exception cref="EngineException">NotFound when a layer is missing; Internal when the kernel refuses.</exception>
    public static LayerTree Open(StorageRoot storage, ISnapshotter snapshotter, IReadOnlyList<Digest> chainIds)
    {
        if (snapshotter is not ISnapshotContent content)
        {
            throw new EngineException(ErrorKind.NotImplemented, $"the storage driver {snapshotter.DriverName} does not give access to the files of layers");
        }

        try
        {
            Mount view = content.ViewOf(chainIds);
            return new LayerTree(view.Type == "overlay" ? DetachedOverlay.Open(view.Options, storage.PathOf("snapshots/empty")) : Paths.OpenFolder(view.Source), view);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the layers of a build step cannot be mounted: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public SourceEntry? Find(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty)
        {
            return Describe([], root, "."u8);
        }

        return OpenFolder(LayerPath.Parent(path)) is { } folder && FileDetailsCalls.TryGet(folder, LayerPath.Name(path), out _)
            ? Describe(path.ToArray(), folder, LayerPath.Name(path))
            : null;
    }

    /// <inheritdoc/>
    public IReadOnlyList<SourceEntry> List(SourceEntry folder)
    {
        List<byte[]> names = [];
        using (FileDescriptor opened = Paths.Open(root, folder.Path.Length == 0 ? "."u8 : folder.Path, FolderFlags, 0, Confined))
        {
            for (IReadOnlyList<FolderEntry> some = FolderReader.ReadSome(opened); some.Count > 0; some = FolderReader.ReadSome(opened))
            {
                names.AddRange(some.Select(static entry => entry.Name));
            }
        }

        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        List<SourceEntry> entries = new(names.Count);
        foreach (byte[] name in names)
        {
            if (OpenFolder(folder.Path) is { } parent && FileDetailsCalls.TryGet(parent, name, out FileDetails details) && details.Status.Type != FileTypes.S_IFSOCK)
            {
                entries.Add(Describe(SourcePaths.Join(folder.Path, name), parent, name));
            }
        }

        return entries;
    }

    /// <inheritdoc/>
    public Stream Open(SourceEntry file)
    {
        FileDescriptor opened = Paths.Open(root, file.Path, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW, 0, Confined);
        return new FileStream(opened.ToFileHandle(), FileAccess.Read, bufferSize: 0);
    }

    /// <inheritdoc/>
    public Digest HashOf(SourceEntry file)
    {
        using Stream content = Open(file);
        return Digest.FromHash(SHA256.HashData(content));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cached?.Dispose();
        root.Dispose();
    }

    // Stays open until the next call; null when there is none.
    private FileDescriptor? OpenFolder(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty)
        {
            return root;
        }

        if (cached is not null && path.SequenceEqual(cachedPath))
        {
            return cached;
        }

        cached?.Dispose();
        (cached, cachedPath) = (null, null);
        try
        {
            cached = Paths.Open(root, path, FolderFlags, 0, Confined);
            cachedPath = path.ToArray();
            return cached;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
    }

    private SourceEntry Describe(byte[] path, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        if (!FileDetailsCalls.TryGet(folder, name, out FileDetails details))
        {
            throw new LinuxException(Errno.ENOENT, "statx", NativePath.Show(path));
        }

        FileStatus status = details.Status;
        return new SourceEntry
        {
            Path = path,
            Type = status.Type switch
            {
                FileTypes.S_IFDIR => TarEntryType.Folder,
                FileTypes.S_IFLNK => TarEntryType.Symlink,
                FileTypes.S_IFCHR => TarEntryType.CharacterDevice,
                FileTypes.S_IFBLK => TarEntryType.BlockDevice,
                FileTypes.S_IFIFO => TarEntryType.Fifo,
                _ => TarEntryType.File,
            },
            Mode = status.Mode & 0xFFF,
            Uid = status.Uid,
            Gid = status.Gid,
            Size = status.Type == FileTypes.S_IFREG ? status.Size : 0,
            MtimeSeconds = status.MtimeSeconds,
            MtimeNanoseconds = status.MtimeNanoseconds,
            LinkTarget = status.Type == FileTypes.S_IFLNK ? Paths.ReadLink(folder, name) : [],
            DeviceMajor = status.DeviceMajor,
            DeviceMinor = status.DeviceMinor,
            Xattrs = [.. attributes.Read(folder, name).Where(static attribute => IsKept(attribute.Key))],
            Identity = !status.IsFolder && status.Links > 1 ? status.Inode : 0,
        };
    }

    private static bool IsKept(string attribute) =>
        !Whiteouts.IsOverlayAttribute(attribute) && attribute is not ("security.selinux" or "security.ima" or "security.evm"); // of this host alone
}
