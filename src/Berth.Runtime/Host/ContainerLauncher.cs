using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Users;

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
    public static RunningContainer Start(ContainerStart start, ProcessStdio stdio)
    {
        ContainerCgroup? cgroup = null;
        try
        {
            ProcessSpec process = start.Spec.Process ?? throw new ArgumentException("the configuration has no process");
            ProcessPlan.Validate(process, stdio);
            if (start.Spec.Linux?.CgroupsPath is { Length: > 0 } path)
                cgroup = ContainerCgroup.Create(path, start.Spec.Linux.Resources);
            SeccompFilter? filter = Compile(start.Spec.Linux?.Seccomp);
            return Start(start, process, stdio, cgroup, filter);
        }
        catch (Exception e)
        {
            RemoveAfterFailure(cgroup, e);
            if (ToStartException(e, isExec: false) is { } translated && !ReferenceEquals(translated, e))
                throw translated;
            throw;
        }
    }

    internal static SeccompFilter? Compile(SeccompSpec? spec) => SeccompFilter.Compile(spec);

    /// <summary>What callers are to see for a failure below; the exception itself when it is one already, or a programming error.</summary>
    internal static Exception ToStartException(Exception e, bool isExec) => e switch
    {
        PlanFailedException failed => StartSteps.ToException(failed, isExec),
        LinuxException => StartSteps.Create(StartFailure.Host, e.Message, isExec, e),
        ArgumentException or NotSupportedException or InvalidDataException => StartSteps.Create(StartFailure.InvalidConfig, e.Message, isExec, e),
        EngineException => StartSteps.Create(StartFailure.InvalidConfig, e.Message, isExec, e),
        _ => e,
    };

    private static RunningContainer Start(
        ContainerStart start, ProcessSpec process, ProcessStdio stdio, ContainerCgroup? cgroup, SeccompFilter? filter)
    {
        RootSpec rootSpec = start.Spec.Root ?? throw new ArgumentException("the configuration has no root");
        string rootPath = Path.GetFullPath(rootSpec.Path, start.BundlePath);
        using FileDescriptor root = RootFileSystem.Open(start.RootfsMounts, rootPath);
        (Identity identity, IReadOnlyList<string> environment) = ProcessPlan.Resolve(root, process, start.User);
        using NamespacePlan namespaces = NamespacePlan.Parse(start.Spec.Linux?.Namespaces ?? []);
        using var plan = new SyscallPlan();
        PseudoTerminal? terminal = new ContainerPlan(plan, start, cgroup, namespaces).Add(root, rootPath, process);
        try
        {
            ProcessPlan.AddEnd(plan, new FinalSteps
            {
                Process = process, Identity = identity, Environment = environment, Stdio = stdio, Terminal = terminal, Filter = filter,
                Personality = start.Spec.Linux?.Personality, IsNamedUser = start.User is not null, Keyring = "_ses." + start.Id,
            });
            if (terminal is not null && process.ConsoleSize is { } size)
                new WindowSize((ushort)size.Height, (ushort)size.Width).ApplyTo(terminal.Master.Number);
            ProcessControl.ForbidInspection();
            (int pid, FileDescriptor pidFd) = namespaces.JoinedPid is { } pidNamespace
                ? NamespaceCalls.WithPidNamespaceOf(pidNamespace, () => ProcessSpawner.Spawn(plan, namespaces.New))
                : ProcessSpawner.Spawn(plan, namespaces.New);
            terminal?.Slave.Dispose();
            return new RunningContainer(start.Id, pid, pidFd, terminal?.Master, cgroup, filter, Credentials.Missing(process.Capabilities));
        }
        catch
        {
            terminal?.Dispose();
            throw;
        }
    }

    private static void RemoveAfterFailure(ContainerCgroup? cgroup, Exception cause)
    {
        try
        {
            cgroup?.Remove();
        }
        catch (LinuxException e)
        {
            throw StartSteps.Create(StartFailure.Host, $"{cause.Message}; its cgroup could not be removed: {e.Message}", isExec: false, cause);
        }
    }
}
