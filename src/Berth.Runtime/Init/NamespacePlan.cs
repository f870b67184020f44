using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>
/// The configured namespaces, sorted into those made and those joined by path, and the steps that enter them. All that are made belong to the
/// container's user namespace where it has one: so that one comes first. Joined ones are entered before it where that is possible, as they may belong
/// to the host, and after it otherwise, as they may belong to it.
/// </summary>
internal sealed class NamespacePlan : IDisposable
{
    private const int AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000, SIGKILL = 9;
    private const ulong CLONE_PARENT = 0x8000, SIGCHLD = 17;
    private const nint SIOCSIFFLAGS = 0x8914;
    private readonly List<(NamespaceFlags Type, FileDescriptor File, string Path)> joined = [];
    private NamespaceFlags seen;
    private FileDescriptor? joinedUser;
    private bool newCgroup;
    private bool newTime;

    /// <summary>Made by clone(2). The cgroup namespace is not among them: its root is where the process is when it is made, so it comes after joining the cgroup.</summary>
    public NamespaceFlags New { get; private set; }

    /// <summary>All that the container has of its own or shares with others than the caller, New among them.</summary>
    public NamespaceFlags Own { get; private set; }

    /// <summary>The pid namespace to be born into; null: a new one, or the caller's.</summary>
    public FileDescriptor? JoinedPid { get; private set; }

    /// <summary>Whether the mount namespace is one that others are in.</summary>
    public bool JoinsMounts => joined.Exists(static j => j.Type == NamespaceFlags.CLONE_NEWNS);

    /// <summary>Whether a user namespace is made.</summary>
    public bool MakesUser => New.HasFlag(NamespaceFlags.CLONE_NEWUSER);

    /// <summary>Whether the process is not in the caller's user namespace.</summary>
    public bool HasUser => MakesUser || joinedUser is not null;

    /// <summary>Whether a time namespace is made.</summary>
    public bool MakesTime => newTime;

    /// <summary>Whether the plan needs a process of its own memory: the maps are written from outside, and a time namespace takes no process that shares memory.</summary>
    public bool NeedsConcurrent => HasUser || NeedsTwoProcesses || newTime || joined.Exists(static j => j.Type == NamespaceFlags.CLONE_NEWTIME);

    /// <summary>
    /// Whether the container's process is the child of one that joins namespaces first: from inside a user namespace those of others cannot be
    /// entered, and only what is made from inside belongs to it. Also where the caller could not come back from a pid namespace.
    /// </summary>
    public bool NeedsTwoProcesses => joinedUser is not null || MakesUser && (joined.Count > 0 || JoinedPid is not null)
        || JoinedPid is not null && !NamespaceCalls.CanReturnToPidNamespace;

    /// <summary>Reads the list and opens the paths in it.</summary>
    /// <exception cref="ArgumentException">Unknown, twice, not possible, or a path to something else.</exception>
    /// <exception cref="LinuxException">A path cannot be opened.</exception>
    public static NamespacePlan Parse(IReadOnlyList<NamespaceSpec> specs)
    {
        var plan = new NamespacePlan();
        try
        {
            foreach (NamespaceSpec spec in specs)
            {
                NamespaceFlags type = Flag(spec.Type);
                if ((plan.seen & type) != NamespaceFlags.None)
                    throw new ArgumentException($"namespace '{spec.Type}' is given twice");
                plan.seen |= type;
                plan.Put(type, spec);
            }

            if ((plan.seen & NamespaceFlags.CLONE_NEWNS) == NamespaceFlags.None)
                throw new ArgumentException("linux.namespaces has no mount namespace: a container needs one of its own, or one given by path, as all its mounts would be made in the caller's");
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>With <see cref="NeedsTwoProcesses"/>: adds the steps of the first process, which ends with the birth of the second.</summary>
    /// <returns>Where the second's id is saved.</returns>
    public PlanRegister AddFirstProcess(SyscallPlan plan)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanRegister forked = plan.NewRegister();
        PlanLabel end = plan.NewLabel();
        plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL);
        if (JoinedPid is { } pid)
            joined.Add((NamespaceFlags.CLONE_NEWPID, pid, "pid"));
        if (joinedUser is { } user)
            AddJoinsAroundUser(plan, user);
        else
            AddJoins(plan);
        plan.Fork("making namespaces", CLONE_PARENT | SIGCHLD | (ulong)New).SaveTo(forked).OnSuccess(end);
        atEnd = () =>
        {
            plan.Mark(end);
            plan.Call("end", calls.ExitGroup, 0);
        };
        return forked;
    }

    /// <summary>Adds what the first process does last; after all other steps.</summary>
    public void AddEndOfFirstProcess() => atEnd?.Invoke();

    private Action? atEnd;

    /// <summary>Adds the steps of the container's process until its parent has to do something: a new time namespace waits for its offsets.</summary>
    public void AddBeforeParent(SyscallPlan plan)
    {
        if (newTime)
            plan.Call("making a time namespace", SyscallNumbers.Current.Unshare, (nint)NamespaceFlags.CLONE_NEWTIME);
    }

    /// <summary>Adds the other steps: root in the user namespace, joins, the cgroup namespace, and the loopback interface of a new network namespace.</summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="forbidInspection">As in <see cref="AddBecomeRoot"/>.</param>
    public void AddAfterParent(SyscallPlan plan, bool forbidInspection)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        if (HasUser)
            AddBecomeRoot(plan, forbidInspection);
        if (newTime)
            AddEnterTime(plan);
        if (!NeedsTwoProcesses)
            AddJoins(plan);
        if (newCgroup)
            plan.Call("making a cgroup namespace", calls.Unshare, (nint)NamespaceFlags.CLONE_NEWCGROUP);
        if ((New & NamespaceFlags.CLONE_NEWNET) != NamespaceFlags.None)
            AddLoopback(plan, calls);
    }

    /// <summary>Adds the steps that make the process 0:0 of the user namespace that it is in: whoever it was has no name there.</summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="forbidInspection">False where the parent, without privileges, has still to look into the process.</param>
    public static void AddBecomeRoot(SyscallPlan plan, bool forbidInspection)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        plan.Call("becoming group 0 of the user namespace (is it mapped?)", calls.Setresgid, 0, 0, 0);
        plan.Call("becoming user 0 of the user namespace (is it mapped?)", calls.Setresuid, 0, 0, 0);
        if (forbidInspection)
            plan.Call("forbidding inspection", calls.Prctl, ProcessControl.PR_SET_DUMPABLE, 0);
        plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL); // changing users has cleared it
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, FileDescriptor file, _) in joined)
            file.Dispose();
        JoinedPid?.Dispose();
        joinedUser?.Dispose();
    }

    private void AddJoins(SyscallPlan plan)
    {
        foreach ((NamespaceFlags type, FileDescriptor file, string path) in joined.OrderBy(static j => j.Type == NamespaceFlags.CLONE_NEWNS))
            plan.Call($"joining namespace {path}", SyscallNumbers.Current.Setns, file.Number, (nint)type);
    }

    private void AddJoinsAroundUser(SyscallPlan plan, FileDescriptor user)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        var left = new List<(PlanRegister Result, string Step, int File, NamespaceFlags Type)>();
        foreach ((NamespaceFlags type, FileDescriptor file, string path) in joined.OrderBy(static j => j.Type == NamespaceFlags.CLONE_NEWNS))
        {
            PlanRegister result = plan.NewRegister();
            string step = $"joining namespace {path}";
            plan.Set(result, 1);
            plan.Call(step, calls.Setns, file.Number, (nint)type).SaveTo(result).Tolerating(Errno.EPERM);
            left.Add((result, step, file.Number, type));
        }

        plan.Call("joining the user namespace", calls.Setns, user.Number, (nint)NamespaceFlags.CLONE_NEWUSER);
        foreach ((PlanRegister result, string step, int file, NamespaceFlags type) in left)
        {
            PlanLabel done = plan.NewLabel();
            plan.Test(step, result, 1, Errno.EPERM).Tolerating(Errno.EPERM).OnError(done);
            plan.Call(step, calls.Setns, file, (nint)type);
            plan.Mark(done);
        }

        AddBecomeRoot(plan, forbidInspection: false);
    }

    // Before Linux 6.1 execve(2) does not enter it by itself.
    private static void AddEnterTime(SyscallPlan plan)
    {
        const string Step = "entering the time namespace";
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanRegister file = plan.NewRegister();
        int proc = plan.Own(ProcFiles.OpenFolder("/proc"));
        plan.Call(Step, calls.Openat, proc, plan.Text("self/ns/time_for_children"), (nint)(OpenFlags.O_RDONLY | OpenFlags.O_CLOEXEC)).SaveTo(file);
        plan.Call(Step, calls.Setns, file, (nint)NamespaceFlags.CLONE_NEWTIME);
        plan.Call("close", calls.Close, file);
    }

    private void Put(NamespaceFlags type, NamespaceSpec spec)
    {
        if (string.IsNullOrEmpty(spec.Path))
        {
            if (type == NamespaceFlags.CLONE_NEWCGROUP)
                newCgroup = true;
            else if (type == NamespaceFlags.CLONE_NEWTIME)
                newTime = true;
            else
                New |= type;
            Own |= type;
            return;
        }

        FileDescriptor file = Paths.Open(spec.Path, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
        if (type == NamespaceFlags.CLONE_NEWPID)
            JoinedPid = file;
        else if (type == NamespaceFlags.CLONE_NEWUSER)
            joinedUser = file;
        else
            joined.Add((type, file, spec.Path));
        if (NamespaceCalls.TypeOf(file) is not { } actual)
            throw new ArgumentException($"namespace path {spec.Path} is not a namespace");
        if (actual != type)
            throw new ArgumentException($"namespace path {spec.Path} is a {Name(actual)} namespace, but '{spec.Type}' was asked for");
        if (!NamespaceCalls.IsOwn(file, type))
            Own |= type;
        else if (type == NamespaceFlags.CLONE_NEWUSER)
        {
            // setns(2) refuses the one that the process is in already.
            joinedUser = null;
            file.Dispose();
        }
    }

    private static readonly (string Name, NamespaceFlags Type)[] Kinds =
    [
        ("pid", NamespaceFlags.CLONE_NEWPID), ("network", NamespaceFlags.CLONE_NEWNET), ("mount", NamespaceFlags.CLONE_NEWNS), ("ipc", NamespaceFlags.CLONE_NEWIPC),
        ("uts", NamespaceFlags.CLONE_NEWUTS), ("user", NamespaceFlags.CLONE_NEWUSER), ("cgroup", NamespaceFlags.CLONE_NEWCGROUP), ("time", NamespaceFlags.CLONE_NEWTIME),
    ];

    /// <summary>The types that <see cref="Parse"/> takes, sorted.</summary>
    public static IReadOnlyList<string> Types => [.. Kinds.Select(static k => k.Name).Order(StringComparer.Ordinal)];

    /// <summary>Those that a container of this configuration was given new ones of.</summary>
    public static NamespaceFlags Made(RuntimeSpec spec)
    {
        var made = NamespaceFlags.None;
        foreach (NamespaceSpec space in spec.Linux?.Namespaces ?? [])
        {
            if (string.IsNullOrEmpty(space.Path))
                made |= Flag(space.Type);
        }

        return made;
    }

    private static NamespaceFlags Flag(string type)
    {
        NamespaceFlags found = Array.Find(Kinds, k => k.Name == type).Type;
        return found != NamespaceFlags.None
            ? found
            : throw new ArgumentException($"unknown namespace '{type}'; known are {string.Join(", ", Kinds.Select(static k => k.Name))}");
    }

    private static string Name(NamespaceFlags type) => Array.Find(Kinds, k => k.Type == type).Name ?? type.ToString();

    private static void AddLoopback(SyscallPlan plan, SyscallNumbers calls)
    {
        const string Step = "bringing up the loopback interface";
        Span<byte> request = stackalloc byte[40]; // struct ifreq: name, then at 16 the flags: IFF_UP | IFF_RUNNING
        request.Clear();
        "lo"u8.CopyTo(request);
        request[16] = 0x41;
        PlanRegister socket = plan.NewRegister();
        plan.Call(Step, calls.Socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).SaveTo(socket);
        plan.Call(Step, calls.Ioctl, socket, SIOCSIFFLAGS, plan.Bytes(request));
        plan.Call("close", calls.Close, socket);
    }
}
