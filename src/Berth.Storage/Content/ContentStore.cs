using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Content;

/// <summary>
/// Blobs by their SHA-256 in <c>content/blobs/sha256</c>. A blob becomes visible only under the digest that was computed while it was written.
/// <para>Durability: <see cref="ContentWriter.Publish"/> neither syncs the bytes nor the name. Whoever publishes calls
/// <see cref="SyncFileSystem"/> before (one wait for any number of blobs) and <see cref="SyncNames"/> after, then commits the record that
/// refers to the blobs. A blob without record is deleted at the next start.</para>
/// Safe for concurrent use.
/// </summary>
public sealed class ContentStore : IDisposable
{
    private readonly StorageRoot root;
    private readonly FileDescriptor blobs;
    private readonly FileDescriptor ingest;
    private readonly FileDescriptor partial;
    private int syncing;
    private readonly Lock resuming = new();
    private readonly HashSet<string> resumed = new(StringComparer.Ordinal);

    private ContentStore(StorageRoot root)
    {
        this.root = root;
        blobs = Paths.OpenFolder(root.PathOf("content/blobs/sha256"));
        ingest = Paths.OpenFolder(root.PathOf("content/ingest"));
        partial = Paths.OpenFolder(root.PathOf("content/partial"));
    }

    /// <summary>Opens the store below <paramref name="root"/> and deletes what interrupted writers left.</summary>
    public static ContentStore Open(StorageRoot root)
    {
        ContentStore store = new(root);
        foreach (string left in Directory.EnumerateFileSystemEntries(root.PathOf("content/ingest")))
        {
            FolderTree.Delete(store.ingest, Encoding.UTF8.GetBytes(Path.GetFileName(left)));
        }

        return store;
    }

    /// <summary>A writer for a new blob; nothing is visible before its Publish.</summary>
    public ContentWriter CreateWriter()
    {
        byte[] name = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N"));
        return new ContentWriter(ingest, blobs, name, Paths.Open(ingest, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL, 0x180), existing: 0, released: null);
    }

    /// <summary>
    /// A writer for a blob that is known by its digest beforehand, which goes on where an earlier one stopped: what that wrote is in
    /// <c>content/partial/&lt;hex&gt;</c> until the blob is published or given up. Only one writer for a digest may live at a time.
    /// </summary>
    public ContentWriter ResumeWriter(Digest expected)
    {
        byte[] name = Name(expected);
        lock (resuming)
        {
            FileDescriptor file = Paths.Open(partial, name, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_NOFOLLOW, 0x180);
            resumed.Add(expected.Hex);
            return new ContentWriter(partial, blobs, name, file, FileStatusCalls.Stat(file).Size, released: () => Release(expected.Hex));
        }
    }

    /// <summary>Whether a writer of <see cref="ResumeWriter"/> lives that goes on with the file of this name in <c>content/partial</c>.</summary>
    internal bool IsResumed(string name)
    {
        lock (resuming)
        {
            return resumed.Contains(name);
        }
    }

    /// <summary>Deletes a file of <c>content/partial</c> unless a writer goes on with it; none begins to in between.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="unless">Looked at while no writer can begin: whether it stays all the same.</param>
    /// <returns>False when one does, or there is no such file.</returns>
    /// <exception cref="LinuxException">The disk refuses.</exception>
    internal bool TryDeletePartial(string name, Func<bool>? unless = null)
    {
        lock (resuming)
        {
            return !resumed.Contains(name) && unless?.Invoke() != true && TryUnlink(partial, Encoding.UTF8.GetBytes(name));
        }
    }

    /// <summary>The blob's bytes; the caller disposes the stream. They are not hashed again: <see cref="ReadDocument"/> does that for small ones.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>.</exception>
    public Stream Open(Digest digest)
    {
        try
        {
            FileDescriptor file = Paths.Open(blobs, Name(digest), OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW);
            return new FileStream(file.ToFileHandle(), FileAccess.Read, bufferSize: 0);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new EngineException(ErrorKind.NotFound, $"blob {digest} is not in the content store", e);
        }
    }

    /// <summary>A blob of at most <paramref name="limit"/> bytes in memory, verified against its digest.</summary>
    /// <exception cref="EngineException">NotFound; TooLarge; Internal when the bytes on disk are not those of the digest.</exception>
    public byte[] ReadDocument(Digest digest, int limit = 8 << 20)
    {
        using Stream stream = Open(digest);
        if (stream.Length > limit)
        {
            throw new EngineException(ErrorKind.TooLarge, $"blob {digest} has {stream.Length} bytes; a document has at most {limit}");
        }

        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        Digest found = Digest.Of(content);
        return found == digest ? content : throw new EngineException(ErrorKind.Internal, $"blob {digest} is damaged on disk: its content has the digest {found}");
    }

    /// <summary>Whether the blob is there.</summary>
    public bool Exists(Digest digest) => FileStatusCalls.TryStat(blobs, Name(digest), out _);

    /// <summary>The blob's length in bytes; false and 0 when it is not there.</summary>
    public bool TryGetSize(Digest digest, out long bytes)
    {
        bool exists = FileStatusCalls.TryStat(blobs, Name(digest), out FileStatus status);
        bytes = exists ? status.Size : 0;
        return exists;
    }

    /// <summary>The blob's length in bytes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>.</exception>
    public long Size(Digest digest) =>
        FileStatusCalls.TryStat(blobs, Name(digest), out FileStatus status)
            ? status.Size
            : throw new EngineException(ErrorKind.NotFound, $"blob {digest} is not in the content store");

    /// <summary>Deletes the blob; readers that have it open go on. False when there was none.</summary>
    public bool Delete(Digest digest) => TryUnlink(blobs, Name(digest));

    /// <summary>All blobs, in no order.</summary>
    public IEnumerable<Digest> List()
    {
        foreach (string path in Directory.EnumerateFiles(root.PathOf("content/blobs/sha256")))
        {
            if (Digest.TryParse("sha256:" + Path.GetFileName(path), out Digest digest))
            {
                yield return digest;
            }
        }
    }

    /// <summary>Waits until all that was written so far to the data root's file system is on the disk: blobs, and layers beside them.</summary>
    public void SyncFileSystem() => root.SyncFileSystem();

    /// <summary>
    /// Begins to bring what was written so far to the disk, unless that is under way, and returns at once: so that <see cref="SyncFileSystem"/> has less to wait for. Promises nothing; a
    /// failure is told by that call.
    /// </summary>
    public void BeginSync()
    {
        if (Interlocked.Exchange(ref syncing, 1) == 0)
        {
            _ = Task.Factory.StartNew(SyncEarly, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>Waits until the names of all published blobs are on the disk.</summary>
    public void SyncNames() => FileData.Sync(blobs);

    /// <inheritdoc/>
    public void Dispose()
    {
        blobs.Dispose();
        ingest.Dispose();
        partial.Dispose();
    }

    internal static byte[] Name(Digest digest) => Encoding.ASCII.GetBytes(digest.Hex);

    /// <summary>Removes a name; false when there was none.</summary>
    internal static bool TryUnlink(FileDescriptor folder, byte[] name)
    {
        try
        {
            Paths.Unlink(folder, name);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private void SyncEarly()
    {
        try
        {
            root.SyncEarly();
        }
        catch (LinuxException)
        {
            // As promised.
        }
        finally
        {
            Volatile.Write(ref syncing, 0);
        }
    }

    private void Release(string name)
    {
        lock (resuming)
        {
            resumed.Remove(name);
        }
    }
}
