using Berth.Linux;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;
using Berth.Runtime.Init;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Verbs;

namespace Berth.RuntimeHost.Containers;

/// <summary>One container as the verbs see it: what is stored about it together with its processes and its cgroup.</summary>
internal sealed class Container : IDisposable
{
    private readonly StoredContainer stored;
    private ContainerCgroup? cgroup;

    public Container(StoredContainer stored) => this.stored = stored;

    public string Id => stored.Id;

    /// <summary>What is stored.</summary>
    /// <exception cref="StateException">A killed create stored nothing.</exception>
    public StoredState State => stored.State ?? throw StateException.DoesNotExist();

    public ContainerStatus Status => stored.GetStatus(_ => Cgroup is { IsFrozen: true });

    /// <summary>Its cgroup; null: it has none of its own.</summary>
    public ContainerCgroup? Cgroup => stored.State?.Cgroup is { } location ? cgroup ??= ContainerCgroup.Open(location) : null;

    /// <summary>Who made it.</summary>
    public uint OwnerUid => stored.OwnerUid;

    /// <summary>The state as the specification has it, and as hooks get it.</summary>
    public ContainerState Describe(string status) => new()
    {
        OciVersion = State.OciVersion, Id = Id, Status = status, Pid = State.Pid > 0 ? State.Pid : null, Bundle = State.Bundle, Annotations = State.Annotations,
    };

    /// <summary>The status's name in the specification.</summary>
    public static string NameOf(ContainerStatus status) => status switch
    {
        ContainerStatus.Creating => "creating",
        ContainerStatus.Created => "created",
        ContainerStatus.Running => "running",
        ContainerStatus.Paused => "paused",
        _ => "stopped",
    };

    /// <summary>
    /// Lets a created container's program run, then the hooks of that moment. Where the container has startContainer hooks, waits for their end, and
    /// gives the lock up before, so that other verbs can end them.
    /// </summary>
    /// <exception cref="StateException">It is not created, or not any more, or a startContainer hook failed: the process has ended then.</exception>
    public void Start()
    {
        using FileDescriptor? report = State.HasHooks ? stored.OpenHookFifo() : null;
        switch (Status)
        {
            case ContainerStatus.Created when stored.Release():
                break;
            case ContainerStatus.Created or ContainerStatus.Stopped:
                throw new StateException("cannot start a container that has stopped");
            case ContainerStatus.Running:
                throw new StateException("cannot start an already running container");
            case var other:
                throw new StateException($"cannot start a container in the {NameOf(other)} state");
        }

        if (report is not null)
        {
            IReadOnlyList<HookSpec> hooks = LoadSpec().Hooks?.StartContainer ?? [];
            stored.Dispose();
            if (HookReport.Wait(report, hooks) is { } failure)
                throw new StateException(failure);
        }

        RunHooks(static hooks => hooks.Poststart, "poststart", NameOf(ContainerStatus.Running));
    }

    /// <summary>Sends a signal to the first process; SIGKILL is for all where the first one's end would not end the others.</summary>
    /// <exception cref="StateException">It is not running.</exception>
    /// <exception cref="LinuxException">No such signal.</exception>
    public void Kill(int signal, bool all)
    {
        using FileDescriptor? process = stored.OpenProcess();
        if (process is null && !all)
            throw new StateException("container not running");
        if (all || (signal == SignalNames.SIGKILL && !State.OwnPidNamespace))
            SignalMembers(signal);
        if (process is not null)
            _ = Signal(process, signal);
        if (signal != SignalNames.SIGKILL || Cgroup is not { } own)
            return;

        // What is frozen takes no signal, not even this one, under cgroup v1. Processes forked meanwhile are seen when nothing else is left.
        if (own.IsFrozen)
            own.Thaw();
        if (all || !State.OwnPidNamespace)
            own.KillAll();
    }

    /// <summary>Removes the container with all that belongs to it. With <paramref name="force"/> whatever of it lives is killed first.</summary>
    /// <exception cref="StateException">It lives, and may not be killed.</exception>
    /// <exception cref="LinuxException">A process does not end, or the file system refuses.</exception>
    public void Delete(bool force)
    {
        if (stored.State is null)
        {
            stored.Remove(); // a killed create left it, before anything was made
            return;
        }

        ContainerStatus status = Status;
        if (!force && status is ContainerStatus.Running or ContainerStatus.Paused)
            throw new StateException($"cannot delete container {Id} that is not stopped: {NameOf(status)}");
        KillProcess();
        Cgroup?.Remove();
        RunHooks(static hooks => hooks.Poststop, "poststop", NameOf(ContainerStatus.Stopped));
        stored.Remove();
    }

    /// <inheritdoc/>
    public void Dispose() => stored.Dispose();

    /// <summary>Pins the first process; null when it has ended.</summary>
    public FileDescriptor? OpenProcess() => stored.OpenProcess();

    /// <summary>The configuration that it was made from.</summary>
    public RuntimeSpec LoadSpec(bool withSeccomp = true) => stored.LoadSpec(withSeccomp);

    /// <summary>Its seccomp filter, where it was kept.</summary>
    public SeccompFilter? TryLoadFilter() => stored.TryLoadFilter();

    /// <summary>Replaces what is stored.</summary>
    public void Save(StoredState state) => stored.Save(state);

    private static bool Signal(FileDescriptor process, int signal)
    {
        try
        {
            return ChildProcess.Signal(process, signal);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            throw new StateException("unable to signal init: invalid argument");
        }
    }

    // Each is pinned and then seen in the cgroup again, so that a number which changed hands is never signalled.
    private void SignalMembers(int signal)
    {
        if (Cgroup is not { } own)
            return;
        var pinned = new List<(int Pid, FileDescriptor Process)>();
        try
        {
            foreach (int pid in own.Members(recursive: true))
            {
                if (Linux.Processes.ProcessControl.OpenProcess(pid) is { } process)
                    pinned.Add((pid, process));
            }

            IReadOnlyList<int> still = own.Members(recursive: true);
            foreach ((int pid, FileDescriptor process) in pinned)
            {
                if (still.Contains(pid))
                    _ = Signal(process, signal);
            }
        }
        finally
        {
            foreach ((_, FileDescriptor process) in pinned)
                process.Dispose();
        }
    }

    // Waits for the end, as the folder must not go before the process. A zombie has ended: its parent may be slow to reap it.
    private void KillProcess()
    {
        const int Milliseconds = 10_000;
        if (Cgroup is { } own)
            own.KillAll();
        using FileDescriptor? process = stored.OpenProcess();
        if (process is null)
            return;
        _ = ChildProcess.Signal(process, SignalNames.SIGKILL);
        using var poll = new Linux.Events.EventPoll(1);
        poll.Add(process.Number, Linux.Events.PollEvents.In, 0);
        if (poll.Wait(Milliseconds) == 0)
            throw new StateException($"container {Id}: its process {State.Pid} does not end, {Milliseconds / 1000} s after SIGKILL");
    }

    // The specification: errors of these hooks are logged, and life goes on.
    private void RunHooks(Func<HooksSpec, IReadOnlyList<HookSpec>?> select, string kind, string status)
    {
        if (!State.HasHooks)
            return;
        try
        {
            if (LoadSpec().Hooks is { } hooks && select(hooks) is { Count: > 0 } list)
                HookRunner.Run(list, kind, Describe(status));
        }
        catch (Exception e) when (e is InvalidDataException or ContainerStartException or LinuxException or ArgumentException or IOException)
        {
            RuntimeLog.Warning($"{kind} hooks of container {Id}: {Failures.Describe(e)}");
        }
    }
}
