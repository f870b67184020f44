using System.Runtime.InteropServices;

namespace Berth.Linux.Terminal;

/// <summary>A terminal's size in characters, as TIOCGWINSZ and TIOCSWINSZ have it (ioctl_tty(2)).</summary>
[StructLayout(LayoutKind.Auto)]
public readonly unsafe partial record struct WindowSize(ushort Rows, ushort Columns)
{
    private const nuint TIOCGWINSZ = 0x5413, TIOCSWINSZ = 0x5414;

    /// <summary>The size of the terminal behind a descriptor (either end of a pty).</summary>
    /// <exception cref="LinuxException">ENOTTY and others.</exception>
    public static WindowSize Of(int fd)
    {
        ushort* size = stackalloc ushort[4];
        return ioctl(fd, TIOCGWINSZ, size) < 0
            ? throw LinuxException.Last("ioctl", "TIOCGWINSZ")
            : new WindowSize(size[0], size[1]);
    }

    /// <summary>Sets this size; the foreground process group gets SIGWINCH when it differs from the present one.</summary>
    /// <exception cref="LinuxException">ENOTTY and others.</exception>
    public void ApplyTo(int fd)
    {
        ushort* size = stackalloc ushort[4] { Rows, Columns, 0, 0 };
        if (ioctl(fd, TIOCSWINSZ, size) < 0)
            throw LinuxException.Last("ioctl", "TIOCSWINSZ");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, ushort* size);
}
