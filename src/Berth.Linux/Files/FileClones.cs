using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Copies inside the kernel.</summary>
public static unsafe partial class FileClones
{
    private const nuint FICLONE = 0x40049409;
    private const nuint MaxCopy = 1 << 30;

    /// <summary>
    /// ioctl_ficlone(2): makes <paramref name="target"/> share all data blocks of <paramref name="source"/> until either is written. False where the file
    /// system cannot do that (EOPNOTSUPP, EXDEV, ENOTTY, EINVAL).
    /// </summary>
    public static bool TryClone(FileDescriptor source, FileDescriptor target)
    {
        if (ioctl(target, FICLONE, source) == 0)
        {
            return true;
        }

        return (Errno)Marshal.GetLastPInvokeError() is Errno.EOPNOTSUPP or Errno.EXDEV or Errno.ENOTTY or Errno.EINVAL
            ? false
            : throw LinuxException.Last("ioctl(FICLONE)");
    }

    /// <summary>
    /// copy_file_range(2) of <paramref name="length"/> bytes at <paramref name="offset"/>, the same in both files. Returns what was copied: less when the source ended
    /// there; -1 when the kernel cannot copy between these two and nothing was copied.
    /// </summary>
    public static long CopyRange(FileDescriptor source, FileDescriptor target, long offset, long length)
    {
        long done = 0;
        while (done < length)
        {
            long from = offset + done;
            long to = from;
            nint count = copy_file_range(source, &from, target, &to, (nuint)Math.Min(length - done, (long)MaxCopy), 0);
            if (count > 0)
            {
                done += count;
                continue;
            }

            if (count == 0)
            {
                break;
            }

            Errno error = (Errno)Marshal.GetLastPInvokeError();
            if (error == Errno.EINTR)
            {
                continue;
            }

            return done == 0 && error is Errno.EXDEV or Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EINVAL ? -1 : throw LinuxException.Last("copy_file_range");
        }

        return done;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(FileDescriptor target, nuint request, FileDescriptor source);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint copy_file_range(FileDescriptor source, long* sourceOffset, FileDescriptor target, long* targetOffset, nuint length, uint flags);
}
