using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>One container's cgroup, in all hierarchies that the host has. Every operation may be repeated.</summary>
public sealed class ContainerCgroup
{
    private readonly string path;
    private readonly ICgroupDriver driver;

    private ContainerCgroup(string path, ICgroupDriver driver)
    {
        this.path = path;
        this.driver = driver;
    }

    /// <summary>Makes the cgroup and sets its limits; on failure nothing of it stays.</summary>
    /// <param name="cgroupsPath">From the root of the hierarchies, such as <c>/berth/ID</c>.</param>
    /// <param name="resources">The limits; null: none.</param>
    /// <exception cref="LinuxException">EEXIST: there already; others by the kernel. Names the folder.</exception>
    /// <exception cref="ArgumentException">The path is not of that form.</exception>
    /// <exception cref="NotSupportedException">The host's kind of cgroup cannot do what is asked.</exception>
    public static ContainerCgroup Create(string cgroupsPath, ResourcesSpec? resources)
    {
        ContainerCgroup cgroup = Open(cgroupsPath);
        cgroup.driver.Create(cgroup.path, resources);
        return cgroup;
    }

    /// <summary>The cgroup of that path, which may or may not exist.</summary>
    /// <exception cref="ArgumentException">The path is not absolute, is the root, or has empty, <c>.</c> or <c>..</c> parts.</exception>
    public static ContainerCgroup Open(string cgroupsPath)
    {
        if (!cgroupsPath.StartsWith('/') || cgroupsPath.Contains('\0', StringComparison.Ordinal)
            || cgroupsPath[1..].Split('/').Any(static part => part is "" or "." or ".."))
            throw new ArgumentException($"cgroupsPath '{cgroupsPath}' must be an absolute path like /berth/NAME", nameof(cgroupsPath));
        CgroupLayout layout = CgroupLayout.Current;
        return new ContainerCgroup(cgroupsPath, layout.IsV2 ? new V2.CgroupDriver(layout) : new V1.CgroupDriver(layout));
    }

    /// <summary>Ends whatever lives in the cgroup and removes it; for what a killed supervisor left. Absent is fine.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    /// <exception cref="ArgumentException">As <see cref="Open"/>.</exception>
    public static void KillAndRemove(string cgroupsPath)
    {
        Open(cgroupsPath).Remove();
    }

    /// <summary>Sends SIGKILL to every member and to those of cgroups below, until there is none.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    public void KillAll() => driver.KillAll(path);

    /// <summary>Whether the kernel ever killed a member for want of memory.</summary>
    public bool WasOomKilled() => driver.WasOomKilled(path);

    /// <summary>Kills members that are left and removes the cgroup and those below it; EBUSY is retried for two seconds.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    public void Remove() => driver.Remove(path);

    internal IEnumerable<(string Name, string HostFolder)> ContainerView => driver.ContainerView(path);

    internal IEnumerable<(string Link, string Target)> ContainerLinks => driver.ContainerLinks();

    /// <summary>Adds the steps by which the new process moves itself into the cgroup.</summary>
    internal void AddJoin(SyscallPlan plan)
    {
        nint self = plan.Text("0");
        foreach (string file in driver.JoinFiles(path))
            plan.Call($"joining cgroup {file}", SyscallNumbers.Current.Write, plan.Own(Paths.Open(file, OpenFlags.O_WRONLY)), self, 1);
    }
}
