using System.Buffers;
using System.Text;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>
/// Writes what a COPY or ADD takes as a layer: the files at their places in the root file system below, whose links on the way to the destination are followed, and the folders that lead there,
/// as they are there. For one thread.
/// </summary>
/// <param name="selection">What is copied.</param>
/// <param name="source">Where from.</param>
/// <param name="below">Where to.</param>
/// <param name="writer">Gets the entries; the caller finishes it.</param>
internal sealed class CopyWriter(CopySelection selection, ISourceTree source, ISourceTree below, TarWriter writer) : IDisposable
{
    private const int BufferSize = 256 << 10;
    private readonly byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private readonly HashSet<string> folders = new(StringComparer.Ordinal) { "" };
    private readonly Dictionary<ulong, byte[]> linked = [];
    private (long Seconds, uint Nanoseconds) newest;

    private CopyRequest Request => selection.Request;

    /// <summary>Writes all of it.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words: the destination is no folder, or a name that no layer can hold.</exception>
    public void Run(CancellationToken cancellationToken)
    {
        byte[] destination = SourcePaths.Resolve(below, Encoding.UTF8.GetBytes(Request.Destination), followsLast: true);
        SourceEntry? present = below.Find(destination);
        bool isFolder = Request.Destination.EndsWith('/') || present is { IsFolder: true };
        foreach (SelectedSource one in selection.Sources)
        {
            newest = Later(newest, (one.Entry.MtimeSeconds, one.Entry.MtimeNanoseconds));
        }

        foreach (SelectedSource one in selection.Sources)
        {
            byte[] target = one.Entry.IsFolder ? Request.KeepsParents ? SourcePaths.Join(destination, one.Name) : destination
                : isFolder || Request.KeepsParents ? SourcePaths.Join(destination, one.Name) : destination;
            if (Request.Unpacks && one.Entry.Type == TarEntryType.File && ArchiveEntries.IsArchive(source, one.Entry))
            {
                WriteFolders(destination, (0, 0));
                ArchiveEntries.Write(source, one.Entry, destination, Request, writer, buffer, folders, PlaceOf, cancellationToken);
                continue;
            }

            linked.Clear(); // a later source may take the place of a file of this one
            WriteParents(one, target);
            foreach (SourceEntry entry in selection.Walk(one))
            {
                cancellationToken.ThrowIfCancellationRequested();
                byte[] path = entry.Path.Length <= one.Entry.Path.Length ? target : SourcePaths.Join(target, entry.Path.AsSpan(one.Entry.Path.Length).TrimStart((byte)'/'));
                Write(entry, path, isTop: ReferenceEquals(entry, one.Entry));
            }
        }
    }

    /// <summary>Writes a folder and those that lead to it: a layer's folder decides about owner and permissions of the one below it, so those that are there come along as they are.</summary>
    /// <exception cref="EngineException">InvalidArgument: something else is there.</exception>
    public void WriteFolders(byte[] path) => WriteFolders(path, Request.Owner);

    private void WriteFolders(byte[] path, (uint Uid, uint Gid) owner)
    {
        if (folders.Contains(Encoding.Latin1.GetString(path)))
        {
            return;
        }

        WriteFolders(LayerPath.Parent(path).ToArray(), owner);
        folders.Add(Encoding.Latin1.GetString(path));
        SourceEntry? present = below.Find(path);
        if (present is { IsFolder: false })
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"failed to copy files: cannot copy to non-directory: /{NativePath.Show(path)}");
        }

        (long Seconds, uint Nanoseconds) time = present is null ? selection.Sources.Count == 0 && Request.LatestTime is { } only ? (only, 0) : TimeOf(newest) : (present.MtimeSeconds, present.MtimeNanoseconds);
        writer.WriteEntry(new TarEntry
        {
            Type = TarEntryType.Folder,
            Name = path,
            Mode = present?.Mode ?? (Request.Chmod is { } chmod ? chmod(0x1ED, true) : 0x1ED),
            Uid = present?.Uid ?? owner.Uid,
            Gid = present?.Gid ?? owner.Gid,
            MtimeSeconds = time.Seconds,
            MtimeNanoseconds = time.Nanoseconds,
            Xattrs = present?.Xattrs ?? [],
        });
    }

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<byte>.Shared.Return(buffer);

    private static (long Seconds, uint Nanoseconds) Later((long Seconds, uint Nanoseconds) a, (long Seconds, uint Nanoseconds) b) => a.CompareTo(b) >= 0 ? a : b;

    private void Write(SourceEntry entry, byte[] path, bool isTop)
    {
        if (LayerPath.Name(path).StartsWith(Whiteouts.Prefix))
        {
            throw new EngineException(
                ErrorKind.InvalidArgument,
                $"\"/{NativePath.Show(path)}\" cannot be part of a layer: names that begin with \".wh.\" stand for deleted files there; rename it or leave it out");
        }

        if (entry.IsFolder)
        {
            if (isTop)
            {
                WriteFolders(path); // its content is copied, not the folder itself
            }
            else if (folders.Add(Encoding.Latin1.GetString(path)))
            {
                writer.WriteEntry(Describe(entry, path));
            }

            return;
        }

        WriteFolders(LayerPath.Parent(path).ToArray());
        if (below.Find(path) is { IsFolder: true })
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"failed to copy files: cannot copy to directory: /{NativePath.Show(path)}");
        }

        if (entry.Identity != 0 && !linked.TryAdd(entry.Identity, path))
        {
            writer.WriteEntry(new TarEntry { Type = TarEntryType.HardLink, Name = path, LinkTarget = linked[entry.Identity] });
            return;
        }

        writer.WriteEntry(Describe(entry, path));
        if (entry.Type == TarEntryType.File)
        {
            using Stream content = source.Open(entry);
            for (long done = 0; done < entry.Size;)
            {
                int count = content.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, entry.Size - done)));
                if (count == 0)
                {
                    throw new EngineException(ErrorKind.Internal, $"\"{NativePath.Show(entry.Path)}\" of the build's source is shorter than it was");
                }

                writer.Write(buffer.AsSpan(0, count));
                done += count;
            }
        }
    }

    private TarEntry Describe(SourceEntry entry, byte[] path)
    {
        (long Seconds, uint Nanoseconds) time = TimeOf((entry.MtimeSeconds, entry.MtimeNanoseconds));
        return new TarEntry
        {
            Type = entry.Type,
            Name = path,
            LinkTarget = entry.LinkTarget,
            Mode = entry.Type != TarEntryType.Symlink && Request.Chmod is { } chmod ? chmod(entry.Mode, entry.IsFolder) : entry.Mode,
            Uid = Request.Owner.Uid,
            Gid = Request.Owner.Gid,
            Size = entry.Size,
            MtimeSeconds = time.Seconds,
            MtimeNanoseconds = time.Nanoseconds,
            DeviceMajor = entry.DeviceMajor,
            DeviceMinor = entry.DeviceMinor,
            Xattrs = entry.Xattrs,
        };
    }

    private (long Seconds, uint Nanoseconds) TimeOf((long Seconds, uint Nanoseconds) time) =>
        Request.LatestTime is { } latest && time.Seconds >= latest ? (latest, 0) : time;

    // Where an archive's entry comes to: its folders are those that are there, behind links too, or are made.
    private byte[] PlaceOf(byte[] path)
    {
        byte[] folder = LayerPath.Parent(path).ToArray();
        if (!folders.Contains(Encoding.Latin1.GetString(folder)))
        {
            folder = SourcePaths.Resolve(below, folder, followsLast: true);
            WriteFolders(folder, (0, 0));
        }

        return SourcePaths.Join(folder, LayerPath.Name(path));
    }

    // With --parents the folders are those of the source.
    private void WriteParents(SelectedSource one, byte[] target)
    {
        if (!Request.KeepsParents)
        {
            return;
        }

        byte[] above = target[..^one.Name.Length].AsSpan().TrimEnd((byte)'/').ToArray();
        WriteFolders(above);
        for (int slash = one.Name.AsSpan().IndexOf((byte)'/'); slash >= 0;)
        {
            byte[] folder = one.Name[..slash];
            byte[] path = SourcePaths.Join(above, folder);
            if (source.Find(SourcePaths.Resolve(source, folder, followsLast: true)) is { IsFolder: true } entry && folders.Add(Encoding.Latin1.GetString(path)))
            {
                writer.WriteEntry(Describe(entry, path));
            }

            int next = one.Name.AsSpan(slash + 1).IndexOf((byte)'/');
            slash = next < 0 ? -1 : slash + 1 + next;
        }
    }
}
