using System.Collections.Concurrent;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Usage;

/// <summary>
/// Measures the data root. Every name in it is counted under some heading, whatever it is. Unpacked layers never change, so each is walked once while the daemon lives; all else is walked
/// each time. Safe for concurrent use.
/// </summary>
public sealed class StorageMeter
{
    private readonly StorageRoot root;
    private readonly ISnapshotter snapshotter;
    private readonly ConcurrentDictionary<string, (ulong Inode, long Bytes)> layers = new(StringComparer.Ordinal);

    /// <param name="root">The data root.</param>
    /// <param name="snapshotter">Knows which layers are complete.</param>
    public StorageMeter(StorageRoot root, ISnapshotter snapshotter)
    {
        this.root = root;
        this.snapshotter = snapshotter;
    }

    /// <summary>Walks; synchronous. What comes and goes meanwhile is counted or not.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public StorageUsage Measure(CancellationToken cancellationToken)
    {
        try
        {
            return new StorageUsage
            {
                Blobs = Of("content/blobs", cancellationToken),
                Layers = OfLayers(cancellationToken),
                Containers = Of("snapshots/containers", cancellationToken),
                Logs = OfLogs(cancellationToken, out long files),
                ContainerFiles = files,
                Unfinished = Of("content/ingest", cancellationToken) + Of("content/partial", cancellationToken) + Of("snapshots/ingest", cancellationToken),
                Trash = Of("snapshots/trash", cancellationToken),
                Damaged = Of("content/damaged", cancellationToken),
                Metadata = OfRest(cancellationToken),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"what the data root {root.Path} occupies cannot be told: {e.Message}", e);
        }
    }

    private long Of(string relative, CancellationToken cancellationToken) => AllocatedSize.Of(root.PathOf(relative), cancellationToken);

    // Of a folder alone.
    private static long Own(string path) => FileDetailsCalls.TryGet(Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(path), out FileDetails details) ? details.AllocatedBytes : 0;

    private long OfLayers(CancellationToken cancellationToken)
    {
        string folder = root.PathOf("snapshots/layers");
        long total = Own(folder);
        HashSet<string> present = new(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFileSystemEntries(folder))
        {
            string name = Path.GetFileName(path);
            present.Add(name);
            total += OfLayer(name, path, cancellationToken);
        }

        foreach (string gone in layers.Keys.Where(name => !present.Contains(name)))
        {
            layers.TryRemove(gone, out _);
        }

        return total;
    }

    // A repair puts another folder in the layer's place, which the inode tells.
    private long OfLayer(string name, string path, CancellationToken cancellationToken)
    {
        bool isThere = FileDetailsCalls.TryGet(Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(path + "/fs"), out FileDetails content);
        if (isThere && layers.TryGetValue(name, out (ulong Inode, long Bytes) known) && known.Inode == content.Status.Inode)
        {
            return known.Bytes;
        }

        long bytes = AllocatedSize.Of(path, cancellationToken);
        if (isThere && Digest.TryParse("sha256:" + name, out Digest chainId) && snapshotter.HasLayer(chainId))
        {
            layers[name] = (content.Status.Inode, bytes);
        }

        return bytes;
    }

    private long OfLogs(CancellationToken cancellationToken, out long files)
    {
        files = 0;
        long logs = 0;
        string folder = root.PathOf("containers");
        files += Own(folder);
        foreach (string container in Directory.EnumerateFileSystemEntries(folder))
        {
            if (!Directory.Exists(container))
            {
                files += Own(container);
                continue;
            }

            long all = AllocatedSize.Of(container, cancellationToken);
            long ofLogs = Directory.EnumerateFiles(container, "*.log*").Sum(Own);
            logs += ofLogs;
            files += all - ofLogs;
        }

        return logs;
    }

    // Everything that has no heading of its own, whoever put it there.
    private long OfRest(CancellationToken cancellationToken)
    {
        long total = Own(root.Path);
        foreach (string path in Directory.EnumerateFileSystemEntries(root.Path))
        {
            total += Path.GetFileName(path) switch
            {
                "containers" => 0,
                "content" => OfOthers(path, ["blobs", "ingest", "partial", "damaged"], cancellationToken),
                "snapshots" => OfOthers(path, ["layers", "containers", "ingest", "trash"], cancellationToken),
                _ => AllocatedSize.Of(path, cancellationToken),
            };
        }

        return total;
    }

    private static long OfOthers(string folder, ReadOnlySpan<string> counted, CancellationToken cancellationToken)
    {
        long total = Own(folder);
        foreach (string path in Directory.EnumerateFileSystemEntries(folder))
        {
            total += counted.Contains(Path.GetFileName(path)) ? 0 : AllocatedSize.Of(path, cancellationToken);
        }

        return total;
    }
}
