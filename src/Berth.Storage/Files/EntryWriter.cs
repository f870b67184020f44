using System.Buffers;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Files;

/// <summary>Makes single entries of an archive in folders that are held open, where nothing of the name is: data, owner, permissions, attributes, time.</summary>
/// <param name="owner">Whom they belong to; null for what the archive says.</param>
internal sealed class EntryWriter((uint Uid, uint Gid)? owner) : IDisposable
{
    private const int BufferSize = 256 << 10;
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    public void MakeFile(TarEntry entry, TarReader reader, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        using FileDescriptor file = Paths.Open(folder, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180);
        CopyData(entry, reader, file);
        (uint uid, uint gid) = OwnerOf(entry);
        FileAttributeCalls.SetOwner(file, uid, gid);
        FileAttributeCalls.SetMode(file, entry.Mode);
        SetXattrs(entry, folder, name);
        FileAttributeCalls.SetTimes(file, entry.MtimeSeconds, entry.MtimeNanoseconds);
    }

    public void MakeFolder(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name, bool isThere)
    {
        if (!isThere)
        {
            Paths.MakeFolder(folder, name, 0x1C0);
        }

        // By descriptor, as the name may mean something else by now.
        using FileDescriptor made = Paths.Open(folder, name, ContainerRoot.FolderFlags | OpenFlags.O_NOFOLLOW);
        (uint uid, uint gid) = OwnerOf(entry);
        FileAttributeCalls.SetOwner(made, uid, gid);
        FileAttributeCalls.SetMode(made, entry.Mode);
        SetXattrs(entry, folder, name);
    }

    public void MakeSymlink(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        Paths.MakeSymlink(entry.LinkTarget, folder, name);
        (uint uid, uint gid) = OwnerOf(entry);
        FileAttributeCalls.SetOwner(folder, name, uid, gid);
        SetXattrs(entry, folder, name);
        FileAttributeCalls.SetTimes(folder, name, entry.MtimeSeconds, entry.MtimeNanoseconds);
    }

    public void MakeNode(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        uint type = entry.Type switch
        {
            TarEntryType.CharacterDevice => FileTypes.S_IFCHR,
            TarEntryType.BlockDevice => FileTypes.S_IFBLK,
            _ => FileTypes.S_IFIFO,
        };
        Paths.MakeNode(folder, name, type | 0x180, entry.DeviceMajor, entry.DeviceMinor);
        using FileDescriptor made = Paths.Open(folder, name, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
        FileStatus status = FileStatusCalls.Stat(made);
        if (status.Type != type)
        {
            throw new LinuxException(Errno.EEXIST, "mknodat", NativePath.Show(name)); // swapped in between
        }

        (uint uid, uint gid) = OwnerOf(entry);
        FileAttributeCalls.SetOwner(folder, name, uid, gid);
        FileAttributeCalls.SetMode(Paths.WorkingFolder, System.Text.Encoding.ASCII.GetBytes($"/proc/self/fd/{made.Number}"), entry.Mode);
        SetXattrs(entry, folder, name);
        FileAttributeCalls.SetTimes(folder, name, entry.MtimeSeconds, entry.MtimeNanoseconds);
    }

    // After the owner: changing that drops security.capability. What the file system does not take is left out, as by docker.
    private static void SetXattrs(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        foreach ((string attribute, byte[] value) in entry.Xattrs)
        {
            if (Whiteouts.IsOverlayAttribute(attribute))
            {
                continue;
            }

            try
            {
                ExtendedAttributes.Set(folder, name, attribute, value);
            }
            catch (LinuxException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.EPERM)
            {
                // The file system of a mount in the container may know none, or not on such a file.
            }
        }
    }

    private (uint Uid, uint Gid) OwnerOf(TarEntry entry) => owner ?? (entry.Uid, entry.Gid);

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
}
