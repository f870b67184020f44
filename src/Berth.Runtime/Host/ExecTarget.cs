using Berth.Linux;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Host;

/// <summary>The container that a process is added to.</summary>
public sealed record ExecTarget
{
    /// <summary>The container's id.</summary>
    public required string Id { get; init; }

    /// <summary>Its bundle, which seccomp agents are told.</summary>
    public string Bundle { get; init; } = "";

    /// <summary>Its first process, as the caller sees it.</summary>
    public required int Pid { get; init; }

    /// <summary>Pins that process: if it has ended, no process is added, whoever has the number now.</summary>
    public required FileDescriptor PidFd { get; init; }

    /// <summary>The container's configuration: seccomp filter, personality.</summary>
    public required RuntimeSpec Spec { get; init; }

    /// <summary>Its seccomp filter as it was compiled for the first process; null: it is compiled from the configuration, which takes 0.3 ms with docker's profile.</summary>
    public Init.SeccompFilter? Filter { get; init; }

    /// <summary>Its cgroup, which the new process joins.</summary>
    public ContainerCgroup? Cgroup { get; init; }
}

/// <summary>Details of <see cref="ContainerExec.Start"/>.</summary>
public sealed record ExecOptions
{
    /// <summary>So many descriptors of the caller, from 3 on, are the program's as well.</summary>
    public int PreserveFds { get; init; }

    /// <summary>SIGKILL for the new process when the calling thread ends.</summary>
    public bool DieWithParent { get; init; }

    /// <summary>A cgroup below the container's, for the new process; null: the container's own.</summary>
    public string? SubCgroup { get; init; }

    /// <summary>Leaves the caller's session keyring to the program.</summary>
    public bool NoNewKeyring { get; init; }

    /// <summary>What the caller has to do some time: done once, where possible while the process makes its last steps. It must not throw.</summary>
    public Action? Meanwhile { get; init; }
}
