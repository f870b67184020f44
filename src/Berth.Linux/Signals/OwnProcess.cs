using System.Runtime.InteropServices;

namespace Berth.Linux.Signals;

/// <summary>kill(2) on the calling process.</summary>
public static partial class OwnProcess
{
    private const int SIGKILL = 9;

    /// <summary>Ends the process at once, as the kernel would for want of memory: nothing is flushed, nothing unwound, and this does not return.</summary>
    /// <exception cref="LinuxException">The kernel refused, which it does not for one's own process.</exception>
    public static void Kill()
    {
        if (kill(Environment.ProcessId, SIGKILL) != 0)
        {
            throw LinuxException.Last("kill", "the own process");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
