using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Cgroups.Systemd;
using Berth.Runtime.Init;

namespace Berth.Runtime.Host;

/// <summary>Starts containers: from a configuration to a process in which execve(2) has been reached.</summary>
public static class ContainerLauncher
{
    /// <summary>
    /// Starts the container's first process. Call it from a thread that lives as long as the container: the process gets SIGKILL when that thread ends
    /// (PR_SET_PDEATHSIG). The calling process becomes non-dumpable, as the new one shares its memory for a moment.
    /// </summary>
    /// <param name="start">What to start.</param>
    /// <param name="stdio">Its streams.</param>
    /// <returns>The container; its process is a child that the caller reaps.</returns>
    /// <exception cref="ContainerStartException">It did not start; no cgroup, mount or process of it is left.</exception>
    public static RunningContainer Start(ContainerStart start, ProcessStdio stdio) => Launch(
        start, stdio, create: null,
        static (start, started, cgroup, filter) =>
            new RunningContainer(start, started.Pid, started.PidFd, started.TerminalMaster, cgroup, filter, started.MissingCapabilities));

    /// <summary>
    /// Makes a container whose process waits for its start: everything that can fail for the user's reasons has been done by then, but execve(2) itself.
    /// The process outlives the caller, and dies with it only up to the end of <see cref="CreateOptions.OnReady"/>. The calling process becomes
    /// non-dumpable; other threads of it should not allocate meanwhile.
    /// </summary>
    /// <param name="start">What to make.</param>
    /// <param name="stdio">Its process's streams.</param>
    /// <param name="options">How it waits.</param>
    /// <returns>The container, as <see cref="CreateOptions.OnReady"/> was given it; its process is a child of the caller.</returns>
    /// <exception cref="ContainerStartException">It was not made; no cgroup, mount or process of it is left.</exception>
    public static CreatedContainer Create(ContainerStart start, ProcessStdio stdio, CreateOptions options) =>
        Launch(start, stdio, options, static (_, started, _, _) => started);

    private static T Launch<T>(
        ContainerStart start, ProcessStdio stdio, CreateOptions? create, Func<ContainerStart, CreatedContainer, ContainerCgroup?, SeccompFilter?, T> result)
    {
        ContainerCgroup? cgroup = null;
        try
        {
            ProcessSpec process = start.Spec.Process ?? throw new ArgumentException("the configuration has no process");
            ProcessPlan.Validate(process, stdio);
            cgroup = MakeCgroup(start);
            using var launch = new ContainerLaunch(start, process, stdio, cgroup, create);
            CreatedContainer started = launch.Run();
            cgroup?.Joined();
            return result(start, started, cgroup, launch.Filter);
        }
        catch (Exception e)
        {
            bool memory = e is PlanInterruptedException && cgroup?.WasOomKilled() == true;
            RemoveAfterFailure(cgroup, e);
            if (memory)
                throw StartSteps.Create(StartFailure.Host, $"{e.Message}, for want of memory (linux.resources.memory.limit too low?)", isExec: false, e);
            if (ToStartException(e, isExec: false) is { } translated && !ReferenceEquals(translated, e))
                throw translated;
            throw;
        }
    }

    private static ContainerCgroup? MakeCgroup(ContainerStart start)
    {
        ResourcesSpec? resources = start.Spec.Linux?.Resources;
        if (start.Cgroup is { } request)
            return ContainerCgroup.Create(request, ContainerCgroup.Locate(request), resources);
        return start.Spec.Linux?.CgroupsPath is { Length: > 0 } path ? ContainerCgroup.Create(path, resources) : null;
    }

    internal static SeccompFilter? Compile(SeccompSpec? spec) => SeccompFilter.Compile(spec);

    /// <summary>What callers are to see for a failure below; the exception itself when it is one already, or a programming error.</summary>
    internal static Exception ToStartException(Exception e, bool isExec) => e switch
    {
        PlanFailedException failed => StartSteps.ToException(failed, isExec),
        LinuxException or PlanInterruptedException or SystemdException => StartSteps.Create(StartFailure.Host, e.Message, isExec, e),
        ArgumentException or NotSupportedException or InvalidDataException => StartSteps.Create(StartFailure.InvalidConfig, e.Message, isExec, e),
        EngineException => StartSteps.Create(StartFailure.InvalidConfig, e.Message, isExec, e),
        _ => e,
    };

    private static void RemoveAfterFailure(ContainerCgroup? cgroup, Exception cause)
    {
        try
        {
            cgroup?.Remove();
        }
        catch (Exception e) when (e is LinuxException or SystemdException)
        {
            throw StartSteps.Create(StartFailure.Host, $"{cause.Message}; its cgroup could not be removed: {e.Message}", isExec: false, cause);
        }
    }
}
