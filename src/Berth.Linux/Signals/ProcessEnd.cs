using System.Runtime.InteropServices;

namespace Berth.Linux.Signals;

/// <summary>How a child process ended.</summary>
/// <param name="Code">The exit status 0-255, or the number of the signal that ended it.</param>
/// <param name="Signaled">Whether <paramref name="Code"/> is a signal.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ProcessEnd(int Code, bool Signaled)
{
    /// <summary>The status as shells and container engines show it: a signal is 128 plus its number.</summary>
    public int ShellCode => Signaled ? 128 + Code : Code;
}

/// <summary>waitid(2) and pidfd_send_signal(2) for own children and pinned processes.</summary>
public static unsafe partial class ChildProcess
{
    private const int P_PID = 1, P_PIDFD = 3, WNOHANG = 1, WEXITED = 4, CLD_EXITED = 1;
    private const nint SYS_pidfd_send_signal = 424; // the same on every architecture (asm-generic/unistd.h)

    /// <summary>Reaps the child behind a pidfd when it has ended; null while it runs.</summary>
    /// <exception cref="LinuxException">ECHILD: no child of ours, or reaped before.</exception>
    public static ProcessEnd? TryReap(FileDescriptor pidFd) => TryReap(P_PIDFD, pidFd.Number);

    /// <summary>Reaps a child by its id when it has ended; null while it runs.</summary>
    /// <exception cref="LinuxException">ECHILD: no child of ours, or reaped before.</exception>
    public static ProcessEnd? TryReap(int pid) => TryReap(P_PID, pid);

    /// <summary>Waits for the end of the child behind a pidfd and reaps it.</summary>
    /// <exception cref="LinuxException">ECHILD: no child of ours, or reaped before.</exception>
    public static ProcessEnd Reap(FileDescriptor pidFd) =>
        Reap(P_PIDFD, pidFd.Number, 0) ?? throw new InvalidOperationException("waitid(2) returned without a child, though it was to wait for one");

    /// <summary>The id of some child that has ended and was not reaped yet; 0 when there is none. It is left for the reaping.</summary>
    public static int PeekEnded() => PeekEnded(WNOHANG);

    /// <summary>As the other, but waits for one; 0 when there are no children at all.</summary>
    public static int WaitForEnded() => PeekEnded(0);

    private static int PeekEnded(int options)
    {
        const int P_ALL = 0, WNOWAIT = 0x1000000;
        int* info = stackalloc int[32];
        new Span<int>(info, 32).Clear();
        while (waitid(P_ALL, 0, info, WEXITED | WNOWAIT | options) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                return 0; // ECHILD: no children at all
        }

        return info[4];
    }

    /// <summary>Sends a signal to exactly the process behind the pidfd; false when it has ended.</summary>
    /// <exception cref="LinuxException">EINVAL: no such signal; EPERM.</exception>
    public static bool Signal(FileDescriptor pidFd, int signal)
    {
        if (syscall(SYS_pidfd_send_signal, pidFd.Number, signal, 0, 0) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == (int)Errno.ESRCH ? false : throw LinuxException.Last("pidfd_send_signal", $"signal {signal}");
    }

    /// <summary>Sends a signal to a child that only the caller reaps, so that its id cannot be another's; false when it has become a process that this one may not signal.</summary>
    /// <exception cref="LinuxException">EINVAL: no such signal.</exception>
    public static bool TrySignal(int pid, int signal)
    {
        if (kill(pid, signal) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == (int)Errno.EPERM ? false : throw LinuxException.Last("kill", $"{pid}");
    }

    private static ProcessEnd? TryReap(int kind, int id) => Reap(kind, id, WNOHANG);

    private static ProcessEnd? Reap(int kind, int id, int options)
    {
        // siginfo_t is 128 bytes; for SIGCHLD on 64-bit Linux: si_code at 8, si_pid at 16, si_status at 24.
        int* info = stackalloc int[32];
        new Span<int>(info, 32).Clear();
        while (waitid(kind, id, info, WEXITED | options) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("waitid", $"{id}");
        }

        int pid = info[4];
        return pid == 0 ? null : new ProcessEnd(info[6], info[2] != CLD_EXITED);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitid(int kind, int id, int* info, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c, nint d);
}
