using System.Text;
using Berth.Dockerfile.Ignore;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Cli.Archives;

/// <summary>
/// A file or folder as a tar archive. Names come sorted; links are packed as links, a further name of a file that was packed already as a hard link;
/// of the extended attributes only file capabilities; sockets are left out. A build's context has rules besides.
/// </summary>
internal sealed class FolderPacker
{
    private const string Capability = "security.capability";

    private readonly TarOutput output;
    private readonly Dictionary<ulong, byte[]> packed = [];
    private readonly byte[] buffer = GC.AllocateUninitializedArray<byte>(256 * 1024);

    private readonly MeasuredFile? measured;
    private readonly PackRules? rules;

    /// <param name="output">Where the archive goes.</param>
    /// <param name="measured">What <see cref="Measure"/> said: a file that has grown since then is packed up to where it ended.</param>
    public FolderPacker(TarOutput output, MeasuredFile? measured = null)
    {
        this.output = output;
        this.measured = measured;
    }

    /// <param name="output">Where the archive goes.</param>
    /// <param name="rules">What <see cref="PackContext"/> leaves out.</param>
    public FolderPacker(TarOutput output, PackRules rules)
        : this(output) => this.rules = rules;

    /// <summary>How long the archive of a file will be; null for anything else, which would have to be walked.</summary>
    /// <exception cref="LinuxException">It cannot be looked at.</exception>
    public static MeasuredFile? Measure(string path, string name)
    {
        (string folder, string last) = GoPath.Split(path);
        if (last is "." or "/" || path.EndsWith('/'))
            return null;

        using FileDescriptor parent = Paths.OpenFolder(folder);
        byte[] file = Encoding.UTF8.GetBytes(last);
        FileStatus status = FileStatusCalls.Stat(parent, file);
        if (Kind(status.Type) != TarKind.File)
            return null;

        TarEntry entry = WithContent(EntryOf(status, Encoding.UTF8.GetBytes(name)), status.Size, ReadCapability(parent, file));
        return new MeasuredFile(entry, TarOutput.Measure(entry));
    }

    /// <summary>Packs <paramref name="path"/> (a link itself is packed when the path does not end in a slash or dot) under another name.</summary>
    /// <exception cref="LinuxException">Something cannot be read.</exception>
    public void Pack(string path, string name)
    {
        (string folder, string last) = GoPath.Split(path);
        bool inside = last is "." or "/" || path.EndsWith('/');
        using FileDescriptor parent = Paths.OpenFolder(inside ? path : folder);
        PackOne(parent, inside ? "."u8.ToArray() : Encoding.UTF8.GetBytes(last), Encoding.UTF8.GetBytes(name));
        output.End();
    }

    /// <summary>Packs what is in a folder and not left out, as nobody's; the archive is not ended, so that more may follow.</summary>
    /// <exception cref="LinuxException">Something cannot be read.</exception>
    public void PackContext(string folder)
    {
        using FileDescriptor opened = Paths.OpenFolder(folder);
        PackContent(opened, "."u8.ToArray(), [], rules!.Ignored.Root); // made with rules
    }

    private void PackOne(FileDescriptor parent, byte[] name, byte[] entryName, IgnoreFolder? at = null)
    {
        string? path = rules is null ? null : Encoding.UTF8.GetString(entryName);
        bool isLeftOut = path is not null && rules!.LeavesOut(path, at!); // both come with rules
        if (isLeftOut && !rules!.GoesInto(path!, at!)) // see above
            return;

        FileStatus status = FileStatusCalls.Stat(parent, name);
        if (status.Type == FileTypes.S_IFSOCK)
            return;

        if (isLeftOut)
        {
            if (status.IsFolder)
                PackContent(parent, name, [.. entryName, (byte)'/'], at);

            return;
        }

        TarEntry entry = Entry(status, entryName);
        if (!status.IsFolder && status.Links > 1 && !packed.TryAdd(status.Inode, entryName))
            output.Begin(entry with { Kind = TarKind.HardLink, LinkName = packed[status.Inode] });
        else if (entry.Kind == TarKind.SymbolicLink)
            output.Begin(entry with { LinkName = Paths.ReadLink(parent, name) });
        else if (entry.Kind == TarKind.File)
            PackFile(parent, name, entry);
        else
            output.Begin(entry);

        if (status.IsFolder)
            PackContent(parent, name, entry.Name, at);
    }

    private TarEntry Entry(in FileStatus status, byte[] entryName) => rules is null ? EntryOf(status, entryName) : EntryOf(status, entryName) with { Uid = 0, Gid = 0 };

    private static TarEntry EntryOf(in FileStatus status, byte[] entryName) => new()
    {
        Name = status.IsFolder && entryName is not [.., (byte)'/'] ? [.. entryName, (byte)'/'] : entryName,
        Kind = Kind(status.Type),
        Mode = status.Mode & 0xFFF,
        Uid = status.Uid,
        Gid = status.Gid,
        Seconds = status.MtimeSeconds,
        DeviceMajor = status.Type is FileTypes.S_IFCHR or FileTypes.S_IFBLK ? status.DeviceMajor : 0,
        DeviceMinor = status.Type is FileTypes.S_IFCHR or FileTypes.S_IFBLK ? status.DeviceMinor : 0,
    };

    private static TarEntry WithContent(TarEntry entry, long size, byte[]? capability) => entry with
    {
        Size = size,
        Attributes = capability is null ? [] : [new KeyValuePair<string, byte[]>(Capability, capability)],
    };

    private void PackContent(FileDescriptor parent, byte[] name, byte[] entryName, IgnoreFolder? at)
    {
        using FileDescriptor folder = Open(parent, name, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW, entryName);
        var names = new List<byte[]>();
        IReadOnlyList<FolderEntry> some;
        while ((some = FolderReader.ReadSome(folder)).Count > 0)
            names.AddRange(some.Select(entry => entry.Name));

        names.Sort((left, right) => left.AsSpan().SequenceCompareTo(right));
        foreach (byte[] child in names)
            PackOne(folder, child, [.. entryName, .. child], at?.Enter(Encoding.UTF8.GetString(child)));
    }

    // Errors name the whole path.
    private static FileDescriptor Open(FileDescriptor parent, byte[] name, ulong flags, byte[] entryName)
    {
        try
        {
            return Paths.Open(parent, name, flags);
        }
        catch (LinuxException exception)
        {
            throw new LinuxException(exception.Errno, exception.Call, entryName.Length == 0 ? exception.Subject : Encoding.UTF8.GetString(entryName));
        }
    }

    private void PackFile(FileDescriptor parent, byte[] name, TarEntry entry)
    {
        // Not blocking, should a fifo have taken the file's place.
        using FileDescriptor file = Open(parent, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK, entry.Name);
        TarEntry full = measured?.Entry ?? WithContent(entry, FileStatusCalls.Stat(file).Size, ReadCapability(parent, name));
        output.Begin(full);
        long left = full.Size;
        while (left > 0)
        {
            Errno errno = DescriptorIo.TryRead(file.Number, buffer.AsSpan(0, (int)Math.Min(left, buffer.Length)), out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", Encoding.UTF8.GetString(entry.Name));

            if (count == 0)
                throw new TarException($"{Encoding.UTF8.GetString(entry.Name)} became shorter while it was read");

            output.Write(buffer.AsSpan(0, count));
            left -= count;
        }
    }

    /// <summary>A file as it was when its archive was announced.</summary>
    /// <param name="Entry">Its header, with the size.</param>
    /// <param name="ArchiveLength">Bytes of the whole archive.</param>
    internal sealed record MeasuredFile(TarEntry Entry, long ArchiveLength);

    private static byte[]? ReadCapability(FileDescriptor parent, byte[] name)
    {
        try
        {
            return ExtendedAttributes.Get(parent, name, Capability);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.EOPNOTSUPP)
        {
            return null; // a file system without attributes
        }
    }

    private static TarKind Kind(uint type) => type switch
    {
        FileTypes.S_IFDIR => TarKind.Folder,
        FileTypes.S_IFLNK => TarKind.SymbolicLink,
        FileTypes.S_IFCHR => TarKind.CharacterDevice,
        FileTypes.S_IFBLK => TarKind.BlockDevice,
        FileTypes.S_IFIFO => TarKind.Fifo,
        _ => TarKind.File,
    };
}
