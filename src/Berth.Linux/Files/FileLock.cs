using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>flock(2): locks that belong to the open file and end with its last descriptor, thus also with a killed process.</summary>
public static partial class FileLock
{
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;
    private const int LOCK_UN = 8;

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

    /// <summary>Takes the exclusive lock, waiting for whoever has it.</summary>
    public static void Exclusive(FileDescriptor file)
    {
        while (flock(file, LOCK_EX) != 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
            {
                throw LinuxException.Last("flock");
            }
        }
    }

    /// <summary>
    /// Gives the lock up now. Closing alone would leave it to a child process that is between fork and exec and still has a copy of the descriptor.
    /// </summary>
    public static void Release(FileDescriptor file)
    {
        if (flock(file, LOCK_UN) != 0)
        {
            throw LinuxException.Last("flock(LOCK_UN)");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(FileDescriptor file, int operation);
}
