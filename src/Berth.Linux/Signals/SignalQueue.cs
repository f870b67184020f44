using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Signals;

/// <summary>
/// Signals taken one after another instead of being delivered, sigtimedwait(2). All threads must have them blocked: only a program that began with all blocked can
/// be sure of that, as a runtime has threads before its first line.
/// </summary>
public static unsafe partial class SignalQueue
{
    private const int SIG_SETMASK = 2, SI_TKILL = -6;

    /// <summary>Whether this thread has the signals blocked that other processes send; a runtime may have unblocked some of its own meanwhile.</summary>
    public static bool IsBlocked
    {
        get
        {
            const int SIGHUP = 1, SIGINT = 2, SIGTERM = 15, SIGCHLD = 17;
            const ulong wanted = (1UL << (SIGHUP - 1)) | (1UL << (SIGINT - 1)) | (1UL << (SIGTERM - 1)) | (1UL << (SIGCHLD - 1));
            ulong mask = 0;
            _ = syscall(SyscallNumbers.Current.RtSigprocmask, SIG_SETMASK, 0, (nint)(&mask), 8);
            return (mask & wanted) == wanted;
        }
    }

    /// <summary>Waits for the next signal and takes it.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static TakenSignal Take()
    {
        ulong all = ulong.MaxValue;
        int* info = stackalloc int[32]; // siginfo_t: 128 bytes; si_code at 8, si_pid at 16
        while (true)
        {
            new Span<int>(info, 32).Clear();
            nint signal = syscall(RtSigtimedwait, (nint)(&all), (nint)info, 0, 8);
            if (signal > 0)
                return new TakenSignal((int)signal, info[2] == SI_TKILL && info[4] == Environment.ProcessId);
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("rt_sigtimedwait");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c, nint d);

    // asm-generic/unistd.h has it at 137, x86-64 at 128.
    private static int RtSigtimedwait => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 128 : 137;
}

/// <summary>A signal that came.</summary>
/// <param name="Number">Which.</param>
/// <param name="IsOwn">Whether a thread of this process sent it.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TakenSignal(int Number, bool IsOwn);
