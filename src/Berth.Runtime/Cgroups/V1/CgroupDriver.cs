using Berth.Linux;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>
/// One folder per hierarchy (cgroups(7), "version 1"). In a hybrid setup the unified hierarchy is left alone: it has no controllers, and moving a
/// process there takes the kernel 10 ms (cgroup.procs waits for an RCU grace period; there is no tasks file).
/// </summary>
internal sealed class CgroupDriver(CgroupLayout layout) : ICgroupDriver
{
    private readonly IReadOnlyList<CgroupHierarchy> hierarchies = [.. layout.Hierarchies.Where(static h => !h.IsUnified)];

    public void Create(string cgroupsPath, ResourcesSpec? resources)
    {
        int made = 0;
        try
        {
            foreach (CgroupHierarchy hierarchy in hierarchies)
            {
                CgroupFolder.Make(hierarchy, cgroupsPath, hierarchy.Controllers.Contains("cpuset") ? CopyCpuset : null);
                made++;
            }

            SetLimits(cgroupsPath, resources);
        }
        catch
        {
            for (int i = 0; i < made; i++)
                CgroupFolder.Remove(hierarchies[i].Folder(cgroupsPath));
            throw;
        }
    }

    // Into "tasks" the child moves its one thread; "cgroup.procs" takes a lock over all of its thread group and is measurably slower.
    public IEnumerable<string> JoinFiles(string cgroupsPath) =>
        hierarchies.Select(h => h.Folder(cgroupsPath) + "/tasks");

    public void KillAll(string cgroupsPath)
    {
        foreach (CgroupHierarchy hierarchy in hierarchies)
            CgroupFolder.KillMembers(hierarchy.Folder(cgroupsPath));
    }

    public bool WasOomKilled(string cgroupsPath) =>
        Find("memory") is { } memory && CgroupEvents.OomKills(CgroupFile.TryRead(memory.Folder(cgroupsPath) + "/memory.oom_control")) > 0;

    public void Remove(string cgroupsPath)
    {
        foreach (CgroupHierarchy hierarchy in hierarchies)
            CgroupFolder.Remove(hierarchy.Folder(cgroupsPath));
    }

    public IEnumerable<(string Name, string HostFolder)> ContainerView(string cgroupsPath) =>
        hierarchies.Select(h => (Path.GetFileName(h.MountPoint), h.Folder(cgroupsPath)));

    public IEnumerable<(string Link, string Target)> ContainerLinks() =>
        from hierarchy in hierarchies
        where hierarchy.Controllers.Count > 1
        from controller in hierarchy.Controllers
        let name = Path.GetFileName(hierarchy.MountPoint)
        where controller != name
        select (controller, name);

    private void SetLimits(string cgroupsPath, ResourcesSpec? resources)
    {
        if (resources?.Pids is { Limit: > 0 } pids)
        {
            CgroupHierarchy hierarchy = Find("pids") ?? throw Missing("pids", "a limit of processes");
            CgroupFile.Write(hierarchy.Folder(cgroupsPath) + "/pids.max", pids.Limit.ToString());
        }

        if (resources?.Devices is { Count: > 0 } rules)
        {
            CgroupHierarchy hierarchy = Find("devices") ?? throw Missing("devices", "device rules");
            DeviceRules.Apply(hierarchy.Folder(cgroupsPath), rules);
        }
    }

    private CgroupHierarchy? Find(string controller) => hierarchies.FirstOrDefault(h => h.Controllers.Contains(controller));

    private static LinuxException Missing(string controller, string what) =>
        new(Errno.ENOENT, "cgroup", $"controller '{controller}' is not mounted on this host, but {what} need it");

    // A new cpuset has neither CPUs nor memory nodes, and nothing may join it until it has.
    private static void CopyCpuset(string folder)
    {
        string parent = folder[..folder.LastIndexOf('/')];
        foreach (string file in (ReadOnlySpan<string>)["/cpuset.cpus", "/cpuset.mems"])
            CgroupFile.Write(folder + file, CgroupFile.Read(parent + file).Trim());
    }
}
