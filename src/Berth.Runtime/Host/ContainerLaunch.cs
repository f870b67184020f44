using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Namespaces;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Users;

namespace Berth.Runtime.Host;

/// <summary>One start of a container: its plan, and the process that walks it. Used once.</summary>
/// <param name="start">What to start.</param>
/// <param name="process">Its process.</param>
/// <param name="stdio">Its streams.</param>
/// <param name="cgroup">Its cgroup, made already.</param>
/// <param name="create">How it waits for its start; null: it does not.</param>
internal sealed partial class ContainerLaunch(
    ContainerStart start, ProcessSpec process, ProcessStdio stdio, ContainerCgroup? cgroup, CreateOptions? create) : IDisposable
{
    // Descriptors that the process needs to the end are above those that it may hand to its program.
    private const int LeastKept = 100;

    private readonly RuntimeSpec spec = start.Spec;
    private readonly HooksSpec hooks = start.Spec.Hooks ?? new HooksSpec();
    private NamespacePlan namespaces = new();
    private RootfsMode mode = RootfsMode.Host;
    private SeccompFilter? filter;
    private PlanHandshake? handshake;
    private FileDescriptor? fifo;
    private StartContainerHooks? startHooks;
    private FileDescriptor? terminalMaster;
    private TerminalEnds? terminal;
    private PlanRegister? forked;
    private PlanRegister reached;
    private PlanRegister listener;

    /// <summary>The filter, for processes that are added later.</summary>
    public SeccompFilter? Filter => filter;

    private bool IsPrivileged => !mode.BindsInChild;

    private bool HasRootHooks => hooks.Prestart is { Count: > 0 } || hooks.CreateRuntime is { Count: > 0 } || hooks.CreateContainer is { Count: > 0 };

    private bool NeedsConcurrent => create is not null || namespaces.NeedsConcurrent || HasRootHooks || hooks.StartContainer is { Count: > 0 } || filter is { HasListener: true };

    /// <summary>Starts the process.</summary>
    /// <returns>Whose descriptors are the caller's.</returns>
    public CreatedContainer Run()
    {
        Validate();
        string rootPath = RootPath();
        using FileDescriptor root = RootFileSystem.Open(start.RootfsMounts, rootPath, mode);
        (Identity identity, IReadOnlyList<string> environment) = ProcessPlan.Resolve(root, process, start.User);
        bool concurrent = NeedsConcurrent;
        using var plan = new SyscallPlan(concurrent);
        if (concurrent)
            Prepare(plan);
        var first = new ContainerPlan(plan, start, cgroup, namespaces)
        {
            Handshake = handshake, Mode = mode, HasRootHooks = HasRootHooks, NoPivot = create?.NoPivot ?? false,
        };
        try
        {
            terminal = first.Add(root, rootPath, process);
            forked = first.Forked;
            if (create is not null)
                plan.Call("no longer dying with the parent", SyscallNumbers.Current.Prctl, ProcessControl.PR_SET_PDEATHSIG, 0); // the points see to it from here on
            ProcessPlan.AddEnd(plan, FinalSteps(plan, identity, environment));
            namespaces.AddEndOfFirstProcess();
            if (terminal?.Opened is { } opened)
                ApplySize(opened.Master);
            if (IsPrivileged)
                ProcessControl.ForbidInspection();
            CreatedContainer started = concurrent ? RunConcurrent(plan) : RunShared(plan);
            terminal?.Opened?.Slave.Dispose();
            return started;
        }
        catch
        {
            terminal?.Opened?.Dispose();
            terminalMaster?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        namespaces.Dispose();
        handshake?.Dispose();
        fifo?.Dispose();
        startHooks?.Dispose();
    }

    private void Validate()
    {
        if (spec.OciVersion.Split('.') is not ["1", _, ..])
            throw new ArgumentException($"ociVersion \"{spec.OciVersion}\" is not known: this runtime knows version 1 of the specification, such as 1.2.0");
        namespaces = NamespacePlan.Parse(spec.Linux?.Namespaces ?? []);
        UserNamespaceMaps.Validate(spec.Linux, namespaces);
        if (spec.Linux?.TimeOffsets is { Count: > 0 } && !namespaces.MakesTime)
            throw new ArgumentException("linux.timeOffsets need a new time namespace");
        TimeOffsets.Validate(spec.Linux?.TimeOffsets);
        HookRunner.Validate(hooks.Prestart, "prestart");
        HookRunner.Validate(hooks.CreateRuntime, "createRuntime");
        HookRunner.Validate(hooks.CreateContainer, "createContainer");
        HookRunner.Validate(hooks.Poststart, "poststart");
        HookRunner.Validate(hooks.Poststop, "poststop");
        PreservedDescriptors.Check(create?.PreserveFds ?? 0);
        if (spec.Linux?.IntelRdt is { } resctrl && resctrl != new IntelRdtSpec())
            throw new NotSupportedException("linux.intelRdt is not supported: groups of resctrl are not made here");
        mode = RootfsMode.For(namespaces.HasUser);
        filter = SeccompFilter.Compile(spec.Linux?.Seccomp);
        if (filter is { HasListener: true } && string.IsNullOrEmpty(spec.Linux?.Seccomp?.ListenerPath))
            throw new ArgumentException("linux.seccomp has rules with SCMP_ACT_NOTIFY, but no listenerPath");
    }

    private string RootPath()
    {
        RootSpec root = spec.Root ?? throw new ArgumentException("the configuration has no root");
        return Path.GetFullPath(root.Path, start.BundlePath);
    }

    private void Prepare(SyscallPlan plan)
    {
        int least = Math.Max(LeastKept, 3 + (create?.PreserveFds ?? 0));
        handshake = new PlanHandshake(plan, least);
        reached = plan.NewRegister();
        listener = plan.NewRegister();
        if (create is not null)
            fifo = DescriptorIo.Duplicate(create.StartFifo.Number, least);
        if (hooks.StartContainer is { Count: > 0 } last)
            startHooks = new StartContainerHooks(last, least, create?.HookFifo);
    }

    private FinalSteps FinalSteps(SyscallPlan plan, Identity identity, IReadOnlyList<string> environment) => new()
    {
        Process = process, Identity = identity, Environment = environment, Stdio = stdio, Filter = filter, Personality = spec.Linux?.Personality,
        Terminal = terminal?.Opened,
        TerminalSlave = terminal is { Opened: null } ? terminal.Slave : null,
        HasUserNamespace = namespaces.HasUser,
        CanSetGroups = CanSetGroups(identity),
        IsNamedUser = start.User is not null,
        Keyring = create is { NoNewKeyring: true } ? null : "_ses." + start.Id,
        DieWithParent = create is null,
        KeepsSignalsBlocked = start.HasInit,
        PreservedDescriptors = create?.PreserveFds ?? 0,
        KeptDescriptors = Kept(),
        OnListener = filter is { HasListener: true } ? number => AddListener(plan, number) : null,
        BeforeExecute = handshake is null ? null : () => AddWaiting(plan),
    };

    private bool CanSetGroups(Identity identity)
    {
        if (!namespaces.HasUser || IsPrivileged || namespaces.MakesUser && !UserNamespaceMaps.ForbidsSetGroups(spec.Linux, IsPrivileged))
            return true;
        return identity.AdditionalGids.All(gid => gid == identity.Gid)
            ? false
            : throw new ArgumentException("additional groups cannot be set in a user namespace whose groups an unprivileged user has mapped");
    }

    private List<int> Kept()
    {
        var kept = new List<int>();
        if (handshake is not null)
            kept.Add(handshake.ChildDescriptor);
        if (fifo is not null)
            kept.Add(fifo.Number);
        if (startHooks is not null)
            kept.AddRange(startHooks.Descriptors);
        return kept;
    }

    // A step of its own for the number: the register that it comes in is the filter's.
    private void AddListener(SyscallPlan plan, PlanRegister number)
    {
        listener = number;
        handshake?.AddPoint("handing over the seccomp listener", StartPoints.Listener);
    }

    // From here on a seccomp filter is in force: the fewer calls the better.
    private void AddWaiting(SyscallPlan plan)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        if (create is not null || startHooks is not null)
            handshake?.AddPoint("waiting for the parent to note the new process", StartPoints.Ready);
        if (fifo is not null)
        {
            PlanRegister count = plan.NewRegister();
            plan.Call("waiting for the start", calls.Read, fifo.Number, plan.Reserve(1), 1).SaveTo(count);
            plan.Test("waiting for the start", count, 1, Errno.EPIPE);
        }

        startHooks?.Add(plan);
        plan.Set(reached, 1);
    }

    private CreatedContainer RunShared(SyscallPlan plan)
    {
        (int pid, FileDescriptor pidFd) = namespaces.JoinedPid is { } pidNamespace
            ? NamespaceCalls.WithPidNamespaceOf(pidNamespace, () => ProcessSpawner.Spawn(plan, namespaces.New))
            : ProcessSpawner.Spawn(plan, namespaces.New);
        return Describe(pid, pidFd, terminal?.Opened?.Master, startTime: 0);
    }

    private CreatedContainer Describe(int pid, FileDescriptor pidFd, FileDescriptor? master, ulong startTime) => new()
    {
        Pid = pid, PidFd = pidFd, StartTime = startTime, TerminalMaster = master, Filter = filter,
        MissingCapabilities = namespaces.HasUser ? [] : Credentials.Missing(process.Capabilities),
    };

    private void ApplySize(FileDescriptor master)
    {
        if (process.ConsoleSize is { } size)
            new WindowSize((ushort)size.Height, (ushort)size.Width).ApplyTo(master.Number);
    }
}
