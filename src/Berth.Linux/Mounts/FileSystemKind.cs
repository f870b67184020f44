using System.Runtime.InteropServices;

namespace Berth.Linux.Mounts;

/// <summary>fstatfs(2) and statfs(2): which kind of file system a file is on.</summary>
public static unsafe partial class FileSystemKind
{
    public const long DEVPTS_SUPER_MAGIC = 0x1CD1, PROC_SUPER_MAGIC = 0x9FA0, TMPFS_MAGIC = 0x01021994, CGROUP_SUPER_MAGIC = 0x27E0EB, CGROUP2_SUPER_MAGIC = 0x63677270;

    /// <summary>The kind, as one of the *_MAGIC numbers of linux/magic.h.</summary>
    /// <exception cref="LinuxException">fstatfs failed.</exception>
    public static long Of(FileDescriptor file)
    {
        long* status = stackalloc long[15]; // struct statfs: 120 bytes, f_type first
        return fstatfs(file, status) == 0 ? status[0] : throw LinuxException.Last("fstatfs");
    }

    /// <summary>As the other, of an absolute path that the caller trusts, whose links are followed; null: there is nothing.</summary>
    /// <exception cref="LinuxException">statfs failed.</exception>
    public static long? TryOf(string path)
    {
        long* status = stackalloc long[15];
        if (statfs(path, status) == 0)
            return status[0];
        return (Errno)Marshal.GetLastPInvokeError() is Errno.ENOENT or Errno.ENOTDIR ? null : throw LinuxException.Last("statfs", path);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statfs(string path, long* status);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(FileDescriptor file, long* status);
}
