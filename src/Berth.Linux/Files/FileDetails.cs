using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>All that statx(2) says of one file beyond <see cref="FileStatus"/>: what identifies it and what it occupies.</summary>
/// <param name="Status">Type, owner, size, times.</param>
/// <param name="Device">The file system that holds it (glibc's dev_t); with the inode number it identifies the file.</param>
/// <param name="AllocatedBytes">Bytes that it occupies on the disk; less than its size when it has holes.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FileDetails(FileStatus Status, ulong Device, long AllocatedBytes);

/// <summary>statx(2) with details; symbolic links as last part are never followed.</summary>
public static unsafe partial class FileDetailsCalls
{
    private const int AT_SYMLINK_NOFOLLOW = 0x100;
    private const int AT_EMPTY_PATH = 0x1000;
    private const uint STATX_BASIC_STATS = 0x7FF;
    private const int SectorSize = 512;

    /// <summary>The details of the open file.</summary>
    public static FileDetails Get(FileDescriptor file)
    {
        byte empty = 0;
        Statx status;
        return statx(file, &empty, AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 ? Map(status) : throw LinuxException.Last("statx");
    }

    /// <summary>The details of <paramref name="path"/>; false when there is no such file.</summary>
    [SkipLocalsInit]
    public static bool TryGet(FileDescriptor folder, ReadOnlySpan<byte> path, out FileDetails result)
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

    private static FileDetails Map(in Statx s) => new(
        new FileStatus(s.Mode, s.Uid, s.Gid, s.Links, s.Inode, (long)s.Size, s.MtimeSeconds, s.MtimeNanoseconds, s.RdevMajor, s.RdevMinor),
        FileTypes.Device(s.DevMajor, s.DevMinor),
        (long)s.Blocks * SectorSize);

    // struct statx of linux/stat.h: 256 bytes.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint Uid;
        [FieldOffset(24)] public uint Gid;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(48)] public ulong Blocks;
        [FieldOffset(112)] public long MtimeSeconds;
        [FieldOffset(120)] public uint MtimeNanoseconds;
        [FieldOffset(128)] public uint RdevMajor;
        [FieldOffset(132)] public uint RdevMinor;
        [FieldOffset(136)] public uint DevMajor;
        [FieldOffset(140)] public uint DevMinor;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int statx(FileDescriptor folder, byte* path, int flags, uint mask, Statx* status);
}
