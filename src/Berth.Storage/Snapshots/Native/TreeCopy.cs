using System.Buffers;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Layers.Trees;

namespace Berth.Storage.Snapshots.Native;

/// <summary>
/// Copies a tree with everything that a layer has: owners, modes, times, attributes, hard links among its files, devices, holes. Blocks are shared where the
/// file system can. Symbolic links are entries like any other. The source does not change meanwhile.
/// </summary>
internal sealed class TreeCopy
{
    private const int BufferSize = 1 << 20;
    private readonly AttributeReader attributes = new();
    private readonly Dictionary<ulong, byte[]> linked = [];
    private FileDescriptor root = null!; // set by Run, before all use
    private bool cannotClone;
    private bool cannotCopyRange;

    /// <summary>Copies the content of <paramref name="source"/> and its own mode, owner and time into <paramref name="target"/>, which is empty.</summary>
    /// <exception cref="LinuxException">As the kernel gives it; the target is half filled then.</exception>
    public void Run(FileDescriptor source, FileDescriptor target)
    {
        root = target;
        using MergedLevel level = MergedLevel.Root([source]);
        CopyContent(level, target, 0);
        SetAttributes(FileStatusCalls.Stat(source), attributes.Read(source, "."u8), target, "."u8);
    }

    private void CopyContent(MergedLevel level, FileDescriptor target, int depth)
    {
        foreach (MergedName name in level.ReadNames(all: false))
        {
            FileDetails details = level.TryGet(0, name.Name, out FileDetails found) ? found : throw new LinuxException(Errno.ENOENT, "statx", NativePath.Show(name.Name));
            FileDescriptor folder = level[0]!; // the source does not change
            if (details.Status.IsFolder)
            {
                CopyFolder(level, name.Name, details.Status, target, depth);
            }
            else if (details.Status.Links > 1 && linked.TryGetValue(details.Status.Inode, out byte[]? first))
            {
                Paths.Link(root, first, target, name.Name);
            }
            else
            {
                CopyOne(folder, name.Name, details, target);
                if (details.Status.Links > 1)
                {
                    linked[details.Status.Inode] = level.Path.Length == 0 ? name.Name : [.. level.Path, (byte)'/', .. name.Name];
                }
            }
        }
    }

    private void CopyFolder(MergedLevel level, byte[] name, FileStatus status, FileDescriptor target, int depth)
    {
        Paths.MakeFolder(target, name, 0x1C0);
        using (FileDescriptor made = Paths.Open(target, name, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW))
        using (MergedLevel below = level.Descend(name, 0, throughOpaque: true)!)
        {
            DeepStack.Run(() => CopyContent(below, made, depth + 1));
        }

        SetAttributes(status, attributes.Read(level[0]!, name), target, name);
    }

    private void CopyOne(FileDescriptor folder, byte[] name, in FileDetails details, FileDescriptor target)
    {
        FileStatus status = details.Status;
        switch (status.Type)
        {
            case FileTypes.S_IFREG:
                CopyFile(folder, name, details, target);
                break;
            case FileTypes.S_IFLNK:
                Paths.MakeSymlink(Paths.ReadLink(folder, name), target, name);
                break;
            default:
                Paths.MakeNode(target, name, status.Type | 0x180, status.DeviceMajor, status.DeviceMinor);
                break;
        }

        SetAttributes(status, attributes.Read(folder, name), target, name);
    }

    private static void SetAttributes(in FileStatus status, IReadOnlyList<KeyValuePair<string, byte[]>> attributes, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        // Owner first: it clears setuid and capabilities. Times last.
        FileAttributeCalls.SetOwner(folder, name, status.Uid, status.Gid);
        if (status.Type != FileTypes.S_IFLNK)
        {
            FileAttributeCalls.SetMode(folder, name, status.Mode);
        }

        foreach ((string attribute, byte[] value) in attributes)
        {
            ExtendedAttributes.Set(folder, name, attribute, value);
        }

        FileAttributeCalls.SetTimes(folder, name, status.MtimeSeconds, status.MtimeNanoseconds);
    }

    private void CopyFile(FileDescriptor folder, byte[] name, in FileDetails details, FileDescriptor target)
    {
        using FileDescriptor pinned = Paths.Open(folder, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK);
        using FileDescriptor copy = Paths.Open(target, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180);
        long size = details.Status.Size;
        if (size == 0 || (!cannotClone && FileClones.TryClone(pinned, copy)))
        {
            return;
        }

        cannotClone = true;
        if (details.AllocatedBytes >= size)
        {
            CopyRange(pinned, copy, 0, size);
            return;
        }

        FileData.SetLength(copy, size);
        for (long at = 0; FileHoles.TryNextData(pinned, at, out long start, out long end); at = end)
        {
            CopyRange(pinned, copy, start, end - start);
        }
    }

    private void CopyRange(FileDescriptor source, FileDescriptor target, long offset, long length)
    {
        if (!cannotCopyRange && FileClones.CopyRange(source, target, offset, length) >= 0)
        {
            return;
        }

        cannotCopyRange = true;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (long done = 0; done < length;)
            {
                int count = FileData.ReadAt(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)), offset + done);
                if (count == 0)
                {
                    return;
                }

                FileData.WriteAt(target, buffer.AsSpan(0, count), offset + done);
                done += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
