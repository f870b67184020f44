using System.Buffers;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>
/// Writes files of a build's source into a folder of the host that nobody else can enter, for a step to see. Each entry is made as a single name in a folder that is held open and was reached without a
/// link; links are made, never followed. For one thread.
/// </summary>
/// <param name="source">Where from.</param>
/// <param name="target">Where to.</param>
/// <param name="keepsOwners">Whether files belong to whom they belong to in the source, and not to root.</param>
internal sealed class SourceTreeWriter(ISourceTree source, FileDescriptor target, bool keepsOwners) : IDisposable
{
    private const int BufferSize = 256 << 10;
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private readonly Dictionary<ulong, byte[]> linked = [];
    private readonly List<(byte[] Path, SourceEntry Entry)> folders = [];
    private byte[]? cachedPath;
    private FileDescriptor? cached;

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>Writes what was selected as <paramref name="name"/>: a folder with all that it holds, or a file.</summary>
    /// <exception cref="LinuxException">The disk refuses.</exception>
    /// <exception cref="EngineException">Internal: the source is shorter than it says.</exception>
    public void Write(CopySelection selection, SelectedSource one, string name, CancellationToken cancellationToken)
    {
        byte[] top = Encoding.ASCII.GetBytes(name);
        foreach (SourceEntry entry in selection.Walk(one))
        {
            cancellationToken.ThrowIfCancellationRequested();
            byte[] rest = entry.Path.AsSpan(Math.Min(one.Entry.Path.Length, entry.Path.Length)).TrimStart((byte)'/').ToArray();
            Make(entry, SourcePaths.Join(top, rest));
        }

        // Making entries in a folder changes its time, and its mode may forbid it: so both come last, the deepest folder first.
        for (int i = folders.Count - 1; i >= 0; i--)
        {
            (byte[] path, SourceEntry entry) = folders[i];
            SetAttributes(entry, path);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cached?.Dispose();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Make(SourceEntry entry, byte[] path)
    {
        FileDescriptor parent = OpenFolder(LayerPath.Parent(path));
        ReadOnlySpan<byte> name = LayerPath.Name(path);
        if (entry.IsFolder)
        {
            Paths.MakeFolder(parent, name, 0x1C0);
            folders.Add((path, entry));
            return;
        }

        if (entry.Identity != 0 && !linked.TryAdd(entry.Identity, path))
        {
            byte[] first = linked[entry.Identity];
            using FileDescriptor other = Paths.Open(target, LayerPath.Parent(first) is { IsEmpty: false } above ? above : "."u8, FolderFlags, 0, Confined);
            Paths.Link(other, LayerPath.Name(first), parent, name);
            return;
        }

        switch (entry.Type)
        {
            case TarEntryType.File:
                using (FileDescriptor file = Paths.Open(parent, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180))
                {
                    CopyData(entry, file);
                }

                break;
            case TarEntryType.Symlink:
                Paths.MakeSymlink(entry.LinkTarget, parent, name);
                break;
            default:
                uint type = entry.Type switch { TarEntryType.CharacterDevice => FileTypes.S_IFCHR, TarEntryType.BlockDevice => FileTypes.S_IFBLK, _ => FileTypes.S_IFIFO };
                Paths.MakeNode(parent, name, type | 0x180, entry.DeviceMajor, entry.DeviceMinor);
                break;
        }

        SetAttributes(entry, path);
    }

    private void CopyData(SourceEntry entry, FileDescriptor file)
    {
        using Stream content = source.Open(entry);
        long done = 0;
        while (done < entry.Size)
        {
            int count = content.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, entry.Size - done)));
            if (count == 0)
            {
                throw new EngineException(ErrorKind.Internal, $"\"{NativePath.Show(entry.Path)}\" of the build's source is shorter than it was");
            }

            FileData.WriteAt(file, buffer.AsSpan(0, count), done);
            done += count;
        }
    }

    // The owner first: changing it takes set-id bits and security.capability away.
    private void SetAttributes(SourceEntry entry, byte[] path)
    {
        FileDescriptor parent = OpenFolder(LayerPath.Parent(path));
        ReadOnlySpan<byte> name = LayerPath.Name(path);
        FileAttributeCalls.SetOwner(parent, name, keepsOwners ? entry.Uid : 0, keepsOwners ? entry.Gid : 0);
        if (entry.Type != TarEntryType.Symlink)
        {
            FileAttributeCalls.SetMode(parent, name, entry.Mode);
        }

        foreach ((string attribute, byte[] value) in entry.Xattrs)
        {
            try
            {
                ExtendedAttributes.Set(parent, name, attribute, value);
            }
            catch (LinuxException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.EPERM)
            {
                // Not every file system knows all of them.
            }
        }

        FileAttributeCalls.SetTimes(parent, name, entry.MtimeSeconds, entry.MtimeNanoseconds);
    }

    // Stays open until the next call.
    private FileDescriptor OpenFolder(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty)
        {
            return target;
        }

        if (cached is null || !path.SequenceEqual(cachedPath))
        {
            cached?.Dispose();
            cached = null;
            cached = Paths.Open(target, path, FolderFlags, 0, Confined);
            cachedPath = path.ToArray();
        }

        return cached;
    }
}
