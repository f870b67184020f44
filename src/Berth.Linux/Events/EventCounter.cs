using System.Runtime.InteropServices;
using Berth.Linux.Pipes;

namespace Berth.Linux.Events;

/// <summary>eventfd(2): a counter in the kernel, readable (for poll) while it is not zero.</summary>
public static partial class EventCounter
{
    private const int EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;

    /// <summary>A non-blocking counter at zero.</summary>
    /// <exception cref="LinuxException">eventfd failed.</exception>
    public static FileDescriptor Create()
    {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return fd < 0 ? throw LinuxException.Last("eventfd") : new FileDescriptor(fd);
    }

    /// <summary>Takes what was counted and sets the counter to zero; 0 when there is nothing.</summary>
    /// <exception cref="LinuxException">read failed.</exception>
    public static ulong Take(FileDescriptor counter)
    {
        Span<byte> count = stackalloc byte[sizeof(ulong)];
        Errno errno = DescriptorIo.TryRead(counter.Number, count, out _);
        return errno switch
        {
            Errno.None => MemoryMarshal.Read<ulong>(count),
            Errno.EAGAIN => 0,
            _ => throw new LinuxException(errno, "read", "eventfd"),
        };
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);
}
