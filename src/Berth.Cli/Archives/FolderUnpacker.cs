using System.Text;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Cli.Archives;

/// <summary>Where an archive's entries go: which first part of their names is theirs, and what takes its place.</summary>
/// <param name="Expected">The part that every name must begin with; null for archives of a folder's content.</param>
/// <param name="Replacement">What stands for it in the target folder; null for nothing, so that the rest of the name begins there.</param>
internal sealed record EntryNames(string? Expected, string? Replacement);

/// <summary>
/// Unpacks an archive below a folder and nowhere else, whatever the archive says: every name is walked from the folder's descriptor without following
/// links, so neither a name with two dots, nor an absolute one, nor a link that the archive or another process has put there leads out. Links that would
/// point out of the folder are refused, as are a file in a folder's place and the reverse. Owners are not taken over.
/// </summary>
internal sealed class FolderUnpacker : IDisposable
{
    private const ResolveFlags Beneath = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_MAGICLINKS;
    private const uint OwnerAll = 0x1C0; // rwx------

    private readonly FileDescriptor folder;
    private readonly string folderPath;
    private readonly byte[]? expected;
    private readonly byte[]? replacement;
    private readonly List<(byte[] Path, TarEntry Entry)> folders = [];
    private FileDescriptor? parent;
    private byte[] parentPath = [];

    /// <param name="folder">An absolute, clean path of a folder; links in it are the user's own and are followed.</param>
    /// <param name="names">How names in the archive become names in the folder.</param>
    public FolderUnpacker(string folder, EntryNames names)
    {
        folderPath = folder;
        this.folder = Paths.OpenFolder(folder);
        expected = names.Expected is null ? null : Encoding.UTF8.GetBytes(names.Expected);
        replacement = names.Replacement is null ? null : Encoding.UTF8.GetBytes(names.Replacement);
    }

    /// <summary>Unpacks everything.</summary>
    /// <exception cref="TarException">The archive is malformed or would leave the folder.</exception>
    /// <exception cref="LinuxException">A file cannot be made.</exception>
    public void Unpack(TarInput archive)
    {
        while (archive.Next() is { } entry)
            Make(archive, entry);

        // Folders last: what is made in them changes their time, and a mode without w would be in the way.
        for (int i = folders.Count - 1; i >= 0; i--)
        {
            (byte[] path, TarEntry entry) = folders[i];
            using FileDescriptor made = Paths.Open(folder, path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, resolve: Beneath);
            FileAttributeCalls.SetMode(made, entry.Mode);
            FileAttributeCalls.SetTimes(made, entry.Seconds, entry.Nanoseconds);
        }
    }

    public void Dispose()
    {
        parent?.Dispose();
        folder.Dispose();
    }

    private void Make(TarInput archive, TarEntry entry)
    {
        byte[] path = Map(entry.Name);
        if (path.Length == 0)
            return; // the folder itself

        int slash = path.AsSpan().LastIndexOf((byte)'/');
        FileDescriptor into = OpenParent(slash < 0 ? [] : path[..slash]);
        byte[] name = path[(slash + 1)..];
        if (entry.Kind == TarKind.Folder)
        {
            MakeFolder(into, name, path, entry);
            return;
        }

        Clear(into, name, path);
        switch (entry.Kind)
        {
            case TarKind.File:
                MakeFile(archive, into, name, path, entry);
                return;
            case TarKind.HardLink:
                MakeHardLink(into, name, path, entry);
                return;
            case TarKind.SymbolicLink:
                CheckTarget(path, entry.LinkName);
                Paths.MakeSymlink(entry.LinkName, into, name);
                break;
            default:
                Paths.MakeNode(into, name, Type(entry.Kind) | (entry.Mode & 0x1FF), entry.DeviceMajor, entry.DeviceMinor);
                FileAttributeCalls.SetMode(into, name, entry.Mode);
                break;
        }

        FileAttributeCalls.SetTimes(into, name, entry.Seconds, entry.Nanoseconds);
    }

    private void MakeFolder(FileDescriptor into, byte[] name, byte[] path, TarEntry entry)
    {
        if (!FileStatusCalls.TryStat(into, name, out FileStatus there))
            Paths.MakeFolder(into, name, OwnerAll | entry.Mode);
        else if (!there.IsFolder)
            throw new TarException($"cannot overwrite non-directory \"{Full(path)}\" with directory \"{folderPath}\"");

        folders.Add((path, entry));
    }

    private static void MakeFile(TarInput archive, FileDescriptor into, byte[] name, byte[] path, TarEntry entry)
    {
        using FileDescriptor file = Paths.Open(into, name, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180, Beneath);
        try
        {
            var output = new SparseOutput(file);
            ReadOnlySpan<byte> piece;
            while (!(piece = archive.ReadContent()).IsEmpty)
                output.Write(piece);

            output.Finish();
        }
        catch (LinuxException exception)
        {
            throw new LinuxException(exception.Errno, "write", Encoding.UTF8.GetString(path));
        }

        FileAttributeCalls.SetMode(file, entry.Mode);
        foreach ((string attribute, byte[] value) in entry.Attributes)
            SetAttribute(into, name, attribute, value);

        FileAttributeCalls.SetTimes(file, entry.Seconds, entry.Nanoseconds);
    }

    private static void SetAttribute(FileDescriptor into, byte[] name, string attribute, byte[] value)
    {
        // The others belong to the engine's storage or to the policy of the machine the file came from.
        if (attribute != "security.capability" && !attribute.StartsWith("user.", StringComparison.Ordinal))
            return;

        try
        {
            ExtendedAttributes.Set(into, name, attribute, value);
        }
        catch (LinuxException exception) when (exception.Errno is Errno.EPERM or Errno.EOPNOTSUPP)
        {
            // This user, or this file system, has no such attributes; the content is what was asked for.
        }
    }

    private void MakeHardLink(FileDescriptor into, byte[] name, byte[] path, TarEntry entry)
    {
        byte[] target = Map(entry.LinkName);
        int slash = target.AsSpan().LastIndexOf((byte)'/');
        if (target.Length == 0)
            throw new TarException($"invalid hardlink \"{Full(path)}\" -> \"{Encoding.UTF8.GetString(entry.LinkName)}\"");

        using FileDescriptor from = Paths.Open(folder, slash < 0 ? "."u8 : target.AsSpan(0, slash), OpenFlags.O_PATH | OpenFlags.O_DIRECTORY, resolve: Beneath);
        Paths.Link(from, target.AsSpan(slash + 1), into, name);
    }

    /// <summary>Makes room: a folder stays and is an error, everything else goes.</summary>
    private void Clear(FileDescriptor into, byte[] name, byte[] path)
    {
        if (!FileStatusCalls.TryStat(into, name, out FileStatus there))
            return;

        if (there.IsFolder)
            throw new TarException($"cannot overwrite directory \"{Full(path)}\" with non-directory \"{folderPath}\"");

        Paths.Unlink(into, name);
    }

    /// <summary>A symbolic link may only point to where it could have been unpacked.</summary>
    private void CheckTarget(byte[] path, byte[] target)
    {
        string link = Full(path);
        string text = Encoding.UTF8.GetString(target);
        string place = GoPath.Join(GoPath.Split(link).Folder, text);
        if (!place.StartsWith(folderPath, StringComparison.Ordinal))
            throw new TarException($"invalid symlink \"{link}\" -> \"{text}\"");
    }

    /// <summary>The folder that an entry is made in, with the folders on the way there made where they are missing.</summary>
    private FileDescriptor OpenParent(byte[] path)
    {
        if (parent is not null && path.AsSpan().SequenceEqual(parentPath))
            return parent;

        parent?.Dispose();
        parent = null;
        parent = path.Length == 0 ? Paths.Open(folder, "."u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY) : OpenOrMake(path);
        parentPath = path;
        return parent;
    }

    private FileDescriptor OpenOrMake(byte[] path)
    {
        try
        {
            return Paths.Open(folder, path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, resolve: Beneath);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.ENOENT)
        {
            int slash = path.AsSpan().LastIndexOf((byte)'/');
            using FileDescriptor above = slash < 0 ? Paths.Open(folder, "."u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY) : OpenOrMake(path[..slash]);
            Paths.MakeFolder(above, path.AsSpan(slash + 1), 0x1FF);
            return Paths.Open(above, path.AsSpan(slash + 1), OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, resolve: Beneath);
        }
        catch (LinuxException exception) when (exception.Errno is Errno.ELOOP or Errno.EXDEV)
        {
            throw new TarException($"refusing to write through the symbolic link in \"{Full(path)}\"");
        }
    }

    /// <summary>A name in the archive as a path in the folder, without dots; empty for the folder itself.</summary>
    private byte[] Map(byte[] name)
    {
        var parts = new List<byte[]>();
        bool first = true;
        ReadOnlySpan<byte> all = name;
        foreach (Range range in all.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = all[range];
            if (part.IsEmpty || part.SequenceEqual("."u8))
                continue;

            if (part.SequenceEqual(".."u8))
                throw new TarException($"the archive names \"{Encoding.UTF8.GetString(name)}\", which leads out of its folder");

            if (first && expected is not null && !part.SequenceEqual(expected))
                throw new TarException($"the archive holds \"{Encoding.UTF8.GetString(name)}\", which was not asked for");

            if (!first || expected is null)
                parts.Add(part.ToArray());

            first = false;
        }

        if (replacement is not null)
            parts.Insert(0, replacement);

        return Join(parts);
    }

    private static byte[] Join(List<byte[]> parts)
    {
        using var path = new MemoryStream();
        for (int i = 0; i < parts.Count; i++)
        {
            if (i > 0)
                path.WriteByte((byte)'/');

            path.Write(parts[i]);
        }

        return path.ToArray();
    }

    private static uint Type(TarKind kind) => kind switch
    {
        TarKind.CharacterDevice => FileTypes.S_IFCHR,
        TarKind.BlockDevice => FileTypes.S_IFBLK,
        _ => FileTypes.S_IFIFO,
    };

    private string Full(byte[] path) => (folderPath == "/" ? "" : folderPath) + "/" + Encoding.UTF8.GetString(path);
}
