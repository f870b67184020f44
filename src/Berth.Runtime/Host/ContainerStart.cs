using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Host;

/// <summary>Everything that <see cref="ContainerLauncher"/> needs to start a container's first process.</summary>
/// <param name="Id">Names the container in messages and keyrings; its cgroup is named by the specification's cgroupsPath.</param>
/// <param name="BundlePath">Absolute path of the bundle; its folder <c>rootfs</c> is where the root is attached inside the container's mount namespace.</param>
/// <param name="Spec">The OCI configuration.</param>
/// <param name="RootfsMounts">The mount that makes the root file system (overlay or bind); empty: <c>Spec.Root.Path</c> is used as it is.</param>
/// <param name="User">docker's <c>user[:group]</c>, names looked up inside the root file system; null: <c>Spec.Process.User</c> as given.</param>
public sealed record ContainerStart(string Id, string BundlePath, RuntimeSpec Spec, IReadOnlyList<Mount> RootfsMounts, string? User)
{
    /// <summary>Which cgroup to make; null: the absolute path that the specification's cgroupsPath is, or none.</summary>
    public CgroupRequest? Cgroup { get; init; }

    /// <summary>Whether the first process is the engine's own init: it starts with all signals blocked, as it takes them one by one.</summary>
    public bool HasInit { get; init; }

    /// <summary>The state that hooks and seccomp agents are told.</summary>
    internal ContainerState State(string status, int pid) => new()
    {
        OciVersion = Spec.OciVersion, Id = Id, Status = status, Pid = pid, Bundle = BundlePath, Annotations = Spec.Annotations,
    };
}

/// <summary>
/// Where a process's standard streams go: three descriptors that the caller keeps owning, or <see cref="Terminal"/> for a pseudo terminal
/// out of the container's own devpts, whose master comes back with the started process. Must agree with the process's <c>terminal</c> flag.
/// </summary>
public sealed record ProcessStdio(int Stdin, int Stdout, int Stderr)
{
    /// <summary>The wish for a pseudo terminal; its first size is the process's <c>consoleSize</c>.</summary>
    public static ProcessStdio Terminal { get; } = new(-1, -1, -1);

    /// <summary>Whether a pseudo terminal is wanted.</summary>
    public bool IsTerminal => Stdin < 0;
}
