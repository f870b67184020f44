using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Files;

/// <summary>
/// A container's root file system, pinned by a descriptor: of a running one as its processes see it, of a stopped one as they would. Every path is resolved by the kernel with that
/// descriptor as the root (openat2(2), RESOLVE_IN_ROOT), so that no link, "..", or part that the container swaps meanwhile leads to the host; what is
/// found is pinned by a descriptor of its own before anything is done with it. Safe for concurrent use.
/// </summary>
public sealed class ContainerRoot : IDisposable
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS;
    private const int MaxTries = 1000;
    private const int MaxLinks = 255;
    private readonly FileDescriptor root;
    private readonly string container;

    private ContainerRoot(FileDescriptor root, string container)
    {
        this.root = root;
        this.container = container;
    }

    internal static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY;

    /// <summary>Places in the container where the host's folders and files are shown: <see cref="PinnedPath"/> enters these mounts and no others.</summary>
    public IReadOnlyList<string> BindPlaces { get; init; } = [];

    /// <summary>The root of a running container's first process.</summary>
    /// <param name="pid">Its id on the host.</param>
    /// <param name="cgroup">Its control group, from the hierarchies' roots: tells the process from a later one with the same id.</param>
    /// <param name="bindPlaces">See <see cref="BindPlaces"/>.</param>
    /// <param name="container">The container, for messages.</param>
    /// <exception cref="EngineException">Conflict when the process has ended.</exception>
    public static ContainerRoot OfProcess(int pid, string cgroup, IReadOnlyList<string> bindPlaces, string container)
    {
        try
        {
            // What is open below /proc/PID stays with that process: once it has ended, its files answer ESRCH, whoever has its number then.
            using FileDescriptor process = Paths.OpenFolder(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}"));
            FileDescriptor opened = Paths.Open(process, "root"u8, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
            if (IsInCgroup(process, cgroup) && !IsInOwnMountNamespace(process))
            {
                return new ContainerRoot(opened, container) { BindPlaces = bindPlaces };
            }

            opened.Dispose();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            // As below.
        }

        throw new EngineException(ErrorKind.Conflict, $"Container {container} is not running");
    }

    /// <summary>The root of a container that does not run, and must not be started before this is disposed.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="snapshotter">Of the container's layers.</param>
    /// <param name="key">The container.</param>
    /// <param name="chainIds">Its image's layers.</param>
    /// <param name="binds">What of the host a start would show in it, parents before what is in them.</param>
    /// <param name="container">The container, for messages.</param>
    /// <exception cref="EngineException">NotFound when a layer is missing; Internal when the kernel refuses, or a bind's source does not exist.</exception>
    public static ContainerRoot OfSnapshot(
        StorageRoot storage, ISnapshotter snapshotter, ContainerId key, IReadOnlyList<Digest> chainIds, IReadOnlyList<Mount> binds, string container)
    {
        IReadOnlyList<Mount> mounts = snapshotter.MountsOf(key, chainIds);
        try
        {
            return new ContainerRoot(OpenSnapshot(storage, snapshotter, mounts, binds), container) { BindPlaces = [.. binds.Select(static bind => bind.Destination)] };
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the root file system of container {container} cannot be mounted: {e.Message}", e);
        }
    }

    /// <summary>Finds a path and pins what is there.</summary>
    /// <exception cref="EngineException">NotFound, in docker's words; Internal when it cannot be looked at.</exception>
    public PinnedPath Pin(string path) => Guard(path, () => Find(RequestedPath.Parse(path), FindBinds()));

    /// <summary>
    /// Puts the entries of an archive (tar; plain or packed) into the folder <paramref name="path"/>. Synchronous reading on a thread of its own; entries before one that is refused stay.
    /// </summary>
    /// <exception cref="EngineException">NotFound without the folder; Forbidden for a read-only file system; Internal, in docker's words, for all else.</exception>
    public async Task ExtractAsync(string path, Stream archive, ExtractOptions options, CancellationToken cancellationToken)
    {
        using FileDescriptor folder = Guard(path, () => OpenTarget(path));
        if (options.IsRootReadOnly && FileDetailsCalls.Get(folder).Device == FileDetailsCalls.Get(root).Device)
        {
            throw new EngineException(ErrorKind.Internal, "container rootfs is marked read-only");
        }

        string resolved = Follow(RequestedPath.Parse(path).Full);
        using TreeExtraction extraction = new(this, resolved, options, new TarLimits { RequireTrailer = false });
        await ThreadInput.RunAsync(archive, extraction.Run, cancellationToken);
    }

    /// <summary>The text of a file; null when there is none. Only an ordinary file of at most 16 MiB is read.</summary>
    /// <exception cref="EngineException">Internal for anything else.</exception>
    public string? TryReadText(string path)
    {
        const int Most = 16 << 20;
        try
        {
            using FileDescriptor pinned = Open(Encoding.UTF8.GetBytes(path), OpenFlags.O_PATH);
            FileStatus status = FileStatusCalls.Stat(pinned);
            if (status.Type != FileTypes.S_IFREG || status.Size > Most)
            {
                throw new EngineException(ErrorKind.Internal, $"{path} of container {container} is no ordinary file of at most {Most} bytes");
            }

            using FileDescriptor file = Reopen(pinned, OpenFlags.O_RDONLY);
            byte[] content = new byte[status.Size];
            int length = 0;
            for (int count; length < content.Length && (count = FileData.ReadAt(file, content.AsSpan(length), length)) > 0;)
            {
                length += count;
            }

            return Encoding.UTF8.GetString(content, 0, length);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => root.Dispose();

    /// <summary>Opens a path inside the root; links are followed there unless the flags say otherwise.</summary>
    internal FileDescriptor Open(ReadOnlySpan<byte> path, ulong flags) => Open(root, path, flags);

    /// <summary>Opens what a descriptor has pinned.</summary>
    internal static FileDescriptor Reopen(FileDescriptor pinned, ulong flags) =>
        Paths.Open(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{pinned.Number}"), flags);

    /// <summary>Where a path leads in the container when all links are followed; parts that are not there stay as they are. A text, for messages and answers.</summary>
    internal string Follow(string path) => Follow(root, path);

    /// <summary>The same in the root that <paramref name="root"/> refers to.</summary>
    internal static string Follow(FileDescriptor root, string path)
    {
        Stack<string> rest = new(Enumerable.Reverse(path.Split('/')));
        List<string> done = [];
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                done = [.. done.SkipLast(1)];
            }
            else if (part is not ("" or "."))
            {
                string? target = links < MaxLinks ? TryReadLink(root, "/" + string.Join('/', done), part) : null;
                if (target is null)
                {
                    done.Add(part);
                    continue;
                }

                links++;
                done = target.StartsWith('/') ? [] : done;
                foreach (string next in Enumerable.Reverse(target.Split('/')))
                {
                    rest.Push(next);
                }
            }
        }

        return "/" + string.Join('/', done);
    }

    internal EngineException NoSuchFile(string path) => new(ErrorKind.NotFound, $"Could not find the file {path} in container {container}");

    private static FileDescriptor OpenSnapshot(StorageRoot storage, ISnapshotter snapshotter, IReadOnlyList<Mount> mounts, IReadOnlyList<Mount> binds)
    {
        string empty = storage.PathOf("snapshots/empty");
        switch (mounts)
        {
            case [{ Type: "overlay" } overlay]:
                FileDescriptor mounted = DetachedOverlay.Open(overlay.Options, empty);
                if (binds.Count == 0)
                {
                    return mounted;
                }

                using (mounted)
                {
                    return BoundTree.Open(mounted, empty, binds);
                }

            case [{ Type: "bind" } bind]:
                return binds.Count == 0 ? Paths.OpenFolder(bind.Source) : BoundTree.Open(root: null, bind.Source, binds);
            default:
                throw new EngineException(ErrorKind.NotImplemented, $"the storage driver {snapshotter.DriverName} does not give access to the files of stopped containers");
        }
    }

    private static FileDescriptor Open(FileDescriptor root, ReadOnlySpan<byte> path, ulong flags)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                return Paths.Open(root, path.IsEmpty ? "/"u8 : path, flags, 0, Confined);
            }
            catch (LinuxException e) when (e.Errno == Errno.EAGAIN && i < MaxTries)
            {
                // Something was renamed while the kernel looked at "..": it cannot tell whether that led outside.
            }
        }
    }

    private static bool IsInCgroup(FileDescriptor process, string cgroup)
    {
        using FileDescriptor file = Paths.Open(process, "cgroup"u8, OpenFlags.O_RDONLY);
        byte[] text = new byte[64 << 10];
        int length = 0;
        for (int count; length < text.Length && (count = FileData.ReadAt(file, text.AsSpan(length), length)) > 0;)
        {
            length += count;
        }

        return text.AsSpan(0, length).IndexOf(Encoding.UTF8.GetBytes(cgroup)) >= 0;
    }

    private static bool IsInOwnMountNamespace(FileDescriptor process)
    {
        using FileDescriptor mounts = Paths.Open(process, "ns/mnt"u8, OpenFlags.O_PATH);
        return NamespaceCalls.IsOwn(mounts, NamespaceFlags.CLONE_NEWNS);
    }

    private PinnedPath Find(RequestedPath path, HashSet<int> binds)
    {
        if (path.MeansFolder)
        {
            FileDescriptor folder = Open(Encoding.UTF8.GetBytes(path.Full), FolderFlags);
            return new PinnedPath(folder, null, PathStatus.From(path.Name, FileStatusCalls.Stat(folder), ""), binds);
        }

        FileDescriptor parent = Open(path.Folder, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        try
        {
            FileStatus status = FileStatusCalls.Stat(parent, path.NameBytes);
            if (status.IsFolder)
            {
                FileDescriptor folder = Paths.Open(parent, path.NameBytes, FolderFlags | OpenFlags.O_NOFOLLOW);
                parent.Dispose();
                return new PinnedPath(folder, null, PathStatus.From(path.Name, FileStatusCalls.Stat(folder), ""), binds);
            }

            return new PinnedPath(parent, path.NameBytes, PathStatus.From(path.Name, status, status.Type == FileTypes.S_IFLNK ? Follow(path.Full) : ""), binds);
        }
        catch
        {
            parent.Dispose();
            throw;
        }
    }

    // By number: the places may be reached by links, and be covered or moved meanwhile.
    private HashSet<int> FindBinds()
    {
        HashSet<int> found = [];
        foreach (string place in BindPlaces)
        {
            try
            {
                using FileDescriptor mount = Open(Encoding.UTF8.GetBytes(place), OpenFlags.O_PATH);
                found.Add(MountIdentity.Of(mount));
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
            {
                // Taken away by the container, or it is about to end.
            }
        }

        return found;
    }

    private FileDescriptor OpenTarget(string path)
    {
        try
        {
            return Open(Encoding.UTF8.GetBytes(RequestedPath.Parse(path).Full), FolderFlags);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOTDIR)
        {
            throw new EngineException(ErrorKind.Internal, "extraction point is not a directory", e);
        }
    }

    private static string? TryReadLink(FileDescriptor root, string folder, string name)
    {
        try
        {
            using FileDescriptor parent = Open(root, Encoding.UTF8.GetBytes(folder), OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
            return Encoding.UTF8.GetString(Paths.ReadLink(parent, Encoding.UTF8.GetBytes(name)));
        }
        catch (LinuxException)
        {
            return null; // no link, or not there
        }
    }

    private T Guard<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw NoSuchFile(path);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"lstat {path}: {LinuxException.Describe(e.Errno)}", e);
        }
    }
}
