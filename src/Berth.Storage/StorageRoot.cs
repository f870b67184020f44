using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage;

/// <summary>
/// A daemon's data root: it is a folder of mode 0700 with all that the stores need, and no other daemon uses it while this object lives. Disposing it (or the end of
/// the process, however it ends) lets another daemon take it.
/// </summary>
public sealed class StorageRoot : IDisposable
{
    private const uint Private = 0x1C0; // 0700
    private readonly FileDescriptor lockFile;

    private StorageRoot(string path, FileDescriptor folder, FileDescriptor lockFile)
    {
        Path = path;
        Folder = folder;
        this.lockFile = lockFile;
    }

    /// <summary>The absolute path.</summary>
    public string Path { get; }

    /// <summary>The folder, open for reading; for syncfs and calls relative to it.</summary>
    internal FileDescriptor Folder { get; }

    /// <summary>Makes what is missing and takes the lock.</summary>
    /// <exception cref="EngineException">
    /// <see cref="ErrorKind.Conflict"/> when another daemon has it (with its pid); <see cref="ErrorKind.InvalidArgument"/> for a relative path;
    /// <see cref="ErrorKind.Internal"/> when the folders cannot be made.
    /// </exception>
    public static StorageRoot Open(string dataRoot)
    {
        if (!System.IO.Path.IsPathFullyQualified(dataRoot))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"data root \"{dataRoot}\" is not an absolute path");
        }

        string path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(dataRoot));
        FileDescriptor? folder = null;
        FileDescriptor? held = null;
        try
        {
            Directory.CreateDirectory(path);
            folder = Paths.OpenFolder(path);
            FileAttributeCalls.SetMode(folder, Private);
            held = Paths.Open(folder, "lock"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_NOFOLLOW, 0x180);
            if (!TryLock(held))
            {
                throw new EngineException(ErrorKind.Conflict, $"data root {path} is in use by another daemon{DescribeOwner(held)}; stop it or choose another --data-root");
            }

            FileData.SetLength(held, 0);
            FileData.WriteAt(held, Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"), 0);
            StorageRoot root = new(path, folder, held);
            root.MakeFolders("metadata", "content/blobs/sha256", "content/ingest", "content/partial", "snapshots", "containers");
            return root;
        }
        catch (IOException e)
        {
            Release(folder, held);
            throw new EngineException(ErrorKind.Internal, $"data root {path} cannot be used: {e.Message}", e);
        }
        catch (Exception)
        {
            Release(folder, held);
            throw;
        }
    }

    /// <summary>The folder of the container's log, exit status and files bound into it; made by whoever writes there first.</summary>
    public string ContainerFolder(ContainerId id) => System.IO.Path.Combine(Path, "containers", id.ToString());

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!lockFile.IsClosed)
        {
            FileLock.Release(lockFile);
        }

        Release(Folder, lockFile);
    }

    /// <summary>A path below the root from parts that hold no slash.</summary>
    internal string PathOf(params ReadOnlySpan<string> parts) => Path + "/" + string.Join('/', parts);

    /// <summary>Makes the folders (relative, parents included); the root's mode keeps others out of them.</summary>
    internal void MakeFolders(params ReadOnlySpan<string> relative)
    {
        foreach (string folder in relative)
        {
            Directory.CreateDirectory(PathOf(folder));
        }
    }

    /// <summary>Waits until all that was written so far to the root's file system is on the disk.</summary>
    internal void SyncFileSystem() => FileData.SyncFileSystem(Folder);

    /// <summary>The same by a descriptor of its own: an error of the disk is told once for each (syncfs(2)), and must not be missed by who commits a record.</summary>
    internal void SyncEarly()
    {
        using FileDescriptor own = Paths.OpenFolder(Path);
        FileData.SyncFileSystem(own);
    }

    // A killed daemon's child that was between fork and exec keeps its lock for a moment.
    private static bool TryLock(FileDescriptor file)
    {
        for (int attempt = 0; attempt < 10; attempt++)
        {
            if (FileLock.TryExclusive(file))
            {
                return true;
            }

            Thread.Sleep(20);
        }

        return false;
    }

    private static string DescribeOwner(FileDescriptor file)
    {
        // Not through FileStream, which asks for a lock of its own that the other daemon's lock refuses.
        Span<byte> buffer = stackalloc byte[32];
        string text = Encoding.ASCII.GetString(buffer[..FileData.ReadAt(file, buffer, 0)]).Trim();
        // The other daemon may be between taking the lock and writing its pid.
        return text.Length == 0 ? "" : $" (pid {text})";
    }

    private static void Release(FileDescriptor? folder, FileDescriptor? held)
    {
        folder?.Dispose();
        held?.Dispose();
    }
}
