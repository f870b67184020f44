using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Hints about where on the disk the content of folders goes (chattr(1), ioctl_iflags(2)).</summary>
public static unsafe partial class FolderPlacement
{
    private const nuint FS_IOC_GETFLAGS = 0x80086601;
    private const nuint FS_IOC_SETFLAGS = 0x40086602;
    private const long FS_TOPDIR_FL = 0x20000;

    /// <summary>
    /// Tells ext4 that folders made in <paramref name="folder"/> from now on have nothing to do with each other, so that each gets a part of the disk of its own.
    /// Where many trees come and go this matters: ext4 does not use an inode number again for some seconds after its file was deleted, and looks at all of those one by
    /// one for each new file in the same part. False where the file system has no such hint.
    /// </summary>
    /// <exception cref="LinuxException">Such as EPERM or EROFS.</exception>
    public static bool TrySpreadSubfolders(FileDescriptor folder)
    {
        // The kernel reads and writes an int, whatever the number says.
        long flags = 0;
        if (ioctl(folder, FS_IOC_GETFLAGS, &flags) != 0)
        {
            return IsUnknown() ? false : throw LinuxException.Last("ioctl(FS_IOC_GETFLAGS)");
        }

        if ((flags & FS_TOPDIR_FL) != 0)
        {
            return true;
        }

        flags |= FS_TOPDIR_FL;
        return ioctl(folder, FS_IOC_SETFLAGS, &flags) == 0 || (IsUnknown() ? false : throw LinuxException.Last("ioctl(FS_IOC_SETFLAGS)"));
    }

    private static bool IsUnknown() => (Errno)Marshal.GetLastPInvokeError() is Errno.ENOTTY or Errno.EOPNOTSUPP or Errno.EINVAL;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(FileDescriptor folder, nuint request, long* flags);
}
