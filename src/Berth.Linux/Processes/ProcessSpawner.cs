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
/// Starts processes from a plan: clone(CLONE_VM | CLONE_VFORK) onto a stack of its own, so that nothing is copied and the calling thread
/// waits until execve(2) or the end. Why this and not fork: docs/decisions/0005-spawning.md. The child shares the caller's memory until then:
/// call <see cref="ProcessControl.ForbidInspection"/> first where the child enters namespaces that others are in.
/// </summary>
public static unsafe partial class ProcessSpawner
{
    private const ulong CLONE_VM = 0x100, CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000;
    private const int SIGCHLD = 17, SIG_BLOCK = 0, SIG_SETMASK = 2;

    private static readonly delegate* unmanaged<void*, int> Child = Prepare();

    /// <summary>
    /// Walks <paramref name="plan"/> in a new process made with the CLONE_NEW* flags in <paramref name="namespaces"/>. It starts with all signals
    /// blocked and at their default actions; the plan itself unblocks them. The process is a child of the calling process, which must reap it.
    /// </summary>
    /// <returns>Its id and a pidfd that the caller owns.</returns>
    /// <exception cref="PlanFailedException">A step failed; the process has been reaped.</exception>
    /// <exception cref="LinuxException">The process could not be made.</exception>
    public static (int Pid, FileDescriptor PidFd) Spawn(SyscallPlan plan, NamespaceFlags namespaces = NamespaceFlags.None)
    {
        plan.Seal();
        PlanHeader* header = plan.Header;
        header->ExitGroup = SyscallNumbers.Current.ExitGroup;
        header->RtSigaction = SyscallNumbers.Current.RtSigaction;
        int mask = SyscallNumbers.Current.RtSigprocmask;

        ulong all = ulong.MaxValue, before = 0;
        int pidFd = -1;
        _ = RawCalls.syscall(mask, SIG_BLOCK, (nint)(&all), (nint)(&before), 8, 0, 0);
        int pid = clone(
            Child, plan.StackTop, (int)(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | (uint)SIGCHLD | (ulong)namespaces), header, &pidFd, null, null);
        int error = Marshal.GetLastPInvokeError();
        _ = RawCalls.syscall(mask, SIG_SETMASK, (nint)(&before), 0, 8, 0, 0);
        GC.KeepAlive(plan);

        if (pid < 0)
            throw new LinuxException((Errno)error, "clone", namespaces.ToString());
        var descriptor = new FileDescriptor(pidFd);
        if (header->FailedOp < 0)
            return (pid, descriptor);
        descriptor.Dispose();
        while (waitpid(pid, null, 0) < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR)
        {
        }

        throw new PlanFailedException(plan.StepAt(header->FailedOp), (Errno)header->FailedErrno);
    }

    // Under a JIT the child must not be the first to run its code or to bind its imports (ahead-of-time code does not mind): walk, in this
    // process, a plan whose every call is getpid(2).
    private static delegate* unmanaged<void*, int> Prepare()
    {
        delegate* unmanaged<void*, int> child = &PlanWalker.Child;
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
