using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>One step as the walker reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PlanOp
{
    public const int Set = -1, Fail = -2;

    public nint A0, A1, A2, A3, A4, A5;
    public int Number, SkipOnSuccess, SkipOnError;
    public short Tolerated;
    public byte RegisterMask;
    public sbyte SaveTo;
}

/// <summary>The start of a plan's memory; also carries the failure back to the parent, which shares the memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PlanHeader
{
    public const int Registers = 64;

    public int Count, FailedOp, FailedErrno, ExitGroup, RtSigaction;
    public PlanOp* Ops;
    public byte* NoHandlers;
    public fixed long Register[Registers];
}

/// <summary>
/// Runs in the new process, which shares the parent's memory and borrows its runtime thread while the parent waits: no allocation, no exception,
/// no static constructor, nothing but system calls. These are ordinary P/Invokes (with the switch to preemptive mode), so a garbage collection
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
            if (op->Number >= 0)
            {
                int mask = op->RegisterMask;
                result = RawCalls.syscall(
                    op->Number,
                    (mask & 1) == 0 ? op->A0 : (nint)registers[op->A0],
                    (mask & 2) == 0 ? op->A1 : (nint)registers[op->A1],
                    (mask & 4) == 0 ? op->A2 : (nint)registers[op->A2],
                    (mask & 8) == 0 ? op->A3 : (nint)registers[op->A3],
                    (mask & 16) == 0 ? op->A4 : (nint)registers[op->A4],
                    (mask & 32) == 0 ? op->A5 : (nint)registers[op->A5]);
            }
            else if (op->Number == PlanOp.Set)
            {
                result = op->A0;
            }
            else
            {
                header->FailedErrno = (int)op->A0;
                header->FailedOp = i;
                return;
            }

            if (result != -1)
            {
                if (op->SaveTo >= 0)
                    registers[op->SaveTo] = result;
                i += op->SkipOnSuccess;
                continue;
            }

            int errno = *RawCalls.__errno_location();
            if (op->Tolerated != -1 && op->Tolerated != errno)
            {
                header->FailedErrno = errno;
                header->FailedOp = i;
                return;
            }

            i += op->SkipOnError;
        }
    }
}
