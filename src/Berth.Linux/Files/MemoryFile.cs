using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Files in memory that have no path (memfd_create(2)).</summary>
public static partial class MemoryFile
{
    private const uint MFD_CLOEXEC = 1;

    /// <summary>An empty one.</summary>
    /// <param name="name">Shown in /proc/PID/fd alone.</param>
    /// <exception cref="LinuxException">No memory, or no more descriptors.</exception>
    public static FileDescriptor Create(string name)
    {
        int fd = memfd_create(name, MFD_CLOEXEC);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("memfd_create", name);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);
}
