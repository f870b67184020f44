using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.State;

/// <summary>
/// The folder <c>--root</c>: one folder per container (docs/runtime.md, "State on disk"). The verbs that change a container hold its lock; readers take
/// none, as files are replaced whole.
/// </summary>
/// <param name="root">Made when absent, with mode 0700.</param>
public sealed class StateStore(string root)
{
    private readonly string root = Path.GetFullPath(root);

    /// <summary>Makes the container's folder, or takes over one in which a killed verb left no state. The result holds the lock.</summary>
    /// <exception cref="StateException">There is such a container.</exception>
    /// <exception cref="LinuxException">The file system refuses.</exception>
    public StoredContainer Create(ContainerName name)
    {
        MakeRoot();
        string folder = Folder(name);
        while (true)
        {
            bool isNew = TryMakeFolder(folder);
            if (TryLock(folder, wait: isNew) is not { } held)
            {
                if (isNew || !Directory.Exists(folder))
                    continue; // a delete removed it under us
                throw new StateException("container with given ID already exists");
            }

            StoredContainer container = new(name.ToString(), folder, held, StoredContainer.TryLoad(folder));
            if (container.State is null)
            {
                container.RemoveLeftovers();
                return container;
            }

            container.Dispose();
            throw new StateException("container with given ID already exists");
        }
    }

    /// <summary>A container to look at.</summary>
    /// <exception cref="StateException">There is none of that name.</exception>
    /// <exception cref="InvalidDataException">Its state cannot be read.</exception>
    public StoredContainer Open(ContainerName name)
    {
        string folder = Folder(name);
        return StoredContainer.TryLoad(folder) is { } state
            ? new StoredContainer(name.ToString(), folder, null, state)
            : throw StateException.DoesNotExist();
    }

    /// <summary>A container to change: waits for the lock, and holds it until the result is disposed. Its state is null where a killed verb left none.</summary>
    /// <exception cref="StateException">There is no folder of that name.</exception>
    /// <exception cref="InvalidDataException">Its state cannot be read.</exception>
    public StoredContainer OpenLocked(ContainerName name)
    {
        string folder = Folder(name);
        FileDescriptor held = TryLock(folder, wait: true) ?? throw StateException.DoesNotExist();
        try
        {
            return new StoredContainer(name.ToString(), folder, held, StoredContainer.TryLoad(folder));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>All containers with a state, by name; what appears or goes meanwhile may be missing.</summary>
    /// <param name="onDamaged">Told of each whose state cannot be read; the others are listed all the same.</param>
    public IReadOnlyList<StoredContainer> List(Action<Exception> onDamaged)
    {
        if (!Directory.Exists(root))
            return [];
        var found = new List<StoredContainer>();
        foreach (string folder in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            try
            {
                if (StoredContainer.TryLoad(folder) is { } state)
                    found.Add(new StoredContainer(Path.GetFileName(folder), folder, null, state));
            }
            catch (Exception e) when (e is InvalidDataException or LinuxException)
            {
                onDamaged(e);
            }
        }

        return found;
    }

    private string Folder(ContainerName name) => $"{root}/{name}";

    private void MakeRoot()
    {
        if (!Directory.Exists(root))
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static bool TryMakeFolder(string folder)
    {
        try
        {
            Paths.MakeFolder(Paths.WorkingFolder, Encoding.UTF8.GetBytes(folder), 0x1C0); // 0700
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            return false;
        }
    }

    // null: the folder is gone, or (without waiting) another verb holds the lock. A lock file that was removed while we waited for it counts as gone.
    private static FileDescriptor? TryLock(string folder, bool wait)
    {
        FileDescriptor? file = null;
        try
        {
            file = PlainFile.OpenReadWrite(folder + "/" + StoredContainer.LockFile, 0x180);
            if (wait)
                FileLock.Exclusive(file);
            else if (!FileLock.TryExclusive(file))
                return Close(file);
            return FileStatusCalls.Stat(file).Links > 0 ? file : Close(file);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return Close(file);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private static FileDescriptor? Close(FileDescriptor? file)
    {
        file?.Dispose();
        return null;
    }
}
