namespace Berth.Linux.Terminal;

public sealed unsafe partial class LocalTerminal
{
    // struct termios on Linux begins with four 32-bit words: input, output, control and local modes (asm-generic/termbits.h).
    private const int LocalModes = 3;
    private const uint ECHO = 8;

    /// <summary>Shows nothing of what is typed until <see cref="Restore"/>, for secrets; lines and the keys of signals go on as before.</summary>
    /// <exception cref="LinuxException">ENOTTY when <paramref name="fd"/> is no terminal.</exception>
    public static LocalTerminal EnterSilent(int fd)
    {
        var terminal = new LocalTerminal(fd);
        uint* settings = stackalloc uint[TermiosBytes / sizeof(uint)];
        if (tcgetattr(fd, (byte*)settings) < 0)
            throw LinuxException.Last("tcgetattr", "descriptor " + fd);

        new Span<byte>(settings, TermiosBytes).CopyTo(terminal.saved);
        settings[LocalModes] &= ~ECHO;
        terminal.raw = 1;
        Apply(fd, (byte*)settings);
        return terminal;
    }
}
