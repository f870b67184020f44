using System.Runtime.InteropServices;

namespace Berth.Linux.Signals;

/// <summary>What a process does with a signal, signal(2).</summary>
public static partial class SignalDisposition
{
    private const nint SIG_ERR = -1, SIG_DFL = 0, SIG_IGN = 1;

    /// <summary>Ignores a signal in this process; children keep that over execve unless they reset it.</summary>
    /// <exception cref="LinuxException">The number is no signal, or one that cannot be ignored.</exception>
    public static void Ignore(int number)
    {
        if (signal(number, SIG_IGN) == SIG_ERR)
            throw LinuxException.Last("signal", $"{number}");
    }

    /// <summary>Lets children that end wait to be reaped, also where the program that started this one has SIGCHLD ignored, which execve hands on (waitpid(2)).</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void KeepEndedChildren()
    {
        const int SIGCHLD = 17;
        if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
            throw LinuxException.Last("signal", "SIGCHLD");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint signal(int number, nint handler);
}
