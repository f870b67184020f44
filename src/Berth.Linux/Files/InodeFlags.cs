using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>The inode flags of chattr(1), FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (ioctl_iflags(2)).</summary>
public static unsafe partial class InodeFlags
{
    private const nuint FS_IOC_GETFLAGS = 0x80086601;
    private const nuint FS_IOC_SETFLAGS = 0x40086602;
    private const int FS_IMMUTABLE_FL = 0x10;
    private const int FS_APPEND_FL = 0x20;

    /// <summary>Clears immutable and append-only, which forbid deletion even to root. Returns whether either was set.</summary>
    /// <exception cref="LinuxException">Such as ENOTTY where the file system has no flags, EPERM without CAP_LINUX_IMMUTABLE.</exception>
    public static bool ClearImmutable(FileDescriptor file)
    {
        // The kernel reads and writes an int, whatever the number says.
        long flags = 0;
        if (ioctl(file, FS_IOC_GETFLAGS, &flags) != 0)
        {
            throw LinuxException.Last("ioctl(FS_IOC_GETFLAGS)");
        }

        if ((flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) == 0)
        {
            return false;
        }

        flags &= ~(long)(FS_IMMUTABLE_FL | FS_APPEND_FL);
        return ioctl(file, FS_IOC_SETFLAGS, &flags) == 0 ? true : throw LinuxException.Last("ioctl(FS_IOC_SETFLAGS)");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(FileDescriptor file, nuint request, long* flags);
}
