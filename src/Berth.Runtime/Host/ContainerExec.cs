using System.Globalization;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Users;

namespace Berth.Runtime.Host;

/// <summary>Adds processes to running containers: same namespaces, cgroup, root and seccomp filter as the first.</summary>
public static class ContainerExec
{
    private const ulong CLONE_PARENT = 0x8000, SIGCHLD = 17;
    private const int LeastKept = 100;

    /// <summary>Starts a process. The calling process becomes non-dumpable, as the new one shares its memory for a moment.</summary>
    /// <param name="target">The container.</param>
    /// <param name="process">What to run.</param>
    /// <param name="user">docker's <c>user[:group]</c>, names looked up in the container; null: <c>process.User</c> as given.</param>
    /// <param name="stdio">Its streams.</param>
    /// <param name="options">Details. With <see cref="ExecOptions.DieWithParent"/> call it from a thread that lives as long as the process.</param>
    /// <returns>The process, a child that the caller reaps.</returns>
    /// <exception cref="ContainerStartException">It did not start; nothing of it is left.</exception>
    public static StartedProcess Start(ExecTarget target, ProcessSpec process, string? user, ProcessStdio stdio, ExecOptions options)
    {
        SeccompFilter? filter;
        try
        {
            filter = target.Filter ?? SeccompFilter.Compile(target.Spec.Linux?.Seccomp);
        }
        catch (Exception e) when (!ReferenceEquals(ContainerLauncher.ToStartException(e, isExec: true), e))
        {
            throw ContainerLauncher.ToStartException(e, isExec: true);
        }

        return Start(target, process, user, stdio, options, filter);
    }

    internal static StartedProcess Start(
        ExecTarget target, ProcessSpec process, string? user, ProcessStdio stdio, ExecOptions options, SeccompFilter? filter)
    {
        try
        {
            ProcessPlan.Validate(process, stdio);
            PreservedDescriptors.Check(options.PreserveFds);
            using FileDescriptor root = OpenRoot(target);
            (Identity identity, IReadOnlyList<string> environment) = ProcessPlan.Resolve(root, process, user);
            NamespaceFlags differing = NamespaceCalls.Differing(target.Pid, NamespacePlan.Made(target.Spec));
            using PseudoTerminal? terminal = process.Terminal ? ContainerTerminal.Open(root) : null;
            if (terminal is not null && process.ConsoleSize is { } size)
                new WindowSize((ushort)size.Height, (ushort)size.Width).ApplyTo(terminal.Master.Number);
            if (terminal is not null && differing.HasFlag(NamespaceFlags.CLONE_NEWUSER))
                GiveTerminal(terminal, target.Pid, identity.Uid);
            if (!ChildProcess.Signal(target.PidFd, 0))
                throw NotRunning(target);
            var end = new FinalSteps
            {
                Process = process, Identity = identity, Environment = environment, Stdio = stdio, Terminal = terminal, Filter = filter,
                Personality = target.Spec.Linux?.Personality, IsNamedUser = user is not null, DieWithParent = options.DieWithParent,
                Keyring = options.NoNewKeyring ? null : "_ses." + target.Id, PreservedDescriptors = options.PreserveFds,
                HasUserNamespace = differing.HasFlag(NamespaceFlags.CLONE_NEWUSER), CanSetGroups = CanSetGroups(target.Pid, differing),
            };
            (int pid, FileDescriptor pidFd) = Spawn(target, options, end, differing);
            return new StartedProcess(pid, pidFd, terminal is null ? null : new FileDescriptor(terminal.Master.Release()));
        }
        catch (Exception e) when (!ReferenceEquals(ContainerLauncher.ToStartException(e, isExec: true), e))
        {
            throw ContainerLauncher.ToStartException(e, isExec: true);
        }
    }

    private static (int Pid, FileDescriptor PidFd) Spawn(ExecTarget target, ExecOptions options, FinalSteps end, NamespaceFlags differing)
    {
        // Without privileges the pid namespace can be entered from inside the user namespace only, so not by this process for its children.
        bool unprivileged = RootfsMode.For(end.HasUserNamespace).BindsInChild;
        if (!unprivileged)
            ProcessControl.ForbidInspection();
        bool twoProcesses = unprivileged || CanBeInspected(differing)
            || differing.HasFlag(NamespaceFlags.CLONE_NEWPID) && !NamespaceCalls.CanReturnToPidNamespace;
        if (twoProcesses || differing.HasFlag(NamespaceFlags.CLONE_NEWTIME) || end.Filter is { HasListener: true } || target.Cgroup is { NeedsAttach: true })
            return SpawnConcurrent(target, options, end, differing, twoProcesses);
        using var plan = new SyscallPlan();
        AddBeginning(plan, target, options, end.Process);
        ProcessPlan.AddBeginning(plan, end.Process, options.DieWithParent);
        AddJoin(plan, target, differing & ~NamespaceFlags.CLONE_NEWPID);
        AddEnd(plan, end);
        options.Meanwhile?.Invoke();
        return differing.HasFlag(NamespaceFlags.CLONE_NEWPID)
            ? NamespaceCalls.WithPidNamespaceOf(target.PidFd, () => ProcessSpawner.Spawn(plan))
            : ProcessSpawner.Spawn(plan);
    }

    // Being non-dumpable keeps out all but those with CAP_SYS_PTRACE in the user namespace of our memory, the host's (ptrace(2)). They see the process from
    // its birth into their pid namespace: so it must be born with memory of its own, in the container's root and without descriptors of the host.
    private static bool CanBeInspected(NamespaceFlags differing) =>
        differing.HasFlag(NamespaceFlags.CLONE_NEWPID) && !differing.HasFlag(NamespaceFlags.CLONE_NEWUSER);

    private static (int Pid, FileDescriptor PidFd) SpawnConcurrent(
        ExecTarget target, ExecOptions options, FinalSteps end, NamespaceFlags differing, bool twoProcesses)
    {
        const int LongestStart = 10_000; // milliseconds
        long start = Environment.TickCount64;
        Action? meanwhile = options.Meanwhile;
        while (true)
        {
            if (TrySpawnConcurrent(target, options, end, differing, twoProcesses, meanwhile) is { } spawned)
                return spawned;
            meanwhile = null; // it is done
            if (Environment.TickCount64 - start > LongestStart)
                throw new LinuxException(Errno.EAGAIN, "clone", "the new process never ran, as memory is collected without pause");
        }
    }

    private static (int Pid, FileDescriptor PidFd)? TrySpawnConcurrent(
        ExecTarget target, ExecOptions options, FinalSteps end, NamespaceFlags differing, bool twoProcesses, Action? meanwhile)
    {
        bool waitsToBeMoved = target.Cgroup is { NeedsAttach: true };
        using var plan = new SyscallPlan(shared: true);
        using var handshake = new PlanHandshake(plan, Math.Max(LeastKept, 3 + options.PreserveFds));
        PlanRegister reached = plan.NewRegister(), forked = plan.NewRegister(), listener = default;
        PlanLabel first = plan.NewLabel();
        AddBeginning(plan, target, options, end.Process, () => handshake.AddPoint("waiting to be moved into the cgroup", StartPoints.Namespaces));
        end = end with { KeptDescriptors = [handshake.ChildDescriptor] };
        if (twoProcesses)
        {
            // Whoever sees the second process sees what it was born with: the container's root, and no descriptor of the host's files and no terminal of its.
            ProcessPlan.AddBeginning(plan, end.Process);
            AddJoin(plan, target, differing);
            ProcessPlan.AddStreams(plan, end);
            plan.Fork("entering the pid namespace", CLONE_PARENT | SIGCHLD).SaveTo(forked).OnSuccess(first);
            ProcessPlan.AddSession(plan, options.DieWithParent);
        }
        else
        {
            ProcessPlan.AddBeginning(plan, end.Process, options.DieWithParent);
            AddJoin(plan, target, differing & ~NamespaceFlags.CLONE_NEWPID);
        }

        AddEnd(plan, end with
        {
            HasStreams = twoProcesses,
            OnListener = number =>
            {
                listener = number;
                handshake.AddPoint("handing over the seccomp listener", StartPoints.Listener);
            },
            BeforeExecute = () => plan.Set(reached, 1),
        });
        plan.Mark(first);
        plan.Call("end", SyscallNumbers.Current.ExitGroup, 0);

        using ConcurrentProcess child = !twoProcesses && differing.HasFlag(NamespaceFlags.CLONE_NEWPID)
            ? NamespaceCalls.WithPidNamespaceOf(target.PidFd, () => ProcessSpawner.SpawnConcurrent(plan, handshake))
            : twoProcesses && !waitsToBeMoved && !differing.HasFlag(NamespaceFlags.CLONE_NEWTIME) ? // which no process enters that shares memory: setns(2)
              ProcessSpawner.SpawnForking(plan, handshake)
            : ProcessSpawner.SpawnConcurrent(plan, handshake);
        try
        {
            if (waitsToBeMoved && child.WaitForPoint() is StartPoints.Namespaces)
            {
                target.Cgroup!.Attach(child.Pid, options.SubCgroup, target.Pid); // it waits only where there is one
                child.Resume();
            }

            meanwhile?.Invoke();
            if (twoProcesses && !child.FollowFork(forked))
                return null;
            while (child.WaitForPoint() is not null)
            {
                SeccompListener.Send(child, listener, target.Spec, new ContainerState
                {
                    OciVersion = target.Spec.OciVersion, Id = target.Id, Status = "running", Pid = target.Pid, Bundle = target.Bundle,
                    Annotations = target.Spec.Annotations,
                });
                child.Resume();
            }

            child.ExpectReached(reached);
            return (child.Pid, child.Release());
        }
        catch
        {
            child.Kill();
            throw;
        }
    }

    // Where the process may not join its cgroup by itself, it waits to be moved.
    private static void AddBeginning(SyscallPlan plan, ExecTarget target, ExecOptions options, ProcessSpec process, Action? waitToBeMoved = null)
    {
        CpuAffinity.AddInitial(plan, process);
        if (target.Cgroup is { NeedsAttach: true })
            waitToBeMoved?.Invoke();
        else
            target.Cgroup?.AddJoin(plan, options.SubCgroup, target.Pid);
        CpuAffinity.AddFinal(plan, process);
    }

    private static void AddJoin(SyscallPlan plan, ExecTarget target, NamespaceFlags namespaces)
    {
        if (namespaces != NamespaceFlags.None)
            plan.Call("joining the container's namespaces", SyscallNumbers.Current.Setns, target.PidFd.Number, (nint)namespaces);
        if (namespaces.HasFlag(NamespaceFlags.CLONE_NEWUSER))
            NamespacePlan.AddBecomeRoot(plan, forbidInspection: true);
    }

    private static void AddEnd(SyscallPlan plan, FinalSteps end)
    {
        if (end is { HasUserNamespace: true, DieWithParent: false })
            plan.Call("no longer dying with the parent", SyscallNumbers.Current.Prctl, ProcessControl.PR_SET_PDEATHSIG, 0);
        ProcessPlan.AddEnd(plan, end);
    }

    // The kernel made it ours, which may be nobody in the container, so that its user could not open it by name.
    private static void GiveTerminal(PseudoTerminal terminal, int pid, uint uid)
    {
        foreach (string line in CgroupFile.Read($"/proc/{pid}/uid_map").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            uint[] range = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static n => uint.Parse(n, CultureInfo.InvariantCulture))];
            if (uid < range[0] || uid - range[0] >= range[2])
                continue;
            try
            {
                FileAttributeCalls.SetOwner(terminal.Slave, range[1] + (uid - range[0]), uint.MaxValue);
            }
            catch (LinuxException e) when (e.Errno is Errno.EPERM or Errno.EINVAL)
            {
                // Without privileges here; the new process tries it in the container.
            }
        }
    }

    private static bool CanSetGroups(int pid, NamespaceFlags differing) =>
        !differing.HasFlag(NamespaceFlags.CLONE_NEWUSER) || !CgroupFile.Read($"/proc/{pid}/setgroups").StartsWith("deny", StringComparison.Ordinal);

    // By number, as there is no way by pidfd; the process still being there afterwards proves that the number was its own.
    private static FileDescriptor OpenRoot(ExecTarget target)
    {
        try
        {
            using FileDescriptor process = ProcFiles.OpenFolder("/proc/" + target.Pid.ToString(CultureInfo.InvariantCulture));
            FileDescriptor root = Paths.Open(process, "root"u8, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
            if (ChildProcess.Signal(target.PidFd, 0))
                return root;
            root.Dispose();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
        }

        throw NotRunning(target);
    }

    private static ContainerStartException NotRunning(ExecTarget target) => new(StartFailure.InvalidConfig, $"container {target.Id} is not running");
}
