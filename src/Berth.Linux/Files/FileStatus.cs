using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>File type bits of a mode (inode(7)) and device numbers as user space packs them (makedev(3)).</summary>
public static class FileTypes
{
    public const uint S_IFMT = 0xF000;
    public const uint S_IFSOCK = 0xC000;
    public const uint S_IFLNK = 0xA000;
    public const uint S_IFREG = 0x8000;
    public const uint S_IFBLK = 0x6000;
    public const uint S_IFDIR = 0x4000;
    public const uint S_IFCHR = 0x2000;
    public const uint S_IFIFO = 0x1000;

    /// <summary>glibc's dev_t of <paramref name="major"/> and <paramref name="minor"/>.</summary>
    public static ulong Device(uint major, uint minor) =>
        ((major & 0xFFFFF000UL) << 32) | ((major & 0xFFFUL) << 8) | ((minor & 0xFFFFFF00UL) << 12) | (minor & 0xFFUL);
}

/// <summary>What statx(2) says of one file. Mode holds type and permissions.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FileStatus(uint Mode, uint Uid, uint Gid, uint Links, ulong Inode, long Size, long MtimeSeconds, uint MtimeNanoseconds, uint DeviceMajor, uint DeviceMinor)
{
    /// <summary>The S_IFMT part of the mode.</summary>
    public uint Type => Mode & FileTypes.S_IFMT;

    /// <summary>Whether this is a folder.</summary>
    public bool IsFolder => Type == FileTypes.S_IFDIR;
}

/// <summary>statx(2); symbolic links as last part are never followed.</summary>
public static unsafe partial class FileStatusCalls
{
    private const int AT_SYMLINK_NOFOLLOW = 0x100;
    private const int AT_EMPTY_PATH = 0x1000;
    private const uint STATX_BASIC_STATS = 0x7FF;

    /// <summary>The status of the open file.</summary>
    public static FileStatus Stat(FileDescriptor file)
    {
        byte empty = 0;
        Statx status;
        return statx(file, &empty, AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 ? Map(status) : throw LinuxException.Last("statx");
    }

    /// <summary>The status of <paramref name="path"/>.</summary>
    /// <exception cref="LinuxException">ENOENT and the others of statx(2).</exception>
    public static FileStatus Stat(FileDescriptor folder, ReadOnlySpan<byte> path) =>
        TryStat(folder, path, out FileStatus status) ? status : throw new LinuxException(Errno.ENOENT, "statx", NativePath.Show(path));

    /// <summary>The status of <paramref name="path"/>; false when there is no such file.</summary>
    [SkipLocalsInit]
    public static bool TryStat(FileDescriptor folder, ReadOnlySpan<byte> path, out FileStatus result)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "statx");
        Statx status;
        if (statx(folder, buffer, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) == 0)
        {
            result = Map(status);
            return true;
        }

        result = default;
        return (Errno)Marshal.GetLastPInvokeError() == Errno.ENOENT ? false : throw LinuxException.Last("statx", NativePath.Show(path));
    }

    private static FileStatus Map(in Statx s) =>
        new(s.Mode, s.Uid, s.Gid, s.Links, s.Inode, (long)s.Size, s.MtimeSeconds, s.MtimeNanoseconds, s.RdevMajor, s.RdevMinor);

    // struct statx of linux/stat.h: 256 bytes.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct Statx
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint Uid;
        [FieldOffset(24)] public uint Gid;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(112)] public long MtimeSeconds;
        [FieldOffset(120)] public uint MtimeNanoseconds;
        [FieldOffset(128)] public uint RdevMajor;
        [FieldOffset(132)] public uint RdevMinor;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int statx(FileDescriptor folder, byte* path, int flags, uint mask, Statx* status);
}
