using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Layers.Trees;

namespace Berth.Storage.Snapshots;

/// <summary>How a path differs from the image; the numbers are docker's.</summary>
public enum ChangeKind
{
    /// <summary>There before, and now another.</summary>
    Modified = 0,

    /// <summary>Not there before.</summary>
    Added = 1,

    /// <summary>There before, and not now.</summary>
    Deleted = 2,
}

/// <summary>One line of <c>docker diff</c>.</summary>
/// <param name="Path">Absolute, in the container. Bytes that are not UTF-8 are replaced.</param>
/// <param name="Kind">What happened to it.</param>
public sealed record PathChange(string Path, ChangeKind Kind);

/// <summary>
/// Reading the root file systems of containers on the disk, running or not, without mounts: volumes and other mounts of the container are not seen, only what it has of its own. No link
/// in it is followed, and no name in it reaches another place of the host. The container must not be removed meanwhile; files that come and go are
/// there or not.
/// </summary>
public sealed class ContainerContent
{
    private readonly ISnapshotter snapshotter;

    /// <param name="snapshotter">Where the containers are.</param>
    public ContainerContent(ISnapshotter snapshotter) => this.snapshotter = snapshotter;

    /// <summary>What the container has changed, each folder before what it holds, in the order of the names' bytes. Synchronous; reads no files' content.</summary>
    /// <exception cref="EngineException">NotFound for a container without writable layer; Internal when the disk refuses.</exception>
    public IReadOnlyList<PathChange> ListChanges(ContainerId key, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken)
    {
        ChangeList list = new();
        Walk(key, chainIds, walk => walk.Changes(list, all: false), cancellationToken);
        return list.Changes;
    }

    /// <summary>Bytes of the files that the container has added or changed, hard links once: docker's SizeRw. Synchronous. However deep they lie, as that of one container
    /// is asked for with those of all others.</summary>
    /// <exception cref="EngineException">As of <see cref="ListChanges"/>.</exception>
    public long GetSize(ContainerId key, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken)
    {
        long size = 0;
        Read(key, chainIds, folders =>
        {
            using SizeWalk walk = new(folders, cancellationToken);
            size = walk.Run();
        });
        return size;
    }

    /// <summary>Writes the container's changes as a layer (OCI image specification, layer.md). Synchronous.</summary>
    /// <returns>How many entries it has; an archive without any is valid.</returns>
    /// <exception cref="EngineException">As of <see cref="ListChanges"/>; InvalidArgument for content that no layer can hold.</exception>
    public long WriteDiff(ContainerId key, IReadOnlyList<Digest> chainIds, Stream output, CancellationToken cancellationToken) => WriteDiff(key, chainIds, [], MountPoints.Usual, output, cancellationToken);

    /// <summary>The same without what has changed below some folders (absolute paths), for those that are no part of what the layer is for, and without what was made to mount on.</summary>
    internal long WriteDiff(ContainerId key, IReadOnlyList<Digest> chainIds, IReadOnlyList<string> without, MountPoints mountPoints, Stream output, CancellationToken cancellationToken) =>
        Write(
            key, chainIds, output, isLayer: true, (walk, archive) => walk.Changes(without.Count == 0 ? archive : new Filter(archive, without), all: true), cancellationToken, mountPoints);

    /// <summary>Writes all that is visible in the container as an archive: what <c>docker export</c> gives. Synchronous.</summary>
    /// <returns>How many entries it has.</returns>
    /// <exception cref="EngineException">As of <see cref="ListChanges"/>.</exception>
    public long WriteTree(ContainerId key, IReadOnlyList<Digest> chainIds, Stream output, CancellationToken cancellationToken) =>
        Write(key, chainIds, output, isLayer: false, static (walk, archive) => walk.Everything(archive), cancellationToken);

    /// <summary>The same for an output that is written asynchronously, such as an answer's body.</summary>
    /// <exception cref="EngineException">As of <see cref="ListChanges"/>; before anything is written if the container is not there.</exception>
    public Task ExportAsync(ContainerId key, IReadOnlyList<Digest> chainIds, Stream output, CancellationToken cancellationToken)
    {
        Content.FoldersOf(key, chainIds);
        return ThreadOutput.RunAsync(stream => WriteTree(key, chainIds, stream, cancellationToken), output, cancellationToken);
    }

    private ISnapshotContent Content =>
        snapshotter as ISnapshotContent ?? throw new EngineException(ErrorKind.NotImplemented, $"the storage driver {snapshotter.DriverName} does not give access to containers' files");

    private long Write(ContainerId key, IReadOnlyList<Digest> chainIds, Stream output, bool isLayer, Action<TreeWalk, TreeArchive> write, CancellationToken cancellationToken, MountPoints? mountPoints = null)
    {
        TarWriter writer = new(output, namesRoot: !isLayer);
        using TreeArchive archive = new(writer, isLayer);
        Walk(key, chainIds, walk => write(walk, archive), cancellationToken, mountPoints);
        writer.Finish();
        return writer.Entries;
    }

    private void Walk(ContainerId key, IReadOnlyList<Digest> chainIds, Action<TreeWalk> use, CancellationToken cancellationToken, MountPoints? mountPoints = null) => Read(key, chainIds, folders =>
    {
        using TreeWalk walk = new(folders, cancellationToken) { MountPoints = mountPoints ?? MountPoints.Usual };
        use(walk);
    });

    private void Read(ContainerId key, IReadOnlyList<Digest> chainIds, Action<SnapshotFolders> read)
    {
        SnapshotFolders folders = Content.FoldersOf(key, chainIds);
        try
        {
            read(folders);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the files of container {key.Short} cannot be read: {e.Message}", e);
        }
    }

    private sealed class ChangeList : ITreeVisitor
    {
        public List<PathChange> Changes { get; } = [];

        public void Present(TreeEntry entry, bool isNew) => Add(entry.Path, isNew ? ChangeKind.Added : ChangeKind.Modified);

        public void Deleted(byte[] path) => Add(path, ChangeKind.Deleted);

        public void Opaque(byte[] path) => throw new InvalidOperationException("only asked for all");

        private void Add(byte[] path, ChangeKind kind) => Changes.Add(new PathChange("/" + Encoding.UTF8.GetString(path), kind));
    }

    private sealed class Filter(ITreeVisitor inner, IReadOnlyList<string> without) : ITreeVisitor
    {
        private readonly List<byte[]> folders = [.. without.Select(static path => Encoding.UTF8.GetBytes(path.Trim('/'))).Where(static path => path.Length > 0)];

        public void Present(TreeEntry entry, bool isNew)
        {
            if (!IsBelow(entry.Path))
            {
                inner.Present(entry, isNew);
            }
        }

        public void Deleted(byte[] path)
        {
            if (!IsBelow(path) && !folders.Exists(folder => folder.AsSpan().SequenceEqual(path)))
            {
                inner.Deleted(path);
            }
        }

        public void Opaque(byte[] path)
        {
            if (!IsBelow(path) && !folders.Exists(folder => folder.AsSpan().SequenceEqual(path)))
            {
                inner.Opaque(path);
            }
        }

        private bool IsBelow(byte[] path) => folders.Exists(folder => path.Length > folder.Length && path[folder.Length] == (byte)'/' && path.AsSpan().StartsWith(folder));
    }
}
