using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Copies what a folder holds into an empty one, with owners, modes, times, extended attributes, links and special files. Both sides are open
/// descriptors, symbolic links are copied and never followed: an image decides nothing about the host.
/// </summary>
internal sealed class FolderCopy
{
    // As deep as a path can be; a copy that goes on for ever ends here, or where the tmpfs is full.
    private const int MaxDepth = 2048;
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS;

    private readonly Dictionary<FileStatus, string> linked = [];
    private readonly FileDescriptor top;
    private readonly byte[] buffer = new byte[64 << 10];

    private FolderCopy(FileDescriptor top) => this.top = top;

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>Copies the content of <paramref name="from"/> into <paramref name="to"/>.</summary>
    /// <param name="withOwner">Whether the folder itself takes the other's owner.</param>
    /// <param name="withMode">And its mode.</param>
    /// <exception cref="LinuxException">ENOSPC: the target is too small; others as the kernel gives them.</exception>
    public static void Copy(FileDescriptor from, FileDescriptor to, bool withOwner, bool withMode)
    {
        using FileDescriptor target = Paths.Open(to, "."u8, FolderFlags);
        new FolderCopy(target).CopyContent(from, target, "", 0);
        FileStatus status = FileStatusCalls.Stat(from);
        if (withOwner)
            FileAttributeCalls.SetOwner(target, status.Uid, status.Gid);
        if (withMode)
            FileAttributeCalls.SetMode(target, status.Mode);
    }

    private void CopyContent(FileDescriptor from, FileDescriptor to, string path, int depth)
    {
        if (depth > MaxDepth)
            throw new LinuxException(Errno.ENAMETOOLONG, "tmpcopyup", "folders are nested too deep");
        using FileDescriptor reader = Paths.Open(from, "."u8, FolderFlags);
        using FileDescriptor writer = Paths.Open(to, "."u8, FolderFlags);
        for (IReadOnlyList<FolderEntry> entries = FolderReader.ReadSome(reader); entries.Count > 0; entries = FolderReader.ReadSome(reader))
        {
            foreach (FolderEntry entry in entries)
            {
                if (FileStatusCalls.TryStat(reader, entry.Name, out FileStatus status))
                    CopyEntry(reader, writer, entry.Name, status, path, depth);
            }
        }
    }

    private void CopyEntry(FileDescriptor from, FileDescriptor to, byte[] name, FileStatus status, string path, int depth)
    {
        string own = path + Convert.ToHexString(name);
        if (!status.IsFolder && status.Links > 1 && TryLink(to, name, status, own))
            return;
        switch (status.Type)
        {
            case FileTypes.S_IFDIR:
                Paths.MakeFolder(to, name, 0x1C0);
                using (FileDescriptor below = Paths.Open(from, name, FolderFlags, 0, Confined))
                using (FileDescriptor made = Paths.Open(to, name, FolderFlags, 0, Confined))
                    CopyContent(below, made, own + "/", depth + 1);
                break;
            case FileTypes.S_IFREG:
                CopyFile(from, to, name);
                break;
            case FileTypes.S_IFLNK:
                Paths.MakeSymlink(Paths.ReadLink(from, name), to, name);
                break;
            default:
                Paths.MakeNode(to, name, status.Mode, status.DeviceMajor, status.DeviceMinor);
                break;
        }

        FileAttributeCalls.SetOwner(to, name, status.Uid, status.Gid);
        CopyAttributes(from, to, name);
        if (status.Type != FileTypes.S_IFLNK)
            FileAttributeCalls.SetMode(to, name, status.Mode);
        FileAttributeCalls.SetTimes(to, name, status.MtimeSeconds, status.MtimeNanoseconds);
    }

    // Names are kept as hexadecimal digits, as they are bytes that need not be text.
    private bool TryLink(FileDescriptor to, byte[] name, FileStatus status, string own)
    {
        if (linked.TryAdd(status, own))
            return false;
        string first = linked[status];
        byte[] path = [.. first.Split('/').SelectMany(static (part, i) => i == 0 ? Convert.FromHexString(part) : [(byte)'/', .. Convert.FromHexString(part)])];
        Paths.Link(top, path, to, name);
        return true;
    }

    private void CopyFile(FileDescriptor from, FileDescriptor to, byte[] name)
    {
        // Known first and opened then: another container may have put a device there, which acts when it is opened.
        using FileDescriptor pinned = Paths.Open(from, name, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW, 0, Confined);
        if (FileStatusCalls.Stat(pinned).Type != FileTypes.S_IFREG)
            throw new LinuxException(Errno.EAGAIN, "tmpcopyup", $"{NativePath.Show(name)} changed while it was copied");
        using FileDescriptor source = ProcFiles.Reopen(pinned, OpenFlags.O_RDONLY);
        using FileDescriptor target = Paths.Open(to, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180, Confined);
        while (true)
        {
            Check(DescriptorIo.TryRead(source.Number, buffer, out int count), "read", name);
            if (count == 0)
                return;
            for (int done = 0; done < count;)
            {
                Check(DescriptorIo.TryWrite(target.Number, buffer.AsSpan(done..count), out int written), "write", name);
                done += written;
            }
        }
    }

    private static void CopyAttributes(FileDescriptor from, FileDescriptor to, byte[] name)
    {
        foreach (string attribute in AttributeNames.List(from, name))
        {
            // An overlay shows its own marks of lower layers to nobody, but a plain folder does; a label is the new file system's matter.
            if (attribute.StartsWith("trusted.overlay.", StringComparison.Ordinal) || attribute == "security.selinux")
                continue;
            try
            {
                if (ExtendedAttributes.Get(from, name, attribute) is { } value)
                    ExtendedAttributes.Set(to, name, attribute, value);
            }
            catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
            {
                // Before Linux 6.6 a tmpfs keeps no user.* attributes, and some kernels are built without access control lists.
            }
        }
    }

    private static void Check(Errno errno, string call, byte[] name)
    {
        if (errno != Errno.None)
            throw new LinuxException(errno, call, NativePath.Show(name));
    }
}
