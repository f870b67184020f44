using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Check;

/// <summary>
/// Compares a layer as it lies unpacked, in overlay's form, with its archive, without writing anything: each entry where it lies, as it comes, then all that is there with
/// what came. Types, permissions, owners, sizes, link texts, device numbers, attributes, content, deletions; times are not compared. Memory: 16 bytes for each name,
/// and the folders' paths. For one thread.
/// </summary>
internal sealed class LayerVerifier : IDisposable
{
    private const int BufferSize = 128 << 10;
    private readonly FileDescriptor root;
    private readonly TarLimits limits;
    private readonly LayerFolders folders;
    private readonly AttributeReader attributes = new();
    private readonly DifferenceList differences = new();
    private readonly HashSet<UInt128> seen = [];
    private readonly HashSet<ulong> parents = [];
    private readonly HashSet<ulong> opaque = [];
    private readonly byte[] wanted = ArrayPool<byte>.Shared.Rent(BufferSize);
    private readonly byte[] found = ArrayPool<byte>.Shared.Rent(BufferSize);
    private byte[]? parentPath;
    private ulong parentInode;

    public LayerVerifier(FileDescriptor root, TarLimits limits)
    {
        this.root = root;
        this.limits = limits;
        folders = new LayerFolders(root);
    }

    /// <summary>What differs.</summary>
    public DifferenceList Differences => differences;

    /// <summary>Whether the archive has a name twice: what it comes to can then only be told for sure by unpacking it.</summary>
    public bool HasRepeatedNames { get; private set; }

    /// <summary>Reads the archive to its end. Returns 0.</summary>
    /// <exception cref="EngineException">InvalidArgument when the archive cannot be read.</exception>
    public long Verify(Stream archive, CancellationToken cancellationToken)
    {
        TarReader reader = new(archive, limits);
        while (reader.Next() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            byte[] path = LayerPath.Parse(entry.Name, entry.Name);
            try
            {
                Compare(entry, path, reader);
            }
            catch (LinuxException e)
            {
                differences.Set(path, $"cannot be looked at: {e.Message}");
            }
            catch (EngineException e) when (e.Kind == ErrorKind.InvalidArgument && e.InnerException is LinuxException)
            {
                differences.Set(path, "the folder that it belongs in is not one, or leads elsewhere");
            }
        }

        reader.Drain();
        new LayerInventory(root, seen, parents, opaque, differences, attributes).Run(cancellationToken);
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        folders.Dispose();
        ArrayPool<byte>.Shared.Return(wanted);
        ArrayPool<byte>.Shared.Return(found);
    }

    /// <summary>What stands for a name in a folder.</summary>
    internal static UInt128 KeyOf(ulong folder, ReadOnlySpan<byte> name)
    {
        Span<byte> text = stackalloc byte[8 + 256];
        BinaryPrimitives.WriteUInt64LittleEndian(text, folder);
        int length = Math.Min(name.Length, 256); // NAME_MAX is 255
        name[..length].CopyTo(text[8..]);
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(text[..(8 + length)], hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private void Compare(TarEntry entry, byte[] path, TarReader reader)
    {
        if (path.Length == 0)
        {
            CompareAttributes(entry, path, root, "."u8, FileStatusCalls.Stat(root));
            return;
        }

        ReadOnlySpan<byte> name = LayerPath.Name(path);
        if (path.AsSpan().IndexOf(Whiteouts.Prefix) >= 0 && Whiteouts.IsBelowAufsBookkeeping(path))
        {
            return;
        }

        if (folders.TryOpen(LayerPath.Parent(path)) is not { } folder)
        {
            differences.Set(path, "is missing, with the folder that it belongs in");
            return;
        }

        ulong inode = InodeOf(folder, LayerPath.Parent(path));
        if (name.StartsWith(Whiteouts.Prefix))
        {
            CompareWhiteout(path, folder, inode, name);
            return;
        }

        if (!seen.Add(KeyOf(inode, name)))
        {
            HasRepeatedNames = true;
            differences.Clear(path, withContent: entry.Type != TarEntryType.Folder);
        }

        if (!FileStatusCalls.TryStat(folder, name, out FileStatus status))
        {
            differences.Set(path, "is missing");
            return;
        }

        if (entry.Type == TarEntryType.HardLink)
        {
            CompareLink(entry, path, status);
        }
        else if (CompareAttributes(entry, path, folder, name, status) && entry.Type == TarEntryType.File)
        {
            CompareContent(entry, path, reader, folder, name);
        }
    }

    private ulong InodeOf(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        if (parentPath is null || !path.SequenceEqual(parentPath))
        {
            parentInode = FileStatusCalls.Stat(folder, "."u8).Inode;
            parentPath = path.ToArray();
            parents.Add(parentInode);
        }

        return parentInode;
    }

    private void CompareWhiteout(byte[] path, FileDescriptor folder, ulong inode, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual(Whiteouts.Opaque))
        {
            opaque.Add(inode);
            return; // whether it is, the inventory sees
        }

        ReadOnlySpan<byte> target = name[Whiteouts.Prefix.Length..];
        if (!FileStatusCalls.TryStat(folder, target, out FileStatus status))
        {
            differences.Set(path, "the mark of a deleted file is missing");
        }
        else if (status.IsFolder)
        {
            opaque.Add(status.Inode);
        }
        else if (Whiteouts.IsMark(status))
        {
            seen.Add(KeyOf(inode, target));
        }
    }

    private void CompareLink(TarEntry entry, byte[] path, in FileStatus status)
    {
        byte[] target = LayerPath.Parse(entry.LinkTarget, entry.Name);
        using FileDescriptor? folder = target.Length == 0 ? null : folders.OpenSecond(LayerPath.Parent(target));
        if (folder is null || !FileStatusCalls.TryStat(folder, LayerPath.Name(target), out FileStatus other))
        {
            differences.Set(path, $"what it is a hard link to is missing: {NativePath.Show(target)}");
        }
        else if (other.Inode != status.Inode)
        {
            differences.Set(path, $"is no hard link to {NativePath.Show(target)}");
        }
    }

    private bool CompareAttributes(TarEntry entry, byte[] path, FileDescriptor folder, ReadOnlySpan<byte> name, in FileStatus status)
    {
        string? what = OfStatus(entry, status) ?? OfLinkText(entry, folder, name) ?? OfAttributes(entry.Xattrs, attributes.Read(folder, name));
        if (what is not null)
        {
            differences.Set(path, what);
        }

        return what is null;
    }

    private static string? OfStatus(TarEntry entry, in FileStatus status)
    {
        uint type = entry.Type switch
        {
            TarEntryType.File => FileTypes.S_IFREG,
            TarEntryType.Folder => FileTypes.S_IFDIR,
            TarEntryType.Symlink => FileTypes.S_IFLNK,
            TarEntryType.CharacterDevice => FileTypes.S_IFCHR,
            TarEntryType.BlockDevice => FileTypes.S_IFBLK,
            _ => FileTypes.S_IFIFO,
        };
        return status.Type != type ? $"is of another type: {status.Type:x} instead of {type:x}"
            : entry.Type != TarEntryType.Symlink && (status.Mode & 0xFFF) != entry.Mode ? $"has the permissions {Convert.ToString(status.Mode & 0xFFF, 8)} instead of {Convert.ToString(entry.Mode, 8)}"
            : status.Uid != entry.Uid || status.Gid != entry.Gid ? $"belongs to {status.Uid}:{status.Gid} instead of {entry.Uid}:{entry.Gid}"
            : entry.Type == TarEntryType.File && status.Size != entry.Size ? $"has {status.Size} bytes instead of {entry.Size}"
            : status.DeviceMajor != entry.DeviceMajor || status.DeviceMinor != entry.DeviceMinor ? $"is the device {status.DeviceMajor}:{status.DeviceMinor} instead of {entry.DeviceMajor}:{entry.DeviceMinor}"
            : null;
    }

    private static string? OfLinkText(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name) =>
        entry.Type == TarEntryType.Symlink && Paths.ReadLink(folder, name) is var text && !text.AsSpan().SequenceEqual(entry.LinkTarget)
            ? $"leads to \"{NativePath.Show(text)}\" instead of \"{NativePath.Show(entry.LinkTarget)}\""
            : null;

    private static string? OfAttributes(IReadOnlyList<KeyValuePair<string, byte[]>> wanted, IReadOnlyList<KeyValuePair<string, byte[]>> found)
    {
        if (wanted.Count == 0 && found.Count == 0)
        {
            return null;
        }

        Dictionary<string, byte[]> missing = new(StringComparer.Ordinal);
        foreach ((string name, byte[] value) in wanted.Where(static attribute => !Whiteouts.IsOverlayAttribute(attribute.Key)))
        {
            missing[name] = value; // a later one of the same name counts
        }

        foreach ((string name, byte[] value) in found)
        {
            if (missing.Remove(name, out byte[]? expected))
            {
                if (!value.AsSpan().SequenceEqual(expected))
                {
                    return $"has another value of the attribute {name}";
                }
            }
            else if (!IsHosts(name))
            {
                return $"has the attribute {name}, which it should not";
            }
        }

        return missing.Count == 0 ? null : $"lacks the attribute {missing.Keys.Order(StringComparer.Ordinal).First()}";
    }

    /// <summary>Whether the attribute is overlay's or one that the host's kernel gives by itself.</summary>
    internal static bool IsHosts(string attribute) => Whiteouts.IsOverlayAttribute(attribute) || attribute is "security.selinux" or "security.ima" or "security.evm";

    private void CompareContent(TarEntry entry, byte[] path, TarReader reader, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        using FileDescriptor file = Paths.Open(folder, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK);
        long at = 0;
        foreach (SparseRegion region in entry.Regions ?? [new SparseRegion(0, entry.Size)])
        {
            if (!AreZeros(file, at, region.Offset))
            {
                differences.Set(path, $"has other content, between byte {at} and {region.Offset}");
                return;
            }

            for (at = region.Offset; at < region.Offset + region.Length;)
            {
                int count = reader.Read(wanted.AsSpan(0, (int)Math.Min(BufferSize, region.Offset + region.Length - at)));
                if (count == 0 || ReadFully(file, found.AsSpan(0, count), at) < count || !wanted.AsSpan(0, count).SequenceEqual(found.AsSpan(0, count)))
                {
                    differences.Set(path, $"has other content, from byte {at + wanted.AsSpan(0, count).CommonPrefixLength(found.AsSpan(0, count))} on");
                    return;
                }

                at += count;
            }
        }

        if (!AreZeros(file, at, entry.Size))
        {
            differences.Set(path, $"has other content, from byte {at} on");
        }
    }

    private bool AreZeros(FileDescriptor file, long from, long to)
    {
        while (from < to && FileHoles.TryNextData(file, from, out long start, out long end) && start < to)
        {
            for (long at = start; at < Math.Min(end, to);)
            {
                int count = FileData.ReadAt(file, found.AsSpan(0, (int)Math.Min(BufferSize, Math.Min(end, to) - at)), at);
                if (count == 0)
                {
                    return true;
                }

                if (found.AsSpan(0, count).ContainsAnyExcept((byte)0))
                {
                    return false;
                }

                at += count;
            }

            from = end;
        }

        return true;
    }

    private static int ReadFully(FileDescriptor file, Span<byte> buffer, long offset)
    {
        int done = 0;
        while (done < buffer.Length && FileData.ReadAt(file, buffer[done..], offset + done) is > 0 and int count)
        {
            done += count;
        }

        return done;
    }
}
