using System.Runtime.InteropServices;
using Berth.Linux.Files;

namespace Berth.Linux.Terminal;

/// <summary>Both ends of a pseudo terminal of one devpts instance (pts(4)), and its number there: the slave's name is <c>pts/INDEX</c>.</summary>
public sealed record PseudoTerminal(FileDescriptor Master, FileDescriptor Slave, int Index) : IDisposable
{
    /// <summary>Makes one from an open ptmx; on success the result owns <paramref name="master"/>.</summary>
    /// <exception cref="LinuxException">Not a ptmx, or no terminal is free.</exception>
    public static PseudoTerminal Open(FileDescriptor master)
    {
        int index = PtyCalls.Index(master);
        PtyCalls.Unlock(master);
        return new PseudoTerminal(master, PtyCalls.OpenPeer(master), index);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Master.Dispose();
        Slave.Dispose();
    }
}

internal static unsafe partial class PtyCalls
{
    private const nuint TIOCGPTN = 0x80045430, TIOCSPTLCK = 0x40045431, TIOCGPTPEER = 0x5441;

    public static int Index(FileDescriptor master)
    {
        int index;
        return ioctl(master, TIOCGPTN, &index) == 0 ? index : throw LinuxException.Last("ioctl", "TIOCGPTN");
    }

    public static void Unlock(FileDescriptor master)
    {
        int unlocked = 0;
        if (ioctl(master, TIOCSPTLCK, &unlocked) != 0)
            throw LinuxException.Last("ioctl", "TIOCSPTLCK");
    }

    public static FileDescriptor OpenPeer(FileDescriptor master)
    {
        int fd = ioctl(master, TIOCGPTPEER, (int*)(nuint)(OpenFlags.O_RDWR | OpenFlags.O_NOCTTY | OpenFlags.O_CLOEXEC));
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("ioctl", "TIOCGPTPEER");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(FileDescriptor fd, nuint request, int* argument);
}
