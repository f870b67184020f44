using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Signals;

/// <summary>
/// Hands the signals that come to this process on to another one, from within their handler: without the thread that PosixSignalRegistration starts, which costs a
/// short-lived program half a millisecond. For one process, once, in programs compiled ahead of time: the calling thread has the signals blocked from then on, so that they come
/// to the runtime's own thread, which sleeps in the kernel, or to one that was started before. Managed code must not be interrupted by a handler: the program collects no memory meanwhile, as
/// finalizers would run on that thread; a signal in the microseconds before it sleeps for the first time ends the program.
/// </summary>
public static unsafe partial class SignalForwarding
{
    private const int SIG_BLOCK = 0, SA_RESTART = 0x10000000;
    private const int None = -1, Over = -2;
    private const nint SYS_pidfd_send_signal = 424; // the same on every architecture (asm-generic/unistd.h)

    private static int target = None;
    private static ulong early; // bit n - 1: signal n came while there was none

    /// <summary>From now on the signals do not end this process; they are kept for the one that is to come.</summary>
    /// <param name="signals">Numbers, 1 to 64.</param>
    /// <exception cref="LinuxException">One of them cannot be had.</exception>
    public static void Begin(ReadOnlySpan<int> signals)
    {
        ulong mask = 0;
        foreach (int signal in signals)
            mask |= 1UL << (signal - 1);
        _ = RawCalls.syscall(SyscallNumbers.Current.RtSigprocmask, SIG_BLOCK, (nint)(&mask), 0, 8, 0, 0);
        var action = new SignalAction { Handler = &OnSignal, Flags = SA_RESTART };
        action.Mask[0] = mask; // one at a time
        foreach (int signal in signals)
        {
            if (sigaction(signal, &action, null) != 0)
                throw LinuxException.Last("sigaction", $"signal {signal}");
        }
    }

    /// <summary>Whom they are for. It gets what has come already; what it cannot be sent, as it has become another user's, is dropped.</summary>
    /// <param name="pidFd">Stays open until <see cref="End"/>.</param>
    public static void SetTarget(FileDescriptor pidFd)
    {
        Volatile.Write(ref target, pidFd.Number);
        SendEarly(pidFd.Number);
    }

    /// <summary>What comes from now on is dropped.</summary>
    public static void End() => Volatile.Write(ref target, Over);

    [UnmanagedCallersOnly]
    private static void OnSignal(int number)
    {
        int error = Marshal.GetLastSystemError();
        int to = Volatile.Read(ref target);
        if (to >= 0)
        {
            Send(to, number);
        }
        else if (to == None)
        {
            _ = Interlocked.Or(ref early, 1UL << (number - 1));
            to = Volatile.Read(ref target);
            if (to >= 0)
                SendEarly(to); // it was set in between, and may have been given what had come before
        }

        Marshal.SetLastSystemError(error);
    }

    private static void SendEarly(int to)
    {
        for (ulong left = Interlocked.Exchange(ref early, 0); left != 0; left &= left - 1)
            Send(to, System.Numerics.BitOperations.TrailingZeroCount(left) + 1);
    }

    private static void Send(int to, int number) => _ = RawCalls.syscall((int)SYS_pidfd_send_signal, to, number, 0, 0, 0, 0);

    // struct sigaction of the C library (not the kernel's)
    [StructLayout(LayoutKind.Sequential)]
    private struct SignalAction
    {
        public delegate* unmanaged<int, void> Handler;
        public SignalSet Mask;
        public int Flags;
        public nint Restorer;
    }

    [InlineArray(16)]
    private struct SignalSet
    {
        private ulong first;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sigaction(int number, SignalAction* action, SignalAction* before);
}
