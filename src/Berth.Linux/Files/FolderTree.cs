using System.Globalization;
using System.Text;

namespace Berth.Linux.Files;

/// <summary>Whole trees by descriptors: symbolic links are entries like any other and never followed, mount points are not entered.</summary>
public static class FolderTree
{
    private const int MaxDepth = 64;
    private const int MaxPasses = 1000;
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>
    /// Deletes <paramref name="name"/> (one path part) in <paramref name="parent"/> and, if it is a folder, all that it holds. Immutable and
    /// append-only marks are cleared where they are in the way. Trees may be deeper than PATH_MAX: what lies below 64 levels is first moved
    /// to the top, so that memory and open descriptors stay bounded. A name that does not exist is no error.
    /// </summary>
    /// <exception cref="LinuxException">EBUSY or EXDEV for a mount point inside; others as the kernel gives them. What was deleted stays deleted.</exception>
    public static void Delete(FileDescriptor parent, ReadOnlySpan<byte> name)
    {
        if (!FileStatusCalls.TryStat(parent, name, out FileStatus status))
        {
            return;
        }

        if (!status.IsFolder)
        {
            Unlink(parent, name);
            return;
        }

        using (FileDescriptor top = Paths.Open(parent, name, FolderFlags, 0, Confined))
        {
            new Deletion(top).Run();
        }

        RemoveFolder(parent, name);
    }

    /// <summary>
    /// Bytes of the regular files below <paramref name="folder"/>, hard links once, plus the lengths of its symbolic links: what docker calls a layer's size.
    /// Whatever its depth, the tree takes no stack and one further descriptor.
    /// </summary>
    /// <exception cref="LinuxException">ENAMETOOLONG: a folder's path below it has PATH_MAX bytes or more. Others as the kernel gives them.</exception>
    public static long Size(FileDescriptor folder)
    {
        long total = 0;
        HashSet<ulong> seen = [];
        byte[] path = new byte[NativePath.Max];
        var rest = new Stack<(int ParentLength, byte[] Name)>();
        for ((int ParentLength, byte[] Name) next = (0, [(byte)'.']); ; next = rest.Pop())
        {
            // Depth first: while a folder's turn lasts, the path of what holds it is in the buffer.
            if (next.ParentLength + next.Name.Length >= path.Length)
            {
                throw new LinuxException(Errno.ENAMETOOLONG, "openat2", NativePath.Show(path.AsSpan(0, next.ParentLength)));
            }

            next.Name.CopyTo(path, next.ParentLength);
            int length = next.ParentLength + next.Name.Length;
            path[length] = (byte)'/';
            using FileDescriptor reader = Paths.Open(folder, path.AsSpan(0, length), FolderFlags, 0, Confined);
            for (IReadOnlyList<FolderEntry> entries = FolderReader.ReadSome(reader); entries.Count > 0; entries = FolderReader.ReadSome(reader))
            {
                foreach (FolderEntry entry in entries)
                {
                    if (!FileStatusCalls.TryStat(reader, entry.Name, out FileStatus status))
                    {
                        continue;
                    }

                    if (status.IsFolder)
                    {
                        rest.Push((length + 1, entry.Name));
                    }
                    else if (status.Links == 1 || seen.Add(status.Inode))
                    {
                        total += status.Size;
                    }
                }
            }

            if (rest.Count == 0)
            {
                return total;
            }
        }
    }

    private static void Unlink(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        try
        {
            Paths.Unlink(folder, name);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            ClearMarks(folder, name);
            Paths.Unlink(folder, name);
        }
    }

    private static void RemoveFolder(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        try
        {
            Paths.RemoveFolder(folder, name);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            ClearMarks(folder, name);
            Paths.RemoveFolder(folder, name);
        }
    }

    // A marked folder forbids the removal of its entries, a marked entry its own.
    private static void ClearMarks(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        ClearMark(folder);
        uint type = FileStatusCalls.Stat(folder, name).Type;
        // Nothing else can be opened without side effects, and nothing else carries the marks on the usual file systems.
        if (type is FileTypes.S_IFREG or FileTypes.S_IFDIR)
        {
            using FileDescriptor entry = Paths.Open(folder, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK, 0, Confined);
            ClearMark(entry);
        }
    }

    private static void ClearMark(FileDescriptor file)
    {
        try
        {
            InodeFlags.ClearImmutable(file);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOTTY or Errno.EOPNOTSUPP)
        {
            // The file system knows no marks, so the EPERM had another reason; the caller's second attempt reports it.
        }
    }

    private sealed class Deletion(FileDescriptor top)
    {
        private int moved;

        public void Run()
        {
            // Names moved to the top while it is read may be missed by that pass; a pass that finds nothing ends it.
            for (int pass = 0; Empty(top, 0); pass++)
            {
                if (pass == MaxPasses)
                {
                    throw new LinuxException(Errno.ENOTEMPTY, "unlinkat", "a folder that something keeps filling");
                }
            }
        }

        // Returns whether there was anything.
        private bool Empty(FileDescriptor folder, int depth)
        {
            bool any = false;
            using FileDescriptor reader = Paths.Open(folder, "."u8, FolderFlags);
            for (IReadOnlyList<FolderEntry> entries = FolderReader.ReadSome(reader); entries.Count > 0; entries = FolderReader.ReadSome(reader))
            {
                any = true;
                foreach (FolderEntry entry in entries)
                {
                    bool isFolder = entry.Type == FolderEntry.Folder || (entry.Type == 0 && FileStatusCalls.Stat(reader, entry.Name).IsFolder);
                    if (isFolder)
                    {
                        RemoveChild(reader, entry.Name, depth);
                    }
                    else
                    {
                        Unlink(reader, entry.Name);
                    }
                }
            }

            return any;
        }

        private void RemoveChild(FileDescriptor folder, byte[] name, int depth)
        {
            try
            {
                if (Paths.TryRemoveFolder(folder, name))
                {
                    return;
                }
            }
            catch (LinuxException e) when (e.Errno == Errno.EPERM)
            {
                ClearMarks(folder, name);
            }

            if (depth >= MaxDepth)
            {
                ClearMark(folder);
                Paths.Rename(folder, name, top, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".berth-deep-{++moved}")), noReplace: true);
                return;
            }

            using (FileDescriptor child = Paths.Open(folder, name, FolderFlags, 0, Confined))
            {
                Empty(child, depth + 1);
            }

            FolderTree.RemoveFolder(folder, name);
        }
    }
}
