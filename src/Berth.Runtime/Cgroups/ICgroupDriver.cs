using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>How a kind of cgroup setup does things; paths start at the root of the hierarchies.</summary>
internal interface ICgroupDriver
{
    /// <summary>Makes the cgroup with its limits; on failure nothing of it stays.</summary>
    void Create(string cgroupsPath, ResourcesSpec? resources);

    /// <summary>The files into which a process writes "0" to join; each write moves it in one hierarchy.</summary>
    IEnumerable<string> JoinFiles(string cgroupsPath);

    /// <summary>Kills every member and those below.</summary>
    void KillAll(string cgroupsPath);

    /// <summary>Whether the kernel ever killed a member for want of memory.</summary>
    bool WasOomKilled(string cgroupsPath);

    /// <summary>Removes the cgroup; members that are left are killed.</summary>
    void Remove(string cgroupsPath);

    /// <summary>What a container sees at /sys/fs/cgroup: a name there (empty: the place itself) and the host folder bound to it.</summary>
    IEnumerable<(string Name, string HostFolder)> ContainerView(string cgroupsPath);

    /// <summary>Links at /sys/fs/cgroup for controllers that are mounted together: link name and target.</summary>
    IEnumerable<(string Link, string Target)> ContainerLinks();
}
