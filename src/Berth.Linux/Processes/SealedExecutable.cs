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
        return Make(Pipes.PlainFile.ReadAll(path, 256 << 20));
    }

    /// <summary>A sealed file of no bytes; executing it is ENOEXEC.</summary>
    /// <exception cref="LinuxException">The kernel has no memory files.</exception>
    public static FileDescriptor Empty() => Make([]);

    /// <summary>
    /// Executes a sealed copy of this program in its place, with the same arguments, environment and inherited descriptors. Returns only by the exception.
    /// </summary>
    /// <exception cref="LinuxException">It cannot be copied or executed.</exception>
    public static unsafe LinuxException RestartFrom(string path)
    {
        using FileDescriptor copy = Copy(path);
        byte[] arguments = ProcFile("/proc/self/cmdline"), environment = ProcFile("/proc/self/environ");
        fixed (byte* words = arguments, variables = environment)
        {
            byte*[] argv = Split(words, arguments.Length), envp = Split(variables, environment.Length);
            fixed (byte** first = argv, second = envp)
                _ = fexecve(copy.Number, first, second);
        }

        return LinuxException.Last("fexecve", path);
    }

    private static byte[] ProcFile(string path)
    {
        using var memory = new MemoryStream();
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        file.CopyTo(memory);
        return memory.ToArray();
    }

    // Zero-ended strings behind one another; the table ends with a null.
    private static unsafe byte*[] Split(byte* text, int length)
    {
        int count = new ReadOnlySpan<byte>(text, length).Count((byte)0);
        var table = new byte*[count + 1];
        byte* next = text;
        for (int i = 0; i < count; i++)
        {
            table[i] = next;
            next += new ReadOnlySpan<byte>(next, (int)(text + length - next)).IndexOf((byte)0) + 1;
        }

        return table;
    }

    private static FileDescriptor Make(ReadOnlySpan<byte> content)
    {
        int fd = memfd_create("berth-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (fd < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINVAL)
            fd = memfd_create("berth-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING); // MFD_EXEC came with Linux 6.3
        if (fd < 0)
            throw LinuxException.Last("memfd_create");

        var memory = new FileDescriptor(fd);
        try
        {
            Pipes.PlainFile.WriteAt(memory, content, 0);
            Seal(fd);
            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    // EBUSY: somebody in the kernel looks at a page just now (compaction, writeback), which could be somebody who writes to it.
    private static void Seal(int fd)
    {
        const int Attempts = 50, Pause = 10; // milliseconds
        for (int attempt = 1; fcntl(fd, F_ADD_SEALS, F_SEAL_ALL) < 0; attempt++)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EBUSY || attempt == Attempts)
                throw LinuxException.Last("fcntl", "F_ADD_SEALS");
            Thread.Sleep(Pause);
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int fexecve(int fd, byte** arguments, byte** environment);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, nint argument);
}
