using Berth.Linux.Pipes;
using Berth.Linux.Sockets;

namespace Berth.Linux.Processes;

/// <summary>
/// Where a process that walks a plan and its parent meet: at each point the process tells a number, and waits until the parent lets it go on. A
/// parent that has ended ends the process there. Belongs to one plan; not safe for concurrent use.
/// </summary>
public sealed class PlanHandshake : IDisposable
{
    private readonly SyscallPlan plan;
    private readonly FileDescriptor parentEnd;
    private readonly FileDescriptor childEnd;
    private readonly nint buffer;
    private readonly PlanRegister count;

    /// <summary>Adds the first step, which the process's end needs: closing the parent's.</summary>
    /// <param name="plan">The plan, for a concurrent process.</param>
    /// <param name="least">The process's descriptor gets this number or a higher one.</param>
    /// <exception cref="LinuxException">No more descriptors.</exception>
    public PlanHandshake(SyscallPlan plan, int least)
    {
        this.plan = plan;
        buffer = plan.Reserve(1);
        count = plan.NewRegister();
        (parentEnd, FileDescriptor end) = UnixSocket.CreatePair();
        using (end)
            childEnd = DescriptorIo.Duplicate(end.Number, least);
        plan.Call("close", SyscallNumbers.Current.Close, parentEnd.Number);
    }

    /// <summary>The process's end, which has to stay open in it up to the last point. It is close-on-exec.</summary>
    public int ChildDescriptor => childEnd.Number;

    internal FileDescriptor ParentEnd => parentEnd;

    /// <summary>Adds a point. It uses read(2) and write(2) alone, so that it can stand under a seccomp filter.</summary>
    /// <param name="step">Its name, for the case that the parent is gone.</param>
    /// <param name="point">1 to 255.</param>
    public void AddPoint(string step, byte point)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        plan.Call(step, calls.Write, childEnd.Number, plan.Bytes([point]), 1);
        plan.Call(step, calls.Read, childEnd.Number, buffer, 1).SaveTo(count);
        plan.Test(step, count, 1, Errno.EPIPE);
    }

    internal void CloseChildEnd() => childEnd.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        parentEnd.Dispose();
        childEnd.Dispose();
    }
}
