using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>One step as the walker reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PlanOp
{
    public const int Set = -1, Fail = -2, Load = -3, Test = -4, Fork = -5;

    public nint A0, A1, A2, A3, A4, A5;
    public int Number, SkipOnSuccess, SkipOnError;
    public short Tolerated;
    public byte RegisterMask;
    public sbyte SaveTo;
    public int Retries;
}

/// <summary>The start of a plan's memory; also carries the failure back to the parent, which shares the memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PlanHeader
{
    public const int Registers = 64, Walking = 1, Forked = 2;

    public int Count, FailedOp, FailedErrno, ExitGroup, RtSigaction, Clone;

    // Walking once the child walks, Forked once the one that it forks does. A copy of the caller that was made while the caller's memory was being collected never gets there: the collection
    // that it would wait for ends in the caller only.
    public int Entered;
    public PlanOp* Ops;
    public byte* NoHandlers;
    public fixed long Register[Registers];
}

/// <summary>
/// Runs in the new process, which shares the parent's memory and borrows its runtime thread while the parent waits (or is a copy of the parent with
/// that thread alone): no allocation, no exception, no static constructor, nothing but system calls. These are ordinary P/Invokes (with the switch to preemptive mode), so a garbage collection
/// on another thread of the parent never waits for a call of this one.
/// </summary>
internal static unsafe class PlanWalker
{
    /// <summary>The function that clone(2) starts.</summary>
    [UnmanagedCallersOnly]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Child(void* plan)
    {
        var header = (PlanHeader*)plan;
        _ = RawCalls.syscall(header->RtSigaction, 1, (nint)header->NoHandlers, 0, 8, 0, 0); // would wait for a collection, see Entered
        Volatile.Write(ref header->Entered, PlanHeader.Walking);

        // .NET ignores SIGPIPE and handles others; execve keeps what is ignored. Not all of 1..64 can be set (SIGKILL, SIGSTOP): no matter.
        for (int signal = 1; signal <= 64; signal++)
            _ = RawCalls.syscall(header->RtSigaction, signal, (nint)header->NoHandlers, 0, 8, 0, 0);
        Walk(header);
        _ = RawCalls.syscall(header->ExitGroup, 127, 0, 0, 0, 0, 0);
        return 127;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Walk(PlanHeader* header)
    {
        long* registers = header->Register;
        for (int i = 0; i < header->Count; i++)
        {
            PlanOp* op = header->Ops + i;
            nint result;
            int errno = 0;
            switch (op->Number)
            {
                case PlanOp.Set:
                    result = op->A0;
                    break;
                case PlanOp.Load:
                    registers[op->SaveTo] = *(int*)op->A0;
                    continue;
                case PlanOp.Test:
                    errno = (int)op->A2;
                    result = registers[op->A0] == op->A1 ? 0 : -1;
                    break;
                case PlanOp.Fail:
                    errno = (int)op->A0;
                    result = -1;
                    break;
                case PlanOp.Fork:
                    result = RawCalls.syscall(header->Clone, op->A0, 0, 0, 0, 0, 0);
                    if (result != 0)
                        break;
                    Volatile.Write(ref header->Entered, PlanHeader.Forked);
                    continue; // the new process goes on here; it shares the registers, so it leaves them alone
                default:
                    result = Call(op, registers);
                    break;
            }

            if (result != -1)
            {
                if (op->SaveTo >= 0)
                    registers[op->SaveTo] = result;
                i += op->SkipOnSuccess;
                continue;
            }

            if (errno == 0)
                errno = *RawCalls.__errno_location();
            if (errno == (int)Errno.EAGAIN && op->Retries > 0)
            {
                op->Retries--;
                i--;
                continue;
            }

            if (op->Tolerated != -1 && op->Tolerated != errno)
            {
                header->FailedErrno = errno;
                header->FailedOp = i;
                return;
            }

            i += op->SkipOnError;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Call(PlanOp* op, long* registers)
    {
        int mask = op->RegisterMask;
        return RawCalls.syscall(
            op->Number,
            (mask & 1) == 0 ? op->A0 : (nint)registers[op->A0],
            (mask & 2) == 0 ? op->A1 : (nint)registers[op->A1],
            (mask & 4) == 0 ? op->A2 : (nint)registers[op->A2],
            (mask & 8) == 0 ? op->A3 : (nint)registers[op->A3],
            (mask & 16) == 0 ? op->A4 : (nint)registers[op->A4],
            (mask & 32) == 0 ? op->A5 : (nint)registers[op->A5]);
    }
}
