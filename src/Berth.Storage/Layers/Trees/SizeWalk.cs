using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// Adds up what a container has written (or what a folder occupies): regular files, hard links once, and the texts of symbolic links. The tree may be of any depth, also deeper than a path can be
/// (PATH_MAX), as processes make it with relative names: the walk goes down and up by descriptors, with few of them open and no recursion. It may be in
/// use meanwhile: what comes and goes is counted or not.
/// </summary>
internal sealed class SizeWalk : IDisposable
{
    // Folders further up are closed, but for the root, and opened again from below.
    private const int MaxOpen = 32;
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly List<Level> levels = [];
    private readonly HashSet<(ulong Device, ulong Inode)> linked = [];
    private readonly AttributeReader attributes = new();
    private readonly FileDescriptor? original;
    private readonly CancellationToken cancellationToken;
    private readonly bool countsBlocks;
    private long total;

    /// <summary>Opens the folders.</summary>
    /// <exception cref="LinuxException">One of them does not exist.</exception>
    public SizeWalk(SnapshotFolders folders, CancellationToken cancellationToken)
    {
        this.cancellationToken = cancellationToken;
        try
        {
            // Overlay's upper folder holds nothing but what was written. A whole copy has to be compared with what it was made from.
            original = folders.IsWholeCopy ? Paths.OpenFolder(folders.Lower[0]) : null;
            Enter(Paths.OpenFolder(folders.Upper), "."u8.ToArray(), original is null ? null : []);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Opens a folder to tell what all that it holds occupies on the disk, as du(1) does: blocks of files and folders, hard links once.</summary>
    /// <exception cref="LinuxException">It does not exist.</exception>
    public SizeWalk(string folder, CancellationToken cancellationToken)
    {
        this.cancellationToken = cancellationToken;
        countsBlocks = true;
        FileDescriptor top = Paths.OpenFolder(folder);
        try
        {
            total = FileDetailsCalls.Get(top).AllocatedBytes;
        }
        catch
        {
            top.Dispose();
            throw;
        }

        try
        {
            Enter(top, "."u8.ToArray(), null);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>Walks; once per object.</summary>
    /// <returns>Bytes.</returns>
    /// <exception cref="LinuxException">As the kernel gives it.</exception>
    public long Run()
    {
        while (levels.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Level level = levels[^1];
            if (!level.Rest.TryPop(out Child child))
            {
                Leave();
            }
            else if (TryOpen(level.Folder!, child.Name) is { } folder) // the last one is open
            {
                Enter(folder, child.Name, child.HasOriginal ? [.. level.Original!, .. child.Name, (byte)'/'] : null); // the child's is in it
            }
        }

        return total;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        levels.ForEach(static level => level.Folder?.Dispose());
        levels.Clear();
        original?.Dispose();
    }

    private static FileDescriptor? TryOpen(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        try
        {
            return Paths.Open(folder, path, FolderFlags, 0, Confined);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.EXDEV)
        {
            return null;
        }
    }

    private void Enter(FileDescriptor folder, byte[] name, byte[]? originalPath)
    {
        Level level = new(name, IdentityOf(folder), originalPath) { Folder = folder };
        levels.Add(level);
        if (levels.Count > MaxOpen + 1)
        {
            Level far = levels[^(MaxOpen + 1)];
            far.Folder?.Dispose();
            far.Folder = null;
        }

        // Deeper than a path can be, no image has anything.
        using FileDescriptor? before = originalPath is { Length: < NativePath.Max } ? TryOpen(original!, originalPath.Length == 0 ? "."u8 : originalPath.AsSpan(0, originalPath.Length - 1)) : null; // a path is one in it
        for (IReadOnlyList<FolderEntry> some = ReadSome(folder); some.Count > 0; some = ReadSome(folder))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (FolderEntry entry in some)
            {
                Add(level, before, entry.Name);
            }
        }
    }

    // Takes the folder over: it is closed when it cannot be looked at.
    private static (ulong Device, ulong Inode) IdentityOf(FileDescriptor folder)
    {
        try
        {
            FileDetails details = FileDetailsCalls.Get(folder);
            return (details.Device, details.Status.Inode);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private static IReadOnlyList<FolderEntry> ReadSome(FileDescriptor folder)
    {
        try
        {
            return FolderReader.ReadSome(folder);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return []; // it was removed meanwhile
        }
    }

    private void Add(Level level, FileDescriptor? before, byte[] name)
    {
        if (!FileDetailsCalls.TryGet(level.Folder!, name, out FileDetails details)) // just opened
        {
            return;
        }

        FileDetails old = default;
        bool existed = before is not null && FileDetailsCalls.TryGet(before, name, out old);
        FileStatus status = details.Status;
        if (countsBlocks && (status.IsFolder || status.Links == 1 || linked.Add((details.Device, status.Inode))))
        {
            total += details.AllocatedBytes;
        }

        if (status.IsFolder)
        {
            level.Rest.Push(new Child(name, existed && old.Status.IsFolder));
        }
        else if (!countsBlocks && (status.Type is FileTypes.S_IFREG or FileTypes.S_IFLNK) && (!existed || Differs(level.Folder!, before!, name, status, old.Status)) && (status.Links == 1 || linked.Add((details.Device, status.Inode))))
        {
            total += status.Size;
        }
    }

    private bool Differs(FileDescriptor folder, FileDescriptor before, byte[] name, in FileStatus status, in FileStatus old)
    {
        try
        {
            return TreeDifference.OfStatus(status, old) || TreeDifference.OfCapabilities(attributes.Read(folder, name), attributes.Read(before, name));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false; // gone meanwhile
        }
    }

    private void Leave()
    {
        Level left = levels[^1];
        levels.RemoveAt(levels.Count - 1);
        try
        {
            if (levels.Count > 0 && levels[^1] is { Folder: null } level && !TryReopen(level, Paths.Open(left.Folder!, ".."u8, FolderFlags))) // the last one was open
            {
                ReopenFromRoot();
            }
        }
        finally
        {
            left.Folder!.Dispose(); // as above
        }
    }

    private static bool TryReopen(Level level, FileDescriptor? folder)
    {
        if (folder is null)
        {
            return false;
        }

        if (IdentityOf(folder) == level.Identity)
        {
            level.Folder = folder;
            return true;
        }

        folder.Dispose();
        return false;
    }

    // Somebody moved a folder on the way: the walk goes on where the way ends, and what was moved is not looked at again.
    private void ReopenFromRoot()
    {
        for (int i = 1; i < levels.Count; i++)
        {
            FileDescriptor above = levels[i - 1].Folder!; // the root, or opened in the turn before
            if (!TryReopen(levels[i], TryOpen(above, levels[i].Name)))
            {
                levels.RemoveRange(i, levels.Count - i); // none of these is open
                return;
            }

            if (i > 1)
            {
                above.Dispose();
                levels[i - 1].Folder = null;
            }
        }
    }

    private readonly record struct Child(byte[] Name, bool HasOriginal);

    // Original is its path in what was copied, ended by a slash; null when that has no such folder.
    private sealed class Level(byte[] name, (ulong Device, ulong Inode) identity, byte[]? original)
    {
        public byte[] Name => name;

        public (ulong Device, ulong Inode) Identity => identity;

        public byte[]? Original => original;

        public FileDescriptor? Folder { get; set; }

        public Stack<Child> Rest { get; } = new();
    }
}
