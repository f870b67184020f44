using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Where a sparse file has data: lseek(2) with SEEK_DATA and SEEK_HOLE. Moves the file's position.</summary>
public static partial class FileHoles
{
    private const int SEEK_DATA = 3, SEEK_HOLE = 4;

    /// <summary>The next stretch of data at or after <paramref name="offset"/>; false when only a hole follows. Where the file system knows no holes, all is data.</summary>
    /// <param name="file">An open regular file.</param>
    /// <param name="offset">In bytes.</param>
    /// <param name="start">Where the data begins.</param>
    /// <param name="end">Where the next hole, or the file's end, begins.</param>
    /// <exception cref="LinuxException">As the kernel gives it.</exception>
    public static bool TryNextData(FileDescriptor file, long offset, out long start, out long end)
    {
        end = offset;
        start = lseek(file, offset, SEEK_DATA);
        if (start < 0)
        {
            return (Errno)Marshal.GetLastPInvokeError() == Errno.ENXIO ? false : throw LinuxException.Last("lseek(SEEK_DATA)");
        }

        end = lseek(file, start, SEEK_HOLE);
        return end >= 0 ? true : throw LinuxException.Last("lseek(SEEK_HOLE)");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(FileDescriptor file, long offset, int whence);
}
