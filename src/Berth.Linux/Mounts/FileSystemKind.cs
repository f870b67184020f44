using System.Runtime.InteropServices;

namespace Berth.Linux.Mounts;

/// <summary>fstatfs(2): which kind of file system a file is on.</summary>
public static unsafe partial class FileSystemKind
{
    public const long DEVPTS_SUPER_MAGIC = 0x1CD1, PROC_SUPER_MAGIC = 0x9FA0, TMPFS_MAGIC = 0x01021994;

    /// <summary>The kind, as one of the *_MAGIC numbers of linux/magic.h.</summary>
    /// <exception cref="LinuxException">fstatfs failed.</exception>
    public static long Of(FileDescriptor file)
    {
        long* status = stackalloc long[15]; // struct statfs: 120 bytes, f_type first
        return fstatfs(file, status) == 0 ? status[0] : throw LinuxException.Last("fstatfs");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(FileDescriptor file, long* status);
}
