using System.Runtime.InteropServices;
using Berth.Linux.Pipes;
using Berth.Linux.Signals;

namespace Berth.Linux.Processes;

/// <summary>A process ended while it walked its plan, without a failed step: it was killed.</summary>
public sealed class PlanInterruptedException : IOException
{
    /// <param name="end">How.</param>
    public PlanInterruptedException(ProcessEnd? end)
        : base(end is { } how ? $"the new process ended before its program was started: {(how.Signaled ? $"killed by signal {how.Code}" : $"exit status {how.Code}")}"
            : "the new process ended before its program was started")
    {
    }
}

/// <summary>
/// A process that walks its plan beside its parent (<see cref="ProcessSpawner.SpawnConcurrent"/>). Not safe for concurrent use. Disposing closes
/// descriptors and touches no process.
/// </summary>
public sealed unsafe partial class ConcurrentProcess : IDisposable
{
    private const int SIGKILL = 9;

    private readonly SyscallPlan plan;
    private readonly PlanHandshake handshake;
    private FileDescriptor pidFd;

    internal ConcurrentProcess(SyscallPlan plan, PlanHandshake handshake, int pid, FileDescriptor pidFd)
    {
        this.plan = plan;
        this.handshake = handshake;
        this.pidFd = pidFd;
        Pid = pid;
    }

    /// <summary>The process, as the caller sees it; a child of the caller.</summary>
    public int Pid { get; private set; }

    /// <summary>Pins it. Belongs to this object until <see cref="Release"/>.</summary>
    public FileDescriptor PidFd => pidFd;

    /// <summary>Waits for the next point.</summary>
    /// <returns>Its number, or null: there is none any more, as execve(2) was reached or the process was killed (<see cref="ExpectReached"/>).</returns>
    /// <exception cref="PlanFailedException">A step failed; the process has ended and is reaped.</exception>
    public byte? WaitForPoint()
    {
        (bool hasPoint, _) = DescriptorPoll.WaitReadable(handshake.ParentEnd.Number, pidFd.Number, -1);
        Span<byte> point = stackalloc byte[1];
        int count = 0;
        if (hasPoint)
        {
            Errno errno = DescriptorIo.TryRead(handshake.ParentEnd.Number, point, out count);
            if (errno is not (Errno.None or Errno.ECONNRESET))
                throw new LinuxException(errno, "read", "the new process's socket");
        }

        if (count == 1)
            return point[0];
        ThrowIfFailed();
        return null;
    }

    /// <summary>After <see cref="WaitForPoint"/> told of no further point: makes sure that the walk came to the step that set the register to 1.</summary>
    /// <exception cref="PlanInterruptedException">It was killed before, and is reaped.</exception>
    public void ExpectReached(PlanRegister register)
    {
        if (Read(register) != 1)
            throw Interrupted();
    }

    /// <summary>Lets the process go on from its point.</summary>
    /// <exception cref="PlanFailedException">As <see cref="WaitForPoint"/>.</exception>
    /// <exception cref="PlanInterruptedException">It was killed, and is reaped.</exception>
    public void Resume()
    {
        Errno errno = DescriptorIo.TryWrite(handshake.ParentEnd.Number, [1], out _);
        if (errno == Errno.None)
            return;
        ThrowIfFailed();
        throw errno is Errno.EPIPE or Errno.ECONNRESET ? Interrupted() : new LinuxException(errno, "write", "the new process's socket");
    }

    /// <summary>What a step saved there, for the time that the process waits at a point.</summary>
    public long Read(PlanRegister register) => Volatile.Read(ref plan.Header->Register[register.Index]);

    /// <summary>A copy of one of the process's descriptors, pidfd_getfd(2).</summary>
    /// <exception cref="LinuxException">EBADF: it has none of that number; EPERM.</exception>
    public FileDescriptor Take(PlanRegister number)
    {
        nint fd = pidfd_getfd(SyscallNumbers.Current.PidfdGetfd, pidFd.Number, (nint)Read(number), 0);
        return fd >= 0 ? new FileDescriptor((int)fd) : throw LinuxException.Last("pidfd_getfd", $"descriptor {Read(number)} of process {Pid}");
    }

    /// <summary>
    /// Goes over to the process that this one forks with CLONE_PARENT, saving its id in the register, as the last thing that it does. For before the
    /// first <see cref="WaitForPoint"/>.
    /// </summary>
    /// <exception cref="PlanFailedException">A step of the old process failed; it is reaped.</exception>
    /// <returns>
    /// False: the new one is killed and reaped, and all must be done again. It was copied while the caller's memory was being collected, and would wait for the end of that for ever.
    /// </returns>
    /// <exception cref="PlanInterruptedException">The old process was killed, and is reaped.</exception>
    public bool FollowFork(PlanRegister forked)
    {
        ProcessEnd? end = ReapEnded();
        int next = (int)Read(forked);
        int failed = Volatile.Read(ref plan.Header->FailedOp);
        if (next == 0)
            throw failed < 0 ? new PlanInterruptedException(end) : new PlanFailedException(plan.StepAt(failed), (Errno)plan.Header->FailedErrno);
        FileDescriptor followed = Pin(next);
        pidFd.Dispose();
        (Pid, pidFd) = (next, followed);
        if (ProcessSpawner.HasEntered(plan.Header, PlanHeader.Forked, Pid, pidFd))
            return true;
        Kill();
        return false;
    }

    /// <summary>Kills and reaps the process; for a failure on the parent's side.</summary>
    /// <exception cref="LinuxException">It cannot be killed.</exception>
    public void Kill()
    {
        ChildProcess.Signal(pidFd, SIGKILL);
        ProcessSpawner.Reap(Pid);
    }

    /// <summary>Gives the pidfd away.</summary>
    public FileDescriptor Release()
    {
        FileDescriptor released = pidFd;
        pidFd = new FileDescriptor(-1);
        return released;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        handshake.Dispose();
        pidFd.Dispose();
    }

    // A child of ours: the number stays its own until it is reaped.
    private static FileDescriptor Pin(int child)
    {
        try
        {
            return ProcessControl.OpenProcess(child) ?? throw new PlanInterruptedException(end: null);
        }
        catch
        {
            _ = ChildProcess.TrySignal(child, SIGKILL);
            ProcessSpawner.Reap(child);
            throw;
        }
    }

    private void ThrowIfFailed()
    {
        int failed = Volatile.Read(ref plan.Header->FailedOp);
        if (failed < 0)
            return;
        ProcessSpawner.Reap(Pid);
        throw new PlanFailedException(plan.StepAt(failed), (Errno)plan.Header->FailedErrno);
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint pidfd_getfd(nint number, nint pidFd, nint descriptor, nint flags);

    private PlanInterruptedException Interrupted() => new(ReapEnded());

    private ProcessEnd? ReapEnded()
    {
        while (true)
        {
            DescriptorPoll.WaitReadable(-1, pidFd.Number, -1);
            if (ChildProcess.TryReap(Pid) is { } end)
                return end;
        }
    }
}
