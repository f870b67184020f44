using System.Globalization;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;

namespace Berth.Runtime.Host;

/// <content>What the parent does while the process of a concurrent start waits for it.</content>
internal sealed partial class ContainerLaunch
{
    private CreatedContainer RunConcurrent(SyscallPlan plan)
    {
        PlanHandshake points = handshake ?? throw new InvalidOperationException("a concurrent start has a handshake");
        bool two = namespaces.NeedsTwoProcesses;
        NamespaceFlags flags = two ? NamespaceFlags.None : namespaces.New;
        using ConcurrentProcess child = !two && namespaces.JoinedPid is { } pidNamespace
            ? NamespaceCalls.WithPidNamespaceOf(pidNamespace, () => ProcessSpawner.SpawnConcurrent(plan, points, flags))
            : ProcessSpawner.SpawnConcurrent(plan, points, flags);
        try
        {
            if (forked is { } second && !child.FollowFork(second))
                throw new PlanInterruptedException(end: null); // cannot be: it was forked by a process that has no other threads
            while (child.WaitForPoint() is { } point)
            {
                CreatedContainer? ready = Meet(child, point);
                child.Resume();
                if (ready is not null)
                {
                    child.Release();
                    return ready;
                }
            }

            child.ExpectReached(reached);
            return Describe(child.Pid, child.Release(), terminalMaster ?? terminal?.Opened?.Master, startTime: 0);
        }
        catch
        {
            child.Kill();
            throw;
        }
    }

    private CreatedContainer? Meet(ConcurrentProcess child, byte point)
    {
        switch (point)
        {
            case StartPoints.Namespaces:
                SetNamespaces(child.Pid);
                break;
            case StartPoints.Root:
                ContainerState state = start.State("creating", child.Pid);
                HookRunner.Run(hooks.Prestart, "prestart", state);
                HookRunner.Run(hooks.CreateRuntime, "createRuntime", state);
                HookRunner.Run(
                    hooks.CreateContainer, "createContainer", state with { Pid = PidInside(child.Pid) }, (child.Pid, child.PidFd));
                break;
            case StartPoints.Terminal when terminal is not null:
                terminalMaster = child.Take(terminal.Master);
                ApplySize(terminalMaster);
                break;
            case StartPoints.Listener:
                SeccompListener.Send(child, listener, spec, start.State("creating", child.Pid));
                break;
            case StartPoints.Ready:
                return BecomeReady(child);
            default:
                throw new InvalidOperationException($"the new process waits at point {point}, which this start does not have");
        }

        return null;
    }

    private void SetNamespaces(int pid)
    {
        if (cgroup is { NeedsAttach: true })
            cgroup.Attach(pid);
        if (namespaces.MakesUser && spec.Linux is { } linux)
            UserNamespaceMaps.Write(pid, linux, IsPrivileged);
        else if (namespaces.HasUser)
            UserNamespaceMaps.Verify(pid, spec.Linux);
        if (namespaces.MakesTime && spec.Linux?.TimeOffsets is { Count: > 0 } offsets)
            TimeOffsets.Write(pid, offsets);
        if (!namespaces.HasUser)
            return;

        // What needs privileges outside of the user namespace.
        if (process.OomScoreAdj is { } score)
            UserNamespaceMaps.WriteFile($"/proc/{pid}/oom_score_adj", score.ToString(CultureInfo.InvariantCulture));
        ResourceLimits.RaiseHard(pid, process.Rlimits ?? []);
    }

    private CreatedContainer? BecomeReady(ConcurrentProcess child)
    {
        startHooks?.Write(start.State("created", PidInside(child.Pid)));
        if (create is null)
            return null;
        ulong startTime = ProcessStat.TryRead(child.Pid)?.StartTime ?? throw new PlanInterruptedException(end: null);
        CreatedContainer ready = Describe(child.Pid, child.PidFd, terminalMaster ?? terminal?.Opened?.Master, startTime);
        create.OnReady(ready);
        return ready;
    }

    // The process's id in its own pid namespace, the last of its ids.
    private static int PidInside(int pid)
    {
        const string Field = "\nNSpid:";
        string status = CgroupFile.Read($"/proc/{pid}/status");
        int at = status.IndexOf(Field, StringComparison.Ordinal);
        return at < 0 ? pid : int.Parse(status[at..].Split('\n')[1].Split('\t')[^1], CultureInfo.InvariantCulture);
    }
}
