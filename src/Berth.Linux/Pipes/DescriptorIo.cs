using System.Runtime.InteropServices;

namespace Berth.Linux.Pipes;

/// <summary>read(2), write(2) and the flags of descriptors that an event loop handles by number.</summary>
public static unsafe partial class DescriptorIo
{
    private const int F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, F_DUPFD_CLOEXEC = 1030, FD_CLOEXEC = 1;
    private const int O_NONBLOCK = 0x800;

    /// <summary>Reads what is there. <see cref="Errno.None"/> with 0 bytes is the end; <see cref="Errno.EAGAIN"/> means nothing yet.</summary>
    public static Errno TryRead(int fd, Span<byte> buffer, out int count)
    {
        fixed (byte* pointer = buffer)
        {
            Errno errno;
            while (IsInterrupted(read(fd, pointer, (nuint)buffer.Length), out count, out errno))
            {
            }

            return errno;
        }
    }

    /// <summary>Writes what fits; <see cref="Errno.EAGAIN"/> means nothing did. SIGPIPE must be ignored for EPIPE to come back.</summary>
    public static Errno TryWrite(int fd, ReadOnlySpan<byte> data, out int count)
    {
        fixed (byte* pointer = data)
        {
            Errno errno;
            while (IsInterrupted(write(fd, pointer, (nuint)data.Length), out count, out errno))
            {
            }

            return errno;
        }
    }

    /// <summary>Makes reads and writes of the open file description return EAGAIN instead of blocking.</summary>
    /// <exception cref="LinuxException">fcntl failed.</exception>
    public static void SetNonBlocking(int fd)
    {
        int flags = fcntl(fd, F_GETFL, 0);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
            throw LinuxException.Last("fcntl", $"descriptor {fd}");
    }

    /// <summary>Whether a descriptor survives execve(2); null when it is not open.</summary>
    public static bool? IsInheritable(int fd)
    {
        const int F_GETFD = 1;
        int flags = fcntl(fd, F_GETFD, 0);
        return flags < 0 ? null : (flags & FD_CLOEXEC) == 0;
    }

    /// <summary>Makes an inherited descriptor close-on-exec.</summary>
    /// <exception cref="LinuxException">fcntl failed.</exception>
    public static void SetCloseOnExec(int fd)
    {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            throw LinuxException.Last("fcntl", $"descriptor {fd}");
    }

    /// <summary>A second descriptor of the same open file description, numbered <paramref name="least"/> or higher.</summary>
    /// <exception cref="LinuxException">fcntl failed.</exception>
    public static FileDescriptor Duplicate(int fd, int least = 0)
    {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
        return copy < 0 ? throw LinuxException.Last("fcntl", $"descriptor {fd}") : new FileDescriptor(copy);
    }

    /// <summary>
    /// What became of a call that moves bytes, from its result and errno: how many, or why none. True when a signal came before the first byte: the call
    /// is to be made again.
    /// </summary>
    internal static bool IsInterrupted(nint result, out int count, out Errno errno)
    {
        count = (int)Math.Max(result, 0);
        errno = result < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None;
        return errno == Errno.EINTR;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte* data, nuint count);

    // Variadic in C; its third argument is passed as an ordinary one on the System V and AAPCS64 Linux ABIs.
    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, nint argument);
}
