using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>The configured namespaces, sorted into those made by clone(2) and those joined by path.</summary>
internal sealed class NamespacePlan : IDisposable
{
    private const int AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000;
    private const nint SIOCSIFFLAGS = 0x8914;
    private readonly List<(NamespaceFlags Type, FileDescriptor File, string Path)> joined = [];
    private bool newCgroup;

    /// <summary>Made by clone(2). The cgroup namespace is not among them: its root is where the process is when it is made, so it comes after joining the cgroup.</summary>
    public NamespaceFlags New { get; private set; }

    /// <summary>The pid namespace to be born into; null: a new one, or the caller's.</summary>
    public FileDescriptor? JoinedPid { get; private set; }

    /// <summary>Reads the list and opens the paths in it.</summary>
    /// <exception cref="ArgumentException">Unknown, twice, or not possible.</exception>
    /// <exception cref="LinuxException">A path cannot be opened.</exception>
    public static NamespacePlan Parse(IReadOnlyList<NamespaceSpec> specs)
    {
        var plan = new NamespacePlan();
        try
        {
            var seen = NamespaceFlags.None;
            foreach (NamespaceSpec spec in specs)
            {
                NamespaceFlags type = Flag(spec.Type);
                if ((seen & type) != NamespaceFlags.None)
                    throw new ArgumentException($"namespace '{spec.Type}' is given twice");
                seen |= type;
                plan.Put(type, spec);
            }

            if ((plan.New & NamespaceFlags.CLONE_NEWNS) == NamespaceFlags.None)
                throw new ArgumentException("a container needs a new mount namespace");
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Adds the steps: joins, the cgroup namespace, and the loopback interface of a new network namespace.</summary>
    public void Add(SyscallPlan plan)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        foreach ((NamespaceFlags type, FileDescriptor file, string path) in joined)
            plan.Call($"joining namespace {path}", calls.Setns, file.Number, (nint)type);
        if (newCgroup)
            plan.Call("making a cgroup namespace", calls.Unshare, (nint)NamespaceFlags.CLONE_NEWCGROUP);
        if ((New & NamespaceFlags.CLONE_NEWNET) != NamespaceFlags.None)
            AddLoopback(plan, calls);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, FileDescriptor file, _) in joined)
            file.Dispose();
        JoinedPid?.Dispose();
    }

    private void Put(NamespaceFlags type, NamespaceSpec spec)
    {
        if (string.IsNullOrEmpty(spec.Path))
        {
            if (type == NamespaceFlags.CLONE_NEWUSER)
                throw new ArgumentException("user namespaces are not supported");
            if (type == NamespaceFlags.CLONE_NEWCGROUP)
                newCgroup = true;
            else
                New |= type;
            return;
        }

        if (type is NamespaceFlags.CLONE_NEWUSER or NamespaceFlags.CLONE_NEWNS)
            throw new ArgumentException($"joining a {spec.Type} namespace by path is not supported ({spec.Path})");
        FileDescriptor file = Paths.Open(spec.Path, OpenFlags.O_RDONLY);
        if (type == NamespaceFlags.CLONE_NEWPID)
            JoinedPid = file;
        else
            joined.Add((type, file, spec.Path));
    }

    private static NamespaceFlags Flag(string type) => type switch
    {
        "pid" => NamespaceFlags.CLONE_NEWPID,
        "network" => NamespaceFlags.CLONE_NEWNET,
        "mount" => NamespaceFlags.CLONE_NEWNS,
        "ipc" => NamespaceFlags.CLONE_NEWIPC,
        "uts" => NamespaceFlags.CLONE_NEWUTS,
        "user" => NamespaceFlags.CLONE_NEWUSER,
        "cgroup" => NamespaceFlags.CLONE_NEWCGROUP,
        _ => throw new ArgumentException($"unknown or unsupported namespace '{type}'"),
    };

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
