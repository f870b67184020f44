using System.Buffers;
using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// Writes what a walk reports into an archive, in the form of layers: deletions as whiteouts. Sockets are left out, as nothing can be done with them
/// elsewhere. A file that shrinks while it is read is filled up with zeros; what it grows by is left out.
/// </summary>
/// <param name="writer">Gets the entries; the caller finishes it.</param>
/// <param name="isLayer">Whether the archive will be read as a layer, in which some names have a meaning.</param>
internal sealed class TreeArchive(TarWriter writer, bool isLayer) : ITreeVisitor, IDisposable
{
    private const int BufferSize = 256 << 10;
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private readonly Dictionary<(ulong Device, ulong Inode), byte[]> linked = [];

    /// <inheritdoc/>
    public void Present(TreeEntry entry, bool isNew)
    {
        FileStatus status = entry.Details.Status;
        if (status.Type == FileTypes.S_IFSOCK)
        {
            return;
        }

        if (isLayer && entry.Name.StartsWith(Whiteouts.Prefix))
        {
            throw new EngineException(
                ErrorKind.InvalidArgument,
                $"\"/{NativePath.Show(entry.Path)}\" cannot be part of a layer: names that begin with \".wh.\" stand for deleted files there; rename or remove it");
        }

        (ulong Device, ulong Inode) identity = (entry.Details.Device, status.Inode);
        if (!status.IsFolder && status.Links > 1 && linked.TryGetValue(identity, out byte[]? first))
        {
            writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.HardLink, first));
            return;
        }

        if (!TryWrite(entry))
        {
            return;
        }

        if (!status.IsFolder && status.Links > 1)
        {
            linked[identity] = entry.Path;
        }
    }

    /// <inheritdoc/>
    public void Deleted(byte[] path) => WriteMark(LayerPath.Parent(path), [.. Whiteouts.Prefix, .. LayerPath.Name(path)]);

    /// <inheritdoc/>
    public void Opaque(byte[] path) => WriteMark(path, Whiteouts.Opaque);

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    private static bool IsKept(string attribute) =>
        !Whiteouts.IsOverlayAttribute(attribute) && attribute is not ("security.selinux" or "security.ima" or "security.evm"); // of this host alone

    private static TarEntry Describe(TreeEntry entry, in FileDetails details, TarEntryType type, byte[] target) => new()
    {
        Type = type,
        Name = entry.Path,
        LinkTarget = target,
        Mode = details.Status.Mode & 0xFFF,
        Uid = details.Status.Uid,
        Gid = details.Status.Gid,
        Size = type == TarEntryType.File ? details.Status.Size : 0,
        MtimeSeconds = details.Status.MtimeSeconds,
        MtimeNanoseconds = details.Status.MtimeNanoseconds,
        DeviceMajor = details.Status.DeviceMajor,
        DeviceMinor = details.Status.DeviceMinor,
        Xattrs = type == TarEntryType.HardLink ? [] : [.. entry.Attributes.Where(static attribute => IsKept(attribute.Key))],
    };

    private void WriteMark(ReadOnlySpan<byte> folder, ReadOnlySpan<byte> name) =>
        writer.WriteEntry(new TarEntry { Type = TarEntryType.File, Name = folder.IsEmpty ? name.ToArray() : [.. folder, (byte)'/', .. name], Mode = 0x180 });

    private bool TryWrite(TreeEntry entry)
    {
        try
        {
            switch (entry.Details.Status.Type)
            {
                case FileTypes.S_IFREG:
                    return TryWriteFile(entry);
                case FileTypes.S_IFLNK:
                    writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.Symlink, Paths.ReadLink(entry.Folder, entry.Name)));
                    return true;
                case FileTypes.S_IFDIR:
                    writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.Folder, []));
                    return true;
                case FileTypes.S_IFCHR:
                    writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.CharacterDevice, []));
                    return true;
                case FileTypes.S_IFBLK:
                    writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.BlockDevice, []));
                    return true;
                default:
                    writer.WriteEntry(Describe(entry, entry.Details, TarEntryType.Fifo, []));
                    return true;
            }
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EINVAL)
        {
            return false; // vanished, or no symbolic link any more; nothing of it is written yet
        }
    }

    // Pinned before it is opened: opening what replaced it, such as a device, would have effects.
    private bool TryWriteFile(TreeEntry entry)
    {
        using FileDescriptor pinned = Paths.Open(entry.Folder, entry.Name, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
        FileDetails details = FileDetailsCalls.Get(pinned);
        if (details.Status.Type != FileTypes.S_IFREG)
        {
            return false;
        }

        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{pinned.Number}");
        using FileDescriptor file = Paths.Open(Paths.WorkingFolder, Encoding.ASCII.GetBytes(path), OpenFlags.O_RDONLY);
        writer.WriteEntry(Describe(entry, details, TarEntryType.File, []));
        if (details.AllocatedBytes < details.Status.Size)
        {
            CopyData(file, details.Status.Size);
        }
        else
        {
            Copy(file, 0, details.Status.Size);
        }

        return true;
    }

    // Holes are not read.
    private void CopyData(FileDescriptor file, long size)
    {
        long done = 0;
        while (done < size && FileHoles.TryNextData(file, done, out long start, out long end))
        {
            start = Math.Min(start, size);
            end = Math.Min(end, size);
            writer.WriteZeros(start - done);
            Copy(file, start, end);
            done = end;
        }

        writer.WriteZeros(size - done);
    }

    private void Copy(FileDescriptor file, long from, long to)
    {
        while (from < to)
        {
            int count = FileData.ReadAt(file, buffer.AsSpan(0, (int)Math.Min(BufferSize, to - from)), from);
            if (count == 0)
            {
                writer.WriteZeros(to - from);
                return;
            }

            writer.Write(buffer.AsSpan(0, count));
            from += count;
        }
    }
}
