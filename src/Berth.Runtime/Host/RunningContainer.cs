using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Namespaces;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;
using Berth.Runtime.Users;

namespace Berth.Runtime.Host;

/// <summary>A started container, held by the process that started it. Not safe for concurrent use. Disposing closes descriptors and touches no process.</summary>
public sealed class RunningContainer : IDisposable
{
    private const NamespaceFlags Joined = NamespaceFlags.CLONE_NEWNS | NamespaceFlags.CLONE_NEWUTS | NamespaceFlags.CLONE_NEWIPC
        | NamespaceFlags.CLONE_NEWNET | NamespaceFlags.CLONE_NEWCGROUP;

    private readonly string id;
    private readonly ContainerCgroup? cgroup;
    private readonly SeccompFilter? filter;

    internal RunningContainer(
        string id, int pid, FileDescriptor pidFd, FileDescriptor? terminalMaster, ContainerCgroup? cgroup, SeccompFilter? filter,
        IReadOnlyList<string> missingCapabilities)
    {
        this.id = id;
        this.cgroup = cgroup;
        this.filter = filter;
        Pid = pid;
        PidFd = pidFd;
        TerminalMaster = terminalMaster;
        MissingCapabilities = missingCapabilities;
    }

    /// <summary>The first process, as the caller sees it. A child of the caller, who reaps it.</summary>
    public int Pid { get; }

    /// <summary>Pins the first process; readable at its end.</summary>
    public FileDescriptor PidFd { get; }

    /// <summary>The master of the first process's terminal, where it has one.</summary>
    public FileDescriptor? TerminalMaster { get; }

    /// <summary>Capabilities that were asked for and left out, as the host does not let the engine hand them on.</summary>
    public IReadOnlyList<string> MissingCapabilities { get; }

    /// <summary>Adds a process: same namespaces, cgroup, root and seccomp filter as the first. The thread rule of <see cref="ContainerLauncher.Start"/> holds.</summary>
    /// <param name="process">What to run.</param>
    /// <param name="user">As in <see cref="ContainerStart"/>.</param>
    /// <param name="stdio">Its streams.</param>
    /// <exception cref="ContainerStartException">It did not start; nothing of it is left.</exception>
    public StartedProcess Exec(ProcessSpec process, string? user, ProcessStdio stdio)
    {
        try
        {
            ProcessPlan.Validate(process, stdio);
            using FileDescriptor root = OpenRoot();
            (Identity identity, IReadOnlyList<string> environment) = ProcessPlan.Resolve(root, process, user);
            using PseudoTerminal? terminal = process.Terminal ? ContainerTerminal.Open(root) : null;
            if (terminal is not null && process.ConsoleSize is { } size)
                new WindowSize((ushort)size.Height, (ushort)size.Width).ApplyTo(terminal.Master.Number);

            using var plan = new SyscallPlan();
            CpuAffinity.AddInitial(plan, process);
            cgroup?.AddJoin(plan);
            CpuAffinity.AddFinal(plan, process);
            ProcessPlan.AddBeginning(plan, process);
            plan.Call("joining the container's namespaces", SyscallNumbers.Current.Setns, PidFd.Number, (nint)Joined);
            ProcessPlan.AddEnd(plan, new FinalSteps
            {
                Process = process, Identity = identity, Environment = environment, Stdio = stdio, Terminal = terminal, Filter = filter,
                IsNamedUser = user is not null, Keyring = "_ses." + id,
            });
            ProcessControl.ForbidInspection();
            (int pid, FileDescriptor pidFd) = NamespaceCalls.WithPidNamespaceOf(PidFd, () => ProcessSpawner.Spawn(plan));
            return new StartedProcess(pid, pidFd, terminal is null ? null : new FileDescriptor(terminal.Master.Release()));
        }
        catch (Exception e) when (!ReferenceEquals(ContainerLauncher.ToStartException(e, isExec: true), e))
        {
            throw ContainerLauncher.ToStartException(e, isExec: true);
        }
    }

    /// <summary>Sends a signal to the first process; it having ended is no error.</summary>
    /// <exception cref="LinuxException">EINVAL: no such signal.</exception>
    public void Kill(int signal) => ChildProcess.Signal(PidFd, signal);

    /// <summary>Sends SIGKILL to every process of the container and waits until they have ended (reaped or not is not its business).</summary>
    /// <exception cref="LinuxException">One does not end.</exception>
    public void KillAll()
    {
        ChildProcess.Signal(PidFd, 9);
        cgroup?.KillAll();
    }

    /// <summary>Whether the kernel killed a process of the container for want of memory. Ask before <see cref="RemoveCgroup"/>.</summary>
    public bool WasOomKilled() => cgroup?.WasOomKilled() ?? false;

    /// <summary>Kills what is left and removes the cgroup; for after the end.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    public void RemoveCgroup() => cgroup?.Remove();

    /// <inheritdoc/>
    public void Dispose()
    {
        PidFd.Dispose();
        TerminalMaster?.Dispose();
    }

    // By number, as there is no way by pidfd; the process still being there afterwards proves that the number was its own.
    private FileDescriptor OpenRoot()
    {
        try
        {
            FileDescriptor root = Paths.Open($"/proc/{Pid}/root", OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
            if (ChildProcess.Signal(PidFd, 0))
                return root;
            root.Dispose();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
        }

        throw new ContainerStartException(StartFailure.InvalidConfig, $"container {id} is not running");
    }
}
