using Berth.Linux;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>One folder in the unified hierarchy (kernel: admin-guide/cgroup-v2.rst).</summary>
internal sealed class CgroupDriver(CgroupLayout layout) : ICgroupDriver
{
    private CgroupHierarchy Hierarchy => layout.Hierarchies.FirstOrDefault(static h => h.IsUnified)
        ?? throw new LinuxException(Errno.ENOENT, "cgroup", "no cgroup hierarchy is mounted on this host; mount cgroup2 at /sys/fs/cgroup");

    public void Create(string cgroupsPath, ResourcesSpec? resources)
    {
        CgroupHierarchy hierarchy = Hierarchy;
        string folder = hierarchy.Folder(cgroupsPath);
        CgroupFolder.Make(hierarchy, cgroupsPath, made: null);
        try
        {
            DeviceRules.Apply(folder, resources?.Devices ?? []);
            if (resources?.Pids is { Limit: > 0 } pids)
            {
                EnableController(hierarchy, cgroupsPath, "pids");
                CgroupFile.Write(folder + "/pids.max", pids.Limit.ToString());
            }
        }
        catch
        {
            CgroupFolder.Remove(folder);
            throw;
        }
    }

    public IEnumerable<string> JoinFiles(string cgroupsPath) => [Hierarchy.Folder(cgroupsPath) + "/cgroup.procs"];

    public void KillAll(string cgroupsPath)
    {
        string folder = Hierarchy.Folder(cgroupsPath);
        try
        {
            CgroupFile.Write(folder + "/cgroup.kill", "1"); // since Linux 5.14
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
        }

        CgroupFolder.KillMembers(folder);
    }

    public bool WasOomKilled(string cgroupsPath) =>
        CgroupEvents.OomKills(CgroupFile.TryRead(Hierarchy.Folder(cgroupsPath) + "/memory.events")) > 0;

    public void Remove(string cgroupsPath) => CgroupFolder.Remove(Hierarchy.Folder(cgroupsPath));

    public IEnumerable<(string Name, string HostFolder)> ContainerView(string cgroupsPath) => [("", Hierarchy.Folder(cgroupsPath))];

    public IEnumerable<(string Link, string Target)> ContainerLinks() => [];

    // A controller reaches a cgroup only when each one above it hands it down.
    private static void EnableController(CgroupHierarchy hierarchy, string cgroupsPath, string controller)
    {
        for (int slash = 0; slash >= 0; slash = cgroupsPath.IndexOf('/', slash + 1))
            CgroupFile.Write(hierarchy.Folder(cgroupsPath[..slash]) + "/cgroup.subtree_control", "+" + controller);
    }
}
