using System.Buffers;
using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Layers;

/// <summary>
/// Writes one layer's archive into an empty folder in overlay's form: owners, permissions, times, attributes, links, devices, whiteouts.
/// The archive is hostile: every path is resolved beneath the pinned folder, and no name in it reaches a place outside.
/// Synchronous and for one thread; syncs nothing.
/// </summary>
internal sealed class LayerUnpacker : IDisposable
{
    private const int BufferSize = 256 << 10;
    private readonly FileDescriptor root;
    private readonly TarLimits limits;
    private readonly bool overContent;
    private readonly LayerFolders folders;
    private readonly LowerDeletions deletions;
    private readonly List<FolderTime> folderTimes = [];
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private long rememberedBytes;
    private long size;
    private bool replaced;

    /// <param name="root">The folder: empty, or (<paramref name="overContent"/>) a copy of what the layers below make.</param>
    /// <param name="limits">What the archive may ask for.</param>
    /// <param name="overContent">Whether the layer is applied to what is there: deletions delete instead of leaving overlay's marks.</param>
    public LayerUnpacker(FileDescriptor root, TarLimits limits, bool overContent = false)
    {
        this.root = root;
        this.limits = limits;
        this.overContent = overContent;
        folders = new LayerFolders(root);
        deletions = new LowerDeletions(folders);
    }

    /// <summary>Reads <paramref name="archive"/> to its end. Returns the layer's size: bytes of regular files, hard links once, and of link texts.</summary>
    /// <exception cref="EngineException">InvalidArgument, naming the entry, for what is malformed or refused; Internal when the host fails. The folder is half filled then.</exception>
    public long Unpack(Stream archive)
    {
        TarReader reader = new(archive, limits);
        while (reader.Next() is { } entry)
        {
            try
            {
                Apply(entry, reader);
            }
            catch (LinuxException e)
            {
                throw Failure(entry.Name, e);
            }
        }

        reader.Drain();
        SetFolderTimes();
        if (!replaced || overContent)
        {
            return size;
        }

        try
        {
            return FolderTree.Size(root);
        }
        catch (LinuxException e)
        {
            throw new EngineException(e.Errno == Errno.ENAMETOOLONG ? ErrorKind.InvalidArgument : ErrorKind.Internal, $"the layer's size cannot be told: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        folders.Dispose();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private static EngineException Refused(byte[] entry, string why) =>
        new(ErrorKind.InvalidArgument, $"archive entry \"{NativePath.Show(entry)}\" is refused: {why}");

    private static EngineException Failure(byte[] entry, LinuxException e) => e.Errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => new EngineException(ErrorKind.Internal, $"write {NativePath.Show(entry)}: no space left on device", e),
        Errno.ENAMETOOLONG => Refused(entry, "a name is too long for the file system"),
        Errno.EXDEV or Errno.ELOOP => Refused(entry, "it leads outside the layer through a symbolic link"),
        _ => new EngineException(ErrorKind.Internal, $"archive entry \"{NativePath.Show(entry)}\" cannot be unpacked: {e.Message}", e),
    };

    private void Apply(TarEntry entry, TarReader reader)
    {
        byte[] path = LayerPath.Parse(entry.Name, entry.Name);
        if (path.Length == 0)
        {
            ApplyRoot(entry);
            return;
        }

        ReadOnlySpan<byte> name = LayerPath.Name(path);
        if (path.AsSpan().IndexOf(Whiteouts.Prefix) >= 0 && Whiteouts.IsBelowAufsBookkeeping(path))
        {
            return;
        }

        if (name.StartsWith(Whiteouts.Prefix))
        {
            ApplyWhiteout(entry, path);
            return;
        }

        if (overContent && (rememberedBytes += deletions.Remember(path)) > limits.MaxRememberedBytes)
        {
            throw Refused(entry.Name, $"the names of the archive's files exceed {limits.MaxRememberedBytes} bytes");
        }

        FileDescriptor folder = folders.OpenOrMake(LayerPath.Parent(path));
        switch (entry.Type)
        {
            case TarEntryType.File:
                MakeFile(entry, reader, folder, name);
                break;
            case TarEntryType.Folder:
                MakeFolder(entry, path, folder, name);
                break;
            case TarEntryType.Symlink:
                MakeSymlink(entry, folder, name);
                break;
            case TarEntryType.HardLink:
                MakeHardLink(entry, folder, name);
                break;
            default:
                MakeNode(entry, folder, name);
                break;
        }
    }

    private void ApplyRoot(TarEntry entry)
    {
        if (entry.Type != TarEntryType.Folder)
        {
            throw Refused(entry.Name, "the layer's root is a folder");
        }

        SetFolderAttributes(entry, root, "."u8);
        Remember([], entry);
    }

    private void ApplyWhiteout(TarEntry entry, byte[] path)
    {
        ReadOnlySpan<byte> name = LayerPath.Name(path);
        ReadOnlySpan<byte> parent = LayerPath.Parent(path);
        if (name.SequenceEqual(Whiteouts.Opaque))
        {
            // Overlay has no opaque mark for the root of a layer; taking it as nothing would show files that the image deletes.
            if (parent.IsEmpty)
            {
                throw Refused(entry.Name, "a layer whose root hides all layers below is not supported");
            }

            if (overContent)
            {
                deletions.DeleteContent(parent);
            }
            else
            {
                Whiteouts.SetOpaque(folders.OpenOrMake(parent), "."u8);
            }

            return;
        }

        ReadOnlySpan<byte> target = Target(entry, name);
        if (overContent)
        {
            deletions.Delete(parent.IsEmpty ? target.ToArray() : [.. parent, (byte)'/', .. target]);
            return;
        }

        FileDescriptor folder = folders.OpenOrMake(parent);
        if (!FileStatusCalls.TryStat(folder, target, out FileStatus status))
        {
            Whiteouts.MakeMark(folder, target);
        }
        else if (status.IsFolder)
        {
            // It is about the layers below; what this layer itself has under the name stays, alone.
            Whiteouts.SetOpaque(folder, target);
        }
    }

    private static ReadOnlySpan<byte> Target(TarEntry entry, ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> target = name[Whiteouts.Prefix.Length..];
        return target.IsEmpty || target.SequenceEqual("."u8) || target.SequenceEqual(".."u8) || target.StartsWith(Whiteouts.Prefix)
            ? throw Refused(entry.Name, "a whiteout names one file to delete")
            : target;
    }

    private void MakeFile(TarEntry entry, TarReader reader, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        const ulong flags = OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL;
        FileDescriptor file;
        try
        {
            file = Paths.Open(folder, name, flags | OpenFlags.O_NOFOLLOW, 0x180);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            folder = Replace(entry, folder, name, out _);
            file = Paths.Open(folder, name, flags | OpenFlags.O_NOFOLLOW, 0x180);
        }

        using (file)
        {
            CopyData(entry, reader, file);
            FileAttributeCalls.SetOwner(file, entry.Uid, entry.Gid);
            FileAttributeCalls.SetMode(file, entry.Mode);
            SetXattrs(entry, folder, name);
            FileAttributeCalls.SetTimes(file, entry.MtimeSeconds, entry.MtimeNanoseconds);
        }

        size += entry.Size;
    }

    private void CopyData(TarEntry entry, TarReader reader, FileDescriptor file)
    {
        if (entry.Regions is null)
        {
            SparseOutput output = new(file);
            int count;
            while ((count = reader.Read(buffer)) > 0)
            {
                output.Write(buffer.AsSpan(0, count));
            }

            output.Finish();
            return;
        }

        FileData.SetLength(file, entry.Size);
        foreach (SparseRegion region in entry.Regions)
        {
            for (long done = 0; done < region.Length;)
            {
                int count = reader.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, region.Length - done)));
                FileData.WriteAt(file, buffer.AsSpan(0, count), region.Offset + done);
                done += count;
            }
        }
    }

    private void MakeFolder(TarEntry entry, byte[] path, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        try
        {
            Paths.MakeFolder(folder, name, 0x1C0);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            if (!FileStatusCalls.Stat(folder, name).IsFolder)
            {
                folder = Replace(entry, folder, name, out bool wasWhiteout);
                Paths.MakeFolder(folder, name, 0x1C0);
                if (wasWhiteout)
                {
                    Whiteouts.SetOpaque(folder, name);
                }
            }
        }

        SetFolderAttributes(entry, folder, name);
        Remember(path, entry);
    }

    private static void SetFolderAttributes(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        FileAttributeCalls.SetOwner(folder, name, entry.Uid, entry.Gid);
        FileAttributeCalls.SetMode(folder, name, entry.Mode);
        SetXattrs(entry, folder, name);
    }

    private void MakeSymlink(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        if (entry.LinkTarget.Length == 0)
        {
            throw Refused(entry.Name, "a symbolic link without a target");
        }

        folder = MakeRoom(entry, folder, name);
        Paths.MakeSymlink(entry.LinkTarget, folder, name);
        FileAttributeCalls.SetOwner(folder, name, entry.Uid, entry.Gid);
        SetXattrs(entry, folder, name);
        FileAttributeCalls.SetTimes(folder, name, entry.MtimeSeconds, entry.MtimeNanoseconds);
        size += entry.LinkTarget.Length;
    }

    private void MakeHardLink(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        byte[] target = LayerPath.Parse(entry.LinkTarget, entry.Name);
        ReadOnlySpan<byte> targetName = LayerPath.Name(target);
        using FileDescriptor? targetFolder = target.Length == 0 ? null : folders.OpenSecond(LayerPath.Parent(target));
        if (targetFolder is null || !FileStatusCalls.TryStat(targetFolder, targetName, out FileStatus status))
        {
            throw Refused(entry.Name, $"the target \"{NativePath.Show(entry.LinkTarget)}\" of the hard link is not in the layer");
        }

        if (status.IsFolder || Whiteouts.IsMark(status))
        {
            throw Refused(entry.Name, $"the target \"{NativePath.Show(entry.LinkTarget)}\" of the hard link is not a file");
        }

        if (FileStatusCalls.TryStat(folder, name, out FileStatus existing))
        {
            if (existing.Inode == status.Inode)
            {
                return;
            }

            folder = Replace(entry, folder, name, out _);
        }

        Paths.Link(targetFolder, targetName, folder, name);
    }

    private void MakeNode(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        uint type = entry.Type switch
        {
            TarEntryType.CharacterDevice => FileTypes.S_IFCHR,
            TarEntryType.BlockDevice => FileTypes.S_IFBLK,
            _ => FileTypes.S_IFIFO,
        };
        if (type == FileTypes.S_IFCHR && entry is { DeviceMajor: 0, DeviceMinor: 0 })
        {
            throw Refused(entry.Name, "a character device 0:0 is overlay's own mark for a deleted file");
        }

        folder = MakeRoom(entry, folder, name);
        Paths.MakeNode(folder, name, type | 0x180, entry.DeviceMajor, entry.DeviceMinor);
        FileAttributeCalls.SetOwner(folder, name, entry.Uid, entry.Gid);
        FileAttributeCalls.SetMode(folder, name, entry.Mode);
        SetXattrs(entry, folder, name);
        FileAttributeCalls.SetTimes(folder, name, entry.MtimeSeconds, entry.MtimeNanoseconds);
    }

    private FileDescriptor MakeRoom(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name) =>
        FileStatusCalls.TryStat(folder, name, out _) ? Replace(entry, folder, name, out _) : folder;

    // A later entry of the same name counts. Whatever stood there goes, and the folder is looked up again: its own path may have led through it.
    private FileDescriptor Replace(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name, out bool wasWhiteout)
    {
        wasWhiteout = Whiteouts.IsMark(FileStatusCalls.Stat(folder, name));
        FolderTree.Delete(folder, name);
        replaced = true;
        folders.Forget();
        return folders.OpenOrMake(LayerPath.Parent(LayerPath.Parse(entry.Name, entry.Name)));
    }

    // After the owner: changing that drops security.capability.
    private static void SetXattrs(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        foreach ((string attribute, byte[] value) in entry.Xattrs)
        {
            if (!Whiteouts.IsOverlayAttribute(attribute))
            {
                ExtendedAttributes.Set(folder, name, attribute, value);
            }
        }
    }

    // Making entries in a folder changes its time, so folders get theirs at the end.
    private void Remember(byte[] path, TarEntry entry)
    {
        rememberedBytes += path.Length + 32;
        if (rememberedBytes > limits.MaxRememberedBytes)
        {
            throw Refused(entry.Name, $"the names of the archive's folders exceed {limits.MaxRememberedBytes} bytes");
        }

        folderTimes.Add(new FolderTime(path, entry.MtimeSeconds, entry.MtimeNanoseconds));
    }

    private void SetFolderTimes()
    {
        foreach (FolderTime time in folderTimes)
        {
            try
            {
                ReadOnlySpan<byte> name = time.Path.Length == 0 ? "."u8 : LayerPath.Name(time.Path);
                // A later entry may have put something else there.
                if (folders.TryOpen(LayerPath.Parent(time.Path)) is { } folder && FileStatusCalls.TryStat(folder, name, out FileStatus status) && status.IsFolder)
                {
                    FileAttributeCalls.SetTimes(folder, name, time.Seconds, time.Nanoseconds);
                }
            }
            catch (LinuxException e)
            {
                throw Failure(time.Path, e);
            }
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct FolderTime(byte[] Path, long Seconds, uint Nanoseconds);
}
