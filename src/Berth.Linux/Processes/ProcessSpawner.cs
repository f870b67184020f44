using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>A plan's step failed in the new process, which has ended without reaching execve(2).</summary>
public sealed class PlanFailedException : IOException
{
    /// <param name="step">The step's name.</param>
    /// <param name="errno">The kernel's reason.</param>
    public PlanFailedException(string step, Errno errno)
        : base($"{step}: {LinuxException.Describe(errno)}")
    {
        Step = step;
        Errno = errno;
    }

    /// <summary>The step's name.</summary>
    public string Step { get; }

    /// <summary>The kernel's reason.</summary>
    public Errno Errno { get; }
}

/// <summary>
/// Starts processes from a plan. Shared: clone(CLONE_VM | CLONE_VFORK) onto a stack of its own, so that nothing is copied and the calling thread
/// waits until execve(2) or the end. The child shares the caller's memory until then: call <see cref="ProcessControl.ForbidInspection"/> first
/// where the child enters namespaces that others are in. Concurrent: a copy of the caller, which works beside it. Why so: docs/decisions/0005-spawning.md.
/// </summary>
public static unsafe partial class ProcessSpawner
{
    private const ulong CLONE_VM = 0x100, CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000;
    private const int LongestStart = 10_000; // milliseconds
    private const int SIGCHLD = 17, SIGKILL = 9, SIG_BLOCK = 0, SIG_SETMASK = 2;

    private static readonly delegate* unmanaged<void*, int> Child = WarmUp();

    /// <summary>
    /// Walks <paramref name="plan"/> in a new process made with the CLONE_NEW* flags in <paramref name="namespaces"/>. It starts with all signals
    /// blocked and at their default actions; the plan itself unblocks them. The process is a child of the calling process, which must reap it.
    /// </summary>
    /// <returns>Its id and a pidfd that the caller owns.</returns>
    /// <exception cref="PlanFailedException">A step failed; the process has been reaped.</exception>
    /// <exception cref="LinuxException">The process could not be made.</exception>
    public static (int Pid, FileDescriptor PidFd) Spawn(SyscallPlan plan, NamespaceFlags namespaces = NamespaceFlags.None)
    {
        if (plan.IsShared)
            throw new ArgumentException("this plan is for a concurrent process", nameof(plan));
        PlanHeader* header = Prepare(plan);
        (int pid, FileDescriptor descriptor) = Clone(plan, CLONE_VM | CLONE_VFORK, namespaces);
        if (header->FailedOp < 0)
            return (pid, descriptor);
        descriptor.Dispose();
        Reap(pid);
        throw new PlanFailedException(plan.StepAt(header->FailedOp), (Errno)header->FailedErrno);
    }

    /// <summary>
    /// Starts walking <paramref name="plan"/> in a copy of this process, made with the CLONE_NEW* flags in <paramref name="namespaces"/>. It has this
    /// thread only, and starts as the process of <see cref="Spawn"/> does. The caller works on meanwhile, and meets it at the plan's points.
    /// </summary>
    /// <param name="plan">Made for this: <see cref="SyscallPlan.IsShared"/>.</param>
    /// <param name="handshake">Where both meet; belongs to the result from now on.</param>
    /// <param name="namespaces">CLONE_NEW* flags.</param>
    /// <exception cref="LinuxException">The process could not be made.</exception>
    public static ConcurrentProcess SpawnConcurrent(SyscallPlan plan, PlanHandshake handshake, NamespaceFlags namespaces = NamespaceFlags.None)
    {
        CheckShared(plan);
        Prepare(plan);
        long start = Environment.TickCount64;
        while (true)
        {
            Volatile.Write(ref plan.Header->Entered, 0);
            (int pid, FileDescriptor pidFd) = Clone(plan, 0, namespaces);
            if (HasEntered(plan.Header, PlanHeader.Walking, pid, pidFd))
            {
                handshake.CloseChildEnd();
                return new ConcurrentProcess(plan, handshake, pid, pidFd);
            }

            // Copied during a garbage collection, it waits for one that never ends. It has done nothing yet.
            Signals.ChildProcess.Signal(pidFd, SIGKILL);
            Reap(pid);
            pidFd.Dispose();
            if (Environment.TickCount64 - start > LongestStart)
                throw new LinuxException(Errno.EAGAIN, "clone", "the new process never ran, as memory is collected without pause");
        }
    }

    /// <summary>
    /// As the other, for a plan that forks, has no points before that, and whose forking process ends then: that one shares the caller's memory while the calling
    /// thread waits, so that memory is copied once, for the process that it forks. <see cref="ConcurrentProcess.FollowFork"/> is next.
    /// </summary>
    /// <param name="plan">Made for this: <see cref="SyscallPlan.IsShared"/>.</param>
    /// <param name="handshake">Where both meet; belongs to the result from now on.</param>
    /// <exception cref="LinuxException">The process could not be made.</exception>
    public static ConcurrentProcess SpawnForking(SyscallPlan plan, PlanHandshake handshake)
    {
        CheckShared(plan);
        Prepare(plan);
        (int pid, FileDescriptor pidFd) = Clone(plan, CLONE_VM | CLONE_VFORK, NamespaceFlags.None);
        handshake.CloseChildEnd();
        return new ConcurrentProcess(plan, handshake, pid, pidFd);
    }

    internal static void Reap(int pid)
    {
        while (waitpid(pid, null, 0) < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR)
        {
        }
    }

    private static PlanHeader* Prepare(SyscallPlan plan)
    {
        plan.Seal();
        PlanHeader* header = plan.Header;
        header->ExitGroup = SyscallNumbers.Current.ExitGroup;
        header->RtSigaction = SyscallNumbers.Current.RtSigaction;
        header->Clone = SyscallNumbers.Current.CloneProcess;
        return header;
    }

    private static (int Pid, FileDescriptor PidFd) Clone(SyscallPlan plan, ulong flags, NamespaceFlags namespaces)
    {
        int mask = SyscallNumbers.Current.RtSigprocmask;
        ulong all = ulong.MaxValue, before = 0;
        int pidFd = -1;
        _ = RawCalls.syscall(mask, SIG_BLOCK, (nint)(&all), (nint)(&before), 8, 0, 0);
        int pid = clone(Child, plan.StackTop, (int)(flags | CLONE_PIDFD | (uint)SIGCHLD | (ulong)namespaces), plan.Header, &pidFd, null, null);
        int error = Marshal.GetLastPInvokeError();
        _ = RawCalls.syscall(mask, SIG_SETMASK, (nint)(&before), 0, 8, 0, 0);
        GC.KeepAlive(plan);
        return pid < 0 ? throw new LinuxException((Errno)error, "clone", namespaces.ToString()) : (pid, new FileDescriptor(pidFd));
    }

    private static void CheckShared(SyscallPlan plan)
    {
        if (!plan.IsShared)
            throw new ArgumentException("this plan is for a process that shares memory", nameof(plan));
    }

    // True as well when it has ended already. A process that has not begun its walk has nothing to sleep for but a collection.
    internal static bool HasEntered(PlanHeader* header, int stage, int pid, FileDescriptor pidFd)
    {
        const int SpinMilliseconds = 1, Sightings = 3;
        long start = Environment.TickCount64;
        int asleep = 0;
        while (Volatile.Read(ref header->Entered) < stage)
        {
            if (Environment.TickCount64 - start < SpinMilliseconds)
                Thread.SpinWait(20);
            else if (DescriptorPoll.WaitReadable(-1, pidFd.Number, 1).Second)
                return true;
            else if (ProcessStat.TryRead(pid) is { State: 'S' } && ++asleep == Sightings)
                return Volatile.Read(ref header->Entered) >= stage;
        }

        return true;
    }

    // Under a JIT the child must not be the first to run its code or to bind its imports (ahead-of-time code does not mind): walk, in this
    // process, a plan whose every call is getpid(2).
    private static delegate* unmanaged<void*, int> WarmUp()
    {
        delegate* unmanaged<void*, int> child = &PlanWalker.Child;
        if (!System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeCompiled)
            return child;
        using var plan = new SyscallPlan();
        int getpid = SyscallNumbers.Current.Getpid;
        plan.Call("warm up", getpid);
        plan.Fail("warm up", *RawCalls.__errno_location() == 0 ? Errno.None : Errno.EINVAL);
        plan.Seal();
        plan.Header->ExitGroup = getpid;
        plan.Header->RtSigaction = getpid;
        _ = child(plan.Header);
        return child;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clone(
        delegate* unmanaged<void*, int> function, void* stack, int flags, void* argument, int* pidFd, void* tls, int* childTid);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int pid, int* status, int options);
}
