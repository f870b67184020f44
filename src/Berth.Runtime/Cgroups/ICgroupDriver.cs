using System.Runtime.InteropServices;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>How the hierarchies of one version, v1 or v2, do things with one cgroup.</summary>
internal interface ICgroupDriver
{
    /// <summary>The cgroup's folder in each hierarchy that it is in; empty when there is none. Several controllers may share one.</summary>
    IReadOnlyList<string> Folders { get; }

    /// <summary>Makes the cgroup with its limits; on failure nothing of it stays.</summary>
    void Create(ResourcesSpec? resources, CreateMode mode);

    /// <summary>Changes what is not null.</summary>
    void Update(ResourcesSpec resources);

    /// <summary>The file into which a process of its own writes "0" to join; one for each folder.</summary>
    string JoinFile { get; }

    /// <summary>Stops all members and those below, or lets them go on; returns when that has happened.</summary>
    void SetFrozen(bool frozen);

    /// <summary>Whether members are stopped.</summary>
    bool IsFrozen { get; }

    /// <summary>Whether members of it, or of cgroups below, are stopped in a way that SIGKILL does not end: never in v2.</summary>
    bool KeepsFromEnding { get; }

    /// <summary>Lets those go on.</summary>
    void LetEnd();

    /// <summary>What the kernel has counted.</summary>
    CgroupStats ReadStats();

    /// <summary>How many members the kernel killed for want of memory.</summary>
    long OomKills { get; }

    /// <summary>Starts watching for that.</summary>
    CgroupWatch WatchOom();

    /// <summary>Starts watching for memory getting scarce.</summary>
    CgroupWatch WatchPressure(MemoryPressureLevel level);
}

/// <summary>What is bearable when a cgroup is made.</summary>
/// <param name="AllowExisting">It being there, empty.</param>
/// <param name="Rootless">Not being allowed to make it, where nothing was asked of it.</param>
/// <param name="AllowProcesses">There being processes in it, as systemd has put one there for us.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CreateMode(bool AllowExisting, bool Rootless, bool AllowProcesses = false);
