using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>
/// A copy of a program in sealed anonymous memory (memfd_create(2)): nothing that runs from it, and no container that reaches
/// /proc/PID/exe of such a process, can change it or the file on disk.
/// </summary>
public static partial class SealedExecutable
{
    private const uint MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_EXEC = 0x10;
    private const int F_ADD_SEALS = 1033, F_SEAL_ALL = 0xF; // SEAL, SHRINK, GROW, WRITE

    /// <summary>Copies the file; the caller owns the descriptor.</summary>
    /// <exception cref="LinuxException">The file cannot be read, or the kernel has no memory files.</exception>
    public static FileDescriptor Copy(string path)
    {
        byte[] content = Pipes.PlainFile.ReadAll(path, 256 << 20);
        int fd = memfd_create("berth-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (fd < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINVAL)
            fd = memfd_create("berth-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING); // MFD_EXEC came with Linux 6.3
        if (fd < 0)
            throw LinuxException.Last("memfd_create");

        var memory = new FileDescriptor(fd);
        try
        {
            Pipes.PlainFile.WriteAt(memory, content, 0);
            return fcntl(fd, F_ADD_SEALS, F_SEAL_ALL) < 0 ? throw LinuxException.Last("fcntl", "F_ADD_SEALS") : memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, nint argument);
}
