using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Users;

namespace Berth.Runtime.Init;

/// <summary>The second half of every plan, for a container's first process and for those added later: from inside the container's root to execve(2).</summary>
internal static class ProcessPlan
{
    private const nint TIOCSCTTY = 0x540E, KEYCTL_JOIN_SESSION_KEYRING = 1;
    private const int SIGKILL = 9;

    /// <summary>Checks what needs no kernel.</summary>
    /// <exception cref="ArgumentException">The process makes no sense.</exception>
    public static void Validate(ProcessSpec process, ProcessStdio stdio)
    {
        if (process.Args.Count == 0)
            throw new ArgumentException("no command specified");
        if (!process.Cwd.StartsWith('/'))
            throw new ArgumentException($"cwd \"{process.Cwd}\" must be an absolute path");
        if (process.Terminal != stdio.IsTerminal)
            throw new ArgumentException($"process.terminal is {(process.Terminal ? "set" : "not set")}, but the streams given {(stdio.IsTerminal ? "ask for" : "are not")} a terminal");
    }

    /// <summary>Numbers and home of the user, from the root that is visible through <paramref name="root"/>.</summary>
    /// <exception cref="ContainerStartException">InvalidConfig.</exception>
    public static (Identity Identity, IReadOnlyList<string> Environment) Resolve(FileDescriptor root, ProcessSpec process, string? user)
    {
        IReadOnlyList<string> environment = process.Env ?? [];
        bool needsHome = !environment.Any(static e => e.StartsWith("HOME=", StringComparison.Ordinal));
        Identity identity;
        if (user is not null)
        {
            identity = UserLookup.Resolve(root, user);
            IReadOnlyList<uint> more = process.User.AdditionalGids ?? [];
            identity = identity with { AdditionalGids = [.. identity.AdditionalGids.Union(more)] };
        }
        else
        {
            string home = needsHome ? UserLookup.HomeOf(root, process.User.Uid) : "/";
            identity = new Identity(process.User.Uid, process.User.Gid, process.User.AdditionalGids ?? [], home);
        }

        return (identity, needsHome ? [.. environment, "HOME=" + identity.Home] : environment);
    }

    /// <summary>The first steps of any new process: it dies with its supervisor, is its own session, and stands in for nobody in out-of-memory choices.</summary>
    public static void AddBeginning(SyscallPlan plan, ProcessSpec process)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL);
        plan.Call("new session", calls.Setsid);
        if (process.OomScoreAdj is not { } score)
            return;
        string step = $"setting oom_score_adj to {score} (below the engine's own only with CAP_SYS_RESOURCE)";
        string text = score.ToString();
        PlanRegister file = plan.NewRegister();
        plan.Call(step, calls.Openat, -100, plan.Text("/proc/self/oom_score_adj"), (nint)(OpenFlags.O_WRONLY | OpenFlags.O_CLOEXEC)).SaveTo(file);
        plan.Call(step, calls.Write, file, plan.Text(text), text.Length);
        plan.Call("close", calls.Close, file);
    }

    /// <summary>Adds everything up to execve(2), to be walked inside the container's root.</summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="process">What to run.</param>
    /// <param name="identity">Who runs it.</param>
    /// <param name="environment">Its environment.</param>
    /// <param name="stdio">Its streams, unless there is a terminal.</param>
    /// <param name="terminal">Its terminal.</param>
    /// <param name="filter">The compiled seccomp filter; null: none.</param>
    /// <param name="isNamedUser">Whether the user came as docker's <c>user[:group]</c>.</param>
    /// <param name="keyring">The name of the new session keyring.</param>
    /// <exception cref="ArgumentException">A limit or capability makes no sense.</exception>
    public static void AddEnd(
        SyscallPlan plan, ProcessSpec process, Identity identity, IReadOnlyList<string> environment, ProcessStdio stdio, PseudoTerminal? terminal,
        SeccompFilter? filter, bool isNamedUser, string keyring)
    {
        SyscallNumbers calls = SyscallNumbers.Current;

        // Keys of the supervisor's session keyring are not the container's. Kernels without keyrings say ENOSYS.
        plan.Call("joining a session keyring", calls.Keyctl, KEYCTL_JOIN_SESSION_KEYRING, plan.Text(keyring)).Tolerating(Errno.ENOSYS);
        ResourceLimits.Add(plan, process.Rlimits ?? []);
        AddStdio(plan, identity, stdio, terminal);
        ProgramStart.AddWorkingFolder(plan, process.Cwd);
        plan.Call("setting umask", calls.Umask, (nint)(process.User.Umask ?? 0x12));

        // Without no_new_privs only a privileged process may add a filter; with it, the filter can wait and restrict less of what happens here.
        if (!process.NoNewPrivileges)
            filter?.Add(plan);
        Credentials.Add(plan, identity, process.Capabilities, isNamedUser);
        plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL); // changing users has cleared it
        PlanRegister program = ProgramStart.AddSearch(plan, process.Args[0], environment);
        ProgramStart.AddSignals(plan);
        if (process.NoNewPrivileges)
        {
            plan.Call("setting no_new_privs", calls.Prctl, ProcessControl.PR_SET_NO_NEW_PRIVS, 1);
            filter?.Add(plan);
        }

        ProgramStart.AddExecute(plan, program, process.Args, environment);
    }

    // After this step no descriptor but 0, 1 and 2 is open, so nothing that follows can reach a host file by one.
    private static void AddStdio(SyscallPlan plan, Identity identity, ProcessStdio stdio, PseudoTerminal? terminal)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        int[] sources = terminal is null ? [stdio.Stdin, stdio.Stdout, stdio.Stderr] : [terminal.Slave.Number, terminal.Slave.Number, terminal.Slave.Number];
        nint empty = plan.Text("");
        for (int i = 0; i < sources.Length; i++)
        {
            // Numbers below 3 could be overwritten before their turn; copies cannot.
            int source = plan.Own(DescriptorIo.Duplicate(sources[i], 3));
            if (identity.Uid != 0 && IsOwn(sources[i]))
                plan.Call("giving the streams to the user", calls.Fchownat, source, empty, (nint)identity.Uid, -1, Linux.Mounts.MountCalls.AT_EMPTY_PATH);
            plan.Call("connecting the streams", calls.Dup3, source, i);
        }

        if (terminal is not null)
            plan.Call("taking the terminal", calls.Ioctl, 0, TIOCSCTTY, 0);
        plan.Call("closing descriptors", calls.CloseRange, 3, int.MaxValue, 0);
    }

    // Pipes and terminals are made for one process: its user may reopen them (/dev/stdout). Files and devices stay whose they are.
    private static bool IsOwn(int descriptor)
    {
        const uint FirstPtyMajor = 136, LastPtyMajor = 143;
        using FileDescriptor copy = DescriptorIo.Duplicate(descriptor);
        FileStatus status = FileStatusCalls.Stat(copy);
        return status.Type == FileTypes.S_IFIFO || status.Type == FileTypes.S_IFCHR && status.DeviceMajor is >= FirstPtyMajor and <= LastPtyMajor;
    }
}

/// <summary>A compiled filter: an array of <c>struct sock_filter</c>.</summary>
internal sealed record SeccompFilter(byte[] Program, uint Flags)
{
    private const int SECCOMP_SET_MODE_FILTER = 1, InstructionSize = 8;

    /// <summary>Adds the step that installs it.</summary>
    public void Add(SyscallPlan plan)
    {
        nint instructions = plan.Bytes(Program);
        nint header = plan.Words((ulong)(Program.Length / InstructionSize), (ulong)instructions); // struct sock_fprog
        plan.Call("installing the seccomp filter", SyscallNumbers.Current.Seccomp, SECCOMP_SET_MODE_FILTER, (nint)Flags, header);
    }
}
