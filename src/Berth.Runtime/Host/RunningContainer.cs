using Berth.Linux;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;

namespace Berth.Runtime.Host;

/// <summary>A started container, held by the process that started it. Not safe for concurrent use. Disposing closes descriptors and touches no process.</summary>
public sealed class RunningContainer : IDisposable
{
    private readonly ExecTarget target;
    private readonly ContainerCgroup? cgroup;
    private readonly SeccompFilter? filter;

    internal RunningContainer(
        ContainerStart start, int pid, FileDescriptor pidFd, FileDescriptor? terminalMaster, ContainerCgroup? cgroup, SeccompFilter? filter,
        IReadOnlyList<string> missingCapabilities)
    {
        target = new ExecTarget { Id = start.Id, Bundle = start.BundlePath, Pid = pid, PidFd = pidFd, Spec = start.Spec, Cgroup = cgroup };
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
    public StartedProcess Exec(ProcessSpec process, string? user, ProcessStdio stdio) =>
        ContainerExec.Start(target, process, user, stdio, new ExecOptions { DieWithParent = true }, filter);

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
}
