using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Files;

/// <summary>
/// Puts an archive's entries into a folder of a container's root, over what is there, by the rules of docker's <c>cp</c>: a later entry replaces an earlier file of the name, folders are
/// merged, names that lead out of the folder are refused. The archive and the container are hostile: folders are resolved inside the root, and each entry is
/// made as a single name in a folder that is held by a descriptor. Synchronous, for one thread.
/// </summary>
internal sealed class TreeExtraction(ContainerRoot root, string target, ExtractOptions options, TarLimits limits) : IDisposable
{
    private readonly EntryWriter entries = new(options.Owner);
    private readonly List<FolderTime> folderTimes = [];
    private readonly byte[] prefix = Encoding.UTF8.GetBytes(target == "/" ? "" : target);
    private byte[]? cachedPath;
    private FileDescriptor? cached;
    private long rememberedBytes;

    /// <summary>Reads the archive to its end.</summary>
    /// <exception cref="EngineException">Internal, with docker's words.</exception>
    public void Run(Stream archive)
    {
        try
        {
            TarReader reader = new(archive, limits);
            while (reader.Next() is { } entry)
            {
                Apply(entry, reader);
            }

            reader.Drain();
            SetFolderTimes();
        }
        catch (EngineException e) when (e.Kind == ErrorKind.InvalidArgument)
        {
            throw Failure(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        entries.Dispose();
    }

    private static EngineException Failure(string why, Exception? inner = null) => new(ErrorKind.Internal, why.StartsWith(TarReader.MessageStart, StringComparison.Ordinal) ? why : TarReader.MessageStart + why, inner);

    private static string Text(ReadOnlySpan<byte> path) => NativePath.Show(path);

    private void Apply(TarEntry entry, TarReader reader)
    {
        byte[] path = Normalise(entry.Name);
        if (path.Length == 0)
        {
            return; // the folder itself, which stays as it is
        }

        byte[] shown = [.. prefix, (byte)'/', .. path];
        try
        {
            ReadOnlySpan<byte> name = LayerPath.Name(path);
            FileDescriptor folder = OpenFolder(LayerPath.Parent(path));
            bool isMerged = entry.Type == TarEntryType.Folder && MakeRoom(entry, folder, name, shown);
            if (entry.Type != TarEntryType.Folder)
            {
                MakeRoom(entry, folder, name, shown);
            }

            Make(entry, reader, OpenFolder(LayerPath.Parent(path)), path, isMerged);
        }
        catch (LinuxException e)
        {
            throw e.Errno switch
            {
                Errno.EROFS => new EngineException(ErrorKind.Internal, "mounted volume is marked read-only", e),
                _ => Failure($"{(entry.Type == TarEntryType.File ? "write" : "create")} {Text(shown)}: {LinuxException.Describe(e.Errno)}", e),
            };
        }
    }

    private void Make(TarEntry entry, TarReader reader, FileDescriptor folder, byte[] path, bool isMerged)
    {
        ReadOnlySpan<byte> name = LayerPath.Name(path);
        switch (entry.Type)
        {
            case TarEntryType.Folder:
                entries.MakeFolder(entry, folder, name, isMerged);
                Remember(path, entry);
                break;
            case TarEntryType.File:
                entries.MakeFile(entry, reader, folder, name);
                break;
            case TarEntryType.Symlink:
                CheckSymlink(entry, path);
                entries.MakeSymlink(entry, folder, name);
                break;
            case TarEntryType.HardLink:
                MakeHardLink(entry, folder, name);
                break;
            default:
                entries.MakeNode(entry, folder, name);
                break;
        }
    }

    // Whether a folder is there that the entry's folder is merged into; anything else of the name has gone.
    private bool MakeRoom(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name, byte[] shown)
    {
        if (!FileStatusCalls.TryStat(folder, name, out FileStatus present))
        {
            return false;
        }

        bool isFolder = entry.Type == TarEntryType.Folder;
        if (options.KeepsKinds && present.IsFolder != isFolder)
        {
            throw Failure(present.IsFolder
                ? $"cannot overwrite directory \"{Text(shown)}\" with non-directory \"{target}\""
                : $"cannot overwrite non-directory \"{Text(shown)}\" with directory \"{target}\"");
        }

        if (present.IsFolder && isFolder)
        {
            return true;
        }

        FolderTree.Delete(folder, name);
        Forget();
        return false;
    }

    private void CheckSymlink(TarEntry entry, byte[] path)
    {
        // Docker looks at the text alone: an absolute one counts from the link's folder.
        if (entry.LinkTarget is not [(byte)'/', ..] && TryNormalise([.. LayerPath.Parent(path), (byte)'/', .. entry.LinkTarget]) is null)
        {
            throw Failure($"invalid symlink \"{Text([.. prefix, (byte)'/', .. path])}\" -> \"{Text(entry.LinkTarget)}\"");
        }
    }

    private void MakeHardLink(TarEntry entry, FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        byte[] linked = TryNormalise(entry.LinkTarget) ?? throw Failure($"invalid hardlink \"{RequestedPath.Parse(target + "/" + Text(entry.LinkTarget)).Full}\" -> \"{Text(entry.LinkTarget)}\"");
        using FileDescriptor source = root.Open([.. prefix, (byte)'/', .. LayerPath.Parent(linked)], OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        Paths.Link(source, LayerPath.Name(linked), folder, name);
    }

    // Parts without "." and ".."; a name that leads out of the target is refused.
    private byte[] Normalise(byte[] name) =>
        TryNormalise(name) ?? throw Failure($"\"{Text(name)}\" is outside of \"{target}\"");

    private static byte[]? TryNormalise(ReadOnlySpan<byte> name)
    {
        List<byte[]> parts = [];
        foreach (Range range in name.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = name[range];
            if (part.SequenceEqual(".."u8))
            {
                if (parts.Count == 0)
                {
                    return null;
                }

                parts.RemoveAt(parts.Count - 1);
            }
            else if (!part.IsEmpty && !part.SequenceEqual("."u8))
            {
                parts.Add(part.ToArray());
            }
        }

        List<byte> joined = [];
        foreach (byte[] part in parts)
        {
            joined.AddRange(joined.Count == 0 ? part : [(byte)'/', .. part]);
        }

        return [.. joined];
    }

    // Stays open until the next call.
    private FileDescriptor OpenFolder(ReadOnlySpan<byte> path)
    {
        if (cached is not null && path.SequenceEqual(cachedPath))
        {
            return cached;
        }

        Forget();
        FileDescriptor opened;
        try
        {
            opened = root.Open([.. prefix, (byte)'/', .. path], OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT && !path.IsEmpty)
        {
            opened = MakeFolders(path);
        }

        cached = opened;
        cachedPath = path.ToArray();
        return opened;
    }

    private FileDescriptor MakeFolders(ReadOnlySpan<byte> path)
    {
        using (FileDescriptor parent = OpenOrMake(LayerPath.Parent(path)))
        {
            Paths.MakeFolder(parent, LayerPath.Name(path), 0x1ED);
        }

        return root.Open([.. prefix, (byte)'/', .. path], OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
    }

    private FileDescriptor OpenOrMake(ReadOnlySpan<byte> path)
    {
        try
        {
            return root.Open([.. prefix, (byte)'/', .. path], OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT && !path.IsEmpty)
        {
            return MakeFolders(path);
        }
    }

    private void Forget()
    {
        cached?.Dispose();
        cached = null;
        cachedPath = null;
    }

    // Making entries in a folder changes its time, so folders get theirs at the end.
    private void Remember(byte[] path, TarEntry entry)
    {
        rememberedBytes += path.Length + 32;
        if (rememberedBytes > limits.MaxRememberedBytes)
        {
            throw Failure($"the names of the archive's folders exceed {limits.MaxRememberedBytes} bytes");
        }

        folderTimes.Add(new FolderTime(path, entry.MtimeSeconds, entry.MtimeNanoseconds));
    }

    private void SetFolderTimes()
    {
        foreach (FolderTime time in folderTimes)
        {
            try
            {
                FileDescriptor folder = OpenFolder(LayerPath.Parent(time.Path));
                if (FileStatusCalls.TryStat(folder, LayerPath.Name(time.Path), out FileStatus status) && status.IsFolder)
                {
                    FileAttributeCalls.SetTimes(folder, LayerPath.Name(time.Path), time.Seconds, time.Nanoseconds);
                }
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
            {
                // The container, or a later entry, took it away.
            }
            catch (LinuxException e)
            {
                throw Failure($"utimensat {Text(time.Path)}: {LinuxException.Describe(e.Errno)}", e);
            }
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct FolderTime(byte[] Path, long Seconds, uint Nanoseconds);
}
