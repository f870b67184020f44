using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>flock(2): locks that belong to the open file and end with its last descriptor, thus also with a killed process.</summary>
public static partial class FileLock
{
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;

    // EWOULDBLOCK is EAGAIN on Linux.

    /// <summary>Takes the exclusive lock without waiting; false when another open file has it.</summary>
    public static bool TryExclusive(FileDescriptor file)
    {
        while (flock(file, LOCK_EX | LOCK_NB) != 0)
        {
            Errno error = (Errno)Marshal.GetLastPInvokeError();
            if (error == Errno.EAGAIN)
            {
                return false;
            }

            if (error != Errno.EINTR)
            {
                throw new LinuxException(error, "flock");
            }
        }

        return true;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(FileDescriptor file, int operation);
}
