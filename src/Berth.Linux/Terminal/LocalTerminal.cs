using System.Runtime.InteropServices;

namespace Berth.Linux.Terminal;

/// <summary>The terminal behind one of this process's own standard descriptors (termios(3)).</summary>
public sealed unsafe partial class LocalTerminal
{
    // More than struct termios has on any Linux (60 bytes with glibc); only libc looks inside.
    private const int TermiosBytes = 256;
    private const int TCSADRAIN = 1;

    private readonly byte[] saved = new byte[TermiosBytes];
    private readonly int fd;
    private int raw;

    private LocalTerminal(int fd) => this.fd = fd;

    /// <summary>Whether <paramref name="fd"/> is a terminal.</summary>
    public static bool IsTerminal(int fd) => isatty(fd) == 1;

    /// <summary>
    /// Passes every byte and key through untouched (cfmakeraw) until <see cref="Restore"/>.
    /// </summary>
    /// <exception cref="LinuxException">ENOTTY when <paramref name="fd"/> is no terminal.</exception>
    public static LocalTerminal EnterRaw(int fd)
    {
        var terminal = new LocalTerminal(fd);
        byte* settings = stackalloc byte[TermiosBytes];
        if (tcgetattr(fd, settings) < 0)
            throw LinuxException.Last("tcgetattr", "descriptor " + fd);

        new Span<byte>(settings, TermiosBytes).CopyTo(terminal.saved);
        cfmakeraw(settings);
        terminal.raw = 1;
        Apply(fd, settings);
        return terminal;
    }

    /// <summary>Puts back what <see cref="EnterRaw"/> found. Idempotent; callable from any thread; a terminal that is gone is no error.</summary>
    public void Restore()
    {
        if (Interlocked.Exchange(ref raw, 0) == 0)
            return;

        fixed (byte* settings = saved)
        {
            try
            {
                Apply(fd, settings);
            }
            catch (LinuxException exception) when (exception.Errno is Errno.EIO or Errno.ENOTTY)
            {
                // Hung up: there is nothing left to restore.
            }
        }
    }

    private static void Apply(int fd, byte* settings)
    {
        while (tcsetattr(fd, TCSADRAIN, settings) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("tcsetattr", "descriptor " + fd);
        }
    }

    [LibraryImport("libc")]
    private static partial int isatty(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcgetattr(int fd, byte* settings);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(byte* settings);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcsetattr(int fd, int actions, byte* settings);
}
