namespace Berth.Runtime.Cgroups;

/// <summary>Which cgroup a container asks for.</summary>
public sealed record CgroupRequest
{
    /// <summary>Names the cgroup where the configuration does not.</summary>
    public required string ContainerId { get; init; }

    /// <summary>
    /// The configuration's linux.cgroupsPath. Without systemd: absolute (from the root of the hierarchies), relative (below the caller's own cgroup;
    /// on cgroup v2 beside it, as a cgroup with processes hands no controllers down), or empty: the container's id as a relative path.
    /// With systemd: <c>SLICE:PREFIX:NAME</c>, or empty for the default slice and <c>berth-ID.scope</c>.
    /// </summary>
    public string? CgroupsPath { get; init; }

    /// <summary>Whether systemd is asked for a scope, instead of folders being made behind its back.</summary>
    public bool Systemd { get; init; }

    /// <summary>The configuration's annotations: with systemd those that begin with <c>org.systemd.property.</c> are properties of the scope.</summary>
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Whether the caller is not the host's root: systemd is the user's own, and a cgroup that may not be made is gone without if nothing was asked of it.</summary>
    public bool Rootless { get; init; }

    /// <summary>Whether a cgroup that exists already is taken over if it has no processes, as runc does.</summary>
    public bool AllowExisting { get; init; }
}
