using System.Globalization;
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
    private const int SIGKILL = 9, MinOomScore = -1000, MaxOomScore = 1000;
    private const uint DefaultUmask = 0x12; // 022

    /// <summary>Checks what needs no kernel.</summary>
    /// <exception cref="ArgumentException">The process makes no sense.</exception>
    public static void Validate(ProcessSpec process, ProcessStdio stdio)
    {
        if (process.Args.Count == 0)
            throw new ArgumentException("no command specified");
        if (!process.Cwd.StartsWith('/'))
            throw new ArgumentException($"cwd \"{process.Cwd}\" must be an absolute path");

        // setresuid(2) takes the largest number for "as it is", which is root.
        UserSpec user = process.User;
        if (user.Uid == uint.MaxValue || user.Gid == uint.MaxValue || (user.AdditionalGids ?? []).Contains(uint.MaxValue))
            throw new ArgumentException($"process.user: {uint.MaxValue} is no user or group");
        if (process.ConsoleSize is { } size && (size.Height > ushort.MaxValue || size.Width > ushort.MaxValue))
            throw new ArgumentException($"process.consoleSize is {size.Height} by {size.Width}; a terminal has at most {ushort.MaxValue} rows and columns");
        if (process.Terminal != stdio.IsTerminal)
            throw new ArgumentException($"process.terminal is {(process.Terminal ? "set" : "not set")}, but the streams given {(stdio.IsTerminal ? "ask for" : "are not")} a terminal");
    }

    /// <summary>Numbers and home of the user, from the root that is visible through <paramref name="root"/>.</summary>
    /// <exception cref="ContainerStartException">InvalidConfig.</exception>
    public static (Identity Identity, IReadOnlyList<string> Environment) Resolve(FileDescriptor root, ProcessSpec process, string? user)
    {
        IReadOnlyList<string> environment = process.Env ?? [];

        // Of several the last counts; an empty one is as good as none.
        bool needsHome = environment.LastOrDefault(static e => e.StartsWith("HOME=", StringComparison.Ordinal)) is null or "HOME=";
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

        return (identity, needsHome ? [.. environment.Where(static e => e != "HOME="), "HOME=" + identity.Home] : environment);
    }

    /// <summary>
    /// The first steps of any new process, in the host's namespaces: it dies with its supervisor, is its own session, stands in for nobody in
    /// out-of-memory choices, and execve(2) will give it its security labels.
    /// </summary>
    /// <exception cref="ArgumentException">A label without a security module for it, or a score out of range.</exception>
    /// <exception cref="LinuxException">The host's /proc cannot be opened.</exception>
    public static void AddBeginning(SyscallPlan plan, ProcessSpec process, bool dieWithParent = true)
    {
        AddSession(plan, dieWithParent);
        if (process.OomScoreAdj is { } score)
            AddOomScore(plan, score);
        SecurityLabels.Add(plan, process);
    }

    /// <summary>The part of <see cref="AddBeginning"/> that each process needs for itself: a fork does not hand on the signal, and one that leads no session can have no terminal of its own.</summary>
    public static void AddSession(SyscallPlan plan, bool dieWithParent)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        if (dieWithParent)
            plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL);
        plan.Call("new session", calls.Setsid);
    }

    /// <summary>Adds everything up to execve(2), to be walked inside the container's root.</summary>
    /// <exception cref="ArgumentException">A limit, capability or scheduler makes no sense.</exception>
    public static void AddEnd(SyscallPlan plan, FinalSteps end)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        ProcessSpec process = end.Process;

        // Keys of the supervisor's session keyring are not the container's. Kernels without keyrings say ENOSYS.
        if (end.Keyring is { } keyring)
            plan.Call("joining a session keyring", calls.Keyctl, KEYCTL_JOIN_SESSION_KEYRING, plan.Text(keyring)).Tolerating(Errno.ENOSYS);
        ResourceLimits.Add(plan, process.Rlimits ?? []);
        if (!end.HasStreams)
            AddStreams(plan, end);
        if (end.Terminal is not null || end.TerminalSlave is not null)
            plan.Call("taking the terminal", calls.Ioctl, 0, TIOCSCTTY, 0);
        bool userMayDoBetter = end.Identity.Uid != 0;
        PlanRegister folder = ProgramStart.AddWorkingFolder(plan, process.Cwd, userMayDoBetter);
        plan.Call("setting umask", calls.Umask, (nint)(process.User.Umask ?? DefaultUmask));
        Scheduling.Add(plan, process, end.Personality);

        // Without no_new_privs only a privileged process may add a filter; with it, the filter can wait and restrict less of what happens here.
        if (!process.NoNewPrivileges)
            AddFilter(plan, end);
        Credentials.Add(plan, end);
        if (userMayDoBetter)
            ProgramStart.AddWorkingFolderAgain(plan, process.Cwd, folder);
        if (end.DieWithParent)
            plan.Call("dying with the supervisor", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL); // changing users has cleared it
        PlanRegister program = ProgramStart.AddSearch(plan, process.Args[0], end.Environment);
        if (!end.KeepsSignalsBlocked)
            ProgramStart.AddSignals(plan);
        if (process.NoNewPrivileges)
        {
            plan.Call("setting no_new_privs", calls.Prctl, ProcessControl.PR_SET_NO_NEW_PRIVS, 1);
            AddFilter(plan, end);
        }

        end.BeforeExecute?.Invoke();
        ProgramStart.AddExecute(plan, program, process.Args, end.Environment);
    }

    private static void AddOomScore(SyscallPlan plan, int score)
    {
        if (score is < MinOomScore or > MaxOomScore)
            throw new ArgumentException($"oomScoreAdj {score} is not between {MinOomScore} and {MaxOomScore}");
        string step = $"setting oom_score_adj to {score} (below the engine's own only with CAP_SYS_RESOURCE)";
        OwnProcess.AddWrite(plan, step, "oom_score_adj", score.ToString(CultureInfo.InvariantCulture));
    }

    private static void AddFilter(SyscallPlan plan, FinalSteps end)
    {
        if (end is not { Filter.HasListener: true, OnListener: { } handOver })
        {
            end.Filter?.Add(plan);
            return;
        }

        PlanRegister listener = plan.NewRegister();
        end.Filter.Add(plan, listener);
        handOver(listener);
        plan.Call("close", SyscallNumbers.Current.Close, listener);
    }

    /// <summary>Adds the steps that connect the streams. After them no descriptor is open but 0, 1, 2 and those asked for, so nothing that follows can reach a host file by one.</summary>
    public static void AddStreams(SyscallPlan plan, FinalSteps end)
    {
        if (end.TerminalSlave is { } slave)
        {
            for (int i = 0; i < 3; i++)
                AddStream(plan, end, slave, isOwn: true, i);
        }
        else
        {
            ProcessStdio stdio = end.Terminal is { Slave.Number: var number } ? new ProcessStdio(number, number, number) : end.Stdio;
            int[] sources = [stdio.Stdin, stdio.Stdout, stdio.Stderr];
            for (int i = 0; i < sources.Length; i++)
                AddStream(plan, end, plan.Own(DescriptorIo.Duplicate(sources[i], 3)), IsOwn(sources[i]), i); // numbers below 3 could be overwritten before their turn; copies cannot
        }

        AddClosing(plan, end);
    }

    private static void AddStream(SyscallPlan plan, FinalSteps end, PlanArgument source, bool isOwn, int number)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        if (isOwn && (end.Identity.Uid != 0 || end.TerminalSlave is not null))
        {
            PlanStep step = plan.Call(
                "giving the streams to the user", calls.Fchownat, source, plan.Text(""), (nint)end.Identity.Uid, -1, Linux.Mounts.MountCalls.AT_EMPTY_PATH);
            if (end.HasUserNamespace)
                step.ToleratingAll();
        }

        plan.Call("connecting the streams", calls.Dup3, source, number);
    }

    // The gaps between the descriptors that stay.
    private static void AddClosing(SyscallPlan plan, FinalSteps end)
    {
        int first = 3 + end.PreservedDescriptors;
        int[] descriptors = [.. end.KeptDescriptors];
        Array.Sort(descriptors);
        foreach (int kept in descriptors)
        {
            if (kept < first)
                continue;
            if (kept > first)
                plan.Call("closing descriptors", SyscallNumbers.Current.CloseRange, first, kept - 1, 0);
            first = kept + 1;
        }

        plan.Call("closing descriptors", SyscallNumbers.Current.CloseRange, first, int.MaxValue, 0);
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
