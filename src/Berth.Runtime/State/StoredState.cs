using Berth.Runtime.Cgroups;

namespace Berth.Runtime.State;

/// <summary>Where a container is in its life; computed from the kernel's view, never stored.</summary>
public enum ContainerStatus
{
    /// <summary>Being made, or what a killed create left.</summary>
    Creating,

    /// <summary>Its process waits for start.</summary>
    Created,

    /// <summary>Its program runs.</summary>
    Running,

    /// <summary>Frozen.</summary>
    Paused,

    /// <summary>Its first process has ended.</summary>
    Stopped,
}

/// <summary>The content of <c>state.json</c>: what later verbs need to find everything that belongs to the container.</summary>
public sealed record StoredState
{
    /// <summary>The version of the specification that the configuration names.</summary>
    public required string OciVersion { get; init; }

    public required string Id { get; init; }

    /// <summary>Absolute path of the bundle.</summary>
    public required string Bundle { get; init; }

    /// <summary>Absolute path of the root file system.</summary>
    public required string Rootfs { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>Where its cgroup is; null: it has none of its own.</summary>
    public CgroupLocation? Cgroup { get; init; }

    /// <summary>Whether the configuration has hooks of any kind.</summary>
    public bool HasHooks { get; init; }

    /// <summary>Whether the first process is the init of a pid namespace: its end is then everyone's.</summary>
    public bool OwnPidNamespace { get; init; }

    /// <summary>The first process in the caller's numbering; 0 until it waits for start.</summary>
    public int Pid { get; init; }

    /// <summary>Its start time (field 22 of /proc/PID/stat), which tells it from a later process of the same number.</summary>
    public ulong StartTime { get; init; }

    public Dictionary<string, string>? Annotations { get; init; }
}
