using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>The raw system call and the memory that plans live in.</summary>
internal static unsafe partial class RawCalls
{
    private const int PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000;

    /// <summary>Zeroed memory; with <paramref name="shared"/>, children see what this process writes to it, and the other way round.</summary>
    public static nint MapMemory(int size, bool shared)
    {
        nint address = mmap(0, (nuint)size, PROT_READ_WRITE, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return address == -1 ? throw LinuxException.Last("mmap", $"{size} bytes") : address;
    }

    /// <summary>Puts zeroed private memory in the place of a part of memory that is shared.</summary>
    public static void MakePrivate(nint address, int size)
    {
        if (mmap(address, (nuint)size, PROT_READ_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == -1)
            throw LinuxException.Last("mmap", $"{size} bytes");
    }

    /// <summary>Gives it back.</summary>
    public static void UnmapMemory(nint address, int size)
    {
        if (munmap(address, (nuint)size) != 0)
            throw LinuxException.Last("munmap");
    }

    /// <summary>syscall(2); -1 and errno for errors. No SetLastError: the walker must not touch runtime state.</summary>
    [LibraryImport("libc")]
    internal static partial nint syscall(nint number, nint a0, nint a1, nint a2, nint a3, nint a4, nint a5);

    /// <summary>The address of the thread's errno.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    internal static partial int* __errno_location();

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);
}
