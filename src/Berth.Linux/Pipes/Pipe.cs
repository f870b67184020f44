using System.Runtime.InteropServices;

namespace Berth.Linux.Pipes;

/// <summary>pipe(7): both ends close-on-exec and blocking.</summary>
public static unsafe partial class Pipe
{
    private const int O_CLOEXEC = 0x80000, F_SETPIPE_SZ = 1031;

    /// <summary>Makes a pipe; the caller owns both ends.</summary>
    /// <exception cref="LinuxException">pipe2 failed.</exception>
    public static (FileDescriptor Read, FileDescriptor Write) Create()
    {
        int* ends = stackalloc int[2];
        return pipe2(ends, O_CLOEXEC) < 0 ? throw LinuxException.Last("pipe2") : (new FileDescriptor(ends[0]), new FileDescriptor(ends[1]));
    }

    /// <summary>
    /// Asks for room for <paramref name="bytes"/> bytes. False when the kernel refuses (fs.pipe-max-size, pipe-user-pages-soft):
    /// the pipe then keeps its size, which costs speed and nothing else.
    /// </summary>
    public static bool TrySetCapacity(int fd, int bytes) => fcntl(fd, F_SETPIPE_SZ, bytes) >= 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, nint argument);
}
