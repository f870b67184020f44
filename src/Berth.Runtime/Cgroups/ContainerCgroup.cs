using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Cgroups;

/// <summary>One container's cgroup, in all hierarchies that the host has. Every operation may be repeated.</summary>
public sealed class ContainerCgroup
{
    private readonly ICgroupDriver unverified;
    private readonly Func<CgroupLayout> layout;
    private readonly CgroupLocation location;
    private readonly bool isV2;
    private bool isVerified = true;
    private ConcurrentProcess? holder;

    internal ContainerCgroup(CgroupLayout layout, CgroupLocation location)
        : this(() => layout, location, layout.IsV2)
    {
    }

    // The layout is asked only where it is needed: finding it out takes 0.1 ms, and more with every mount of the host.
    private ContainerCgroup(Func<CgroupLayout> layout, CgroupLocation location, bool isV2)
    {
        this.layout = layout;
        this.location = location;
        this.isV2 = isV2;
        unverified = isV2 ? new V2.CgroupDriver(layout, location) : new V1.CgroupDriver(layout, location);
    }

    // What may end processes, and make and remove folders.
    private ICgroupDriver Driver
    {
        get
        {
            if (!isVerified)
                CgroupLocator.CheckStored(location);
            isVerified = true;
            return unverified;
        }
    }

    /// <summary>
    /// Where it is, to be kept and given to <see cref="Open(CgroupLocation)"/> later. After a rootless start it may name fewer folders than were located.
    /// </summary>
    public CgroupLocation Location => location with
    {
        Folders = location.Folders.Where(f => unverified.Folders.Contains(f.Value)).ToDictionary(StringComparer.Ordinal),
    };

    /// <summary>Whether members are stopped; false when the cgroup is absent.</summary>
    public bool IsFrozen => unverified.IsFrozen;

    /// <summary>Where the cgroup of a request will be. Nothing is made; a state can be written before anything is.</summary>
    /// <exception cref="ArgumentException">The path has not the form that the driver needs.</exception>
    /// <exception cref="LinuxException">The caller's own cgroup, or the user's systemd, could not be asked.</exception>
    public static CgroupLocation Locate(CgroupRequest request) =>
        CgroupLocator.Locate(request, CgroupLayout.Current, static () => CgroupFile.Read("/proc/self/cgroup"));

    /// <summary>Makes the cgroup and sets its limits; on failure nothing of it stays, folders above that were made for it included.</summary>
    /// <param name="cgroupsPath">From the root of the hierarchies, such as <c>/berth/ID</c>.</param>
    /// <param name="resources">The limits; null: none.</param>
    /// <exception cref="LinuxException">EEXIST: there already; others by the kernel. Names file and value.</exception>
    /// <exception cref="ArgumentException">The path is not of that form, or values contradict each other.</exception>
    /// <exception cref="NotSupportedException">The host's kind of cgroup cannot do what is asked.</exception>
    public static ContainerCgroup Create(string cgroupsPath, ResourcesSpec? resources)
    {
        ContainerCgroup cgroup = Open(cgroupsPath);
        cgroup.Driver.Create(resources, default);
        return cgroup;
    }

    /// <summary>As the other, with all choices.</summary>
    /// <param name="request">Which cgroup.</param>
    /// <param name="location">What <see cref="Locate"/> said of the request.</param>
    /// <param name="resources">The limits; null: none.</param>
    /// <exception cref="LinuxException">EEXIST, or EBUSY with <see cref="CgroupRequest.AllowExisting"/>: not empty; others by the kernel.</exception>
    /// <exception cref="ArgumentException">Values contradict each other.</exception>
    /// <exception cref="NotSupportedException">The host's kind of cgroup cannot do what is asked.</exception>
    /// <exception cref="SystemdException">systemd refused.</exception>
    public static ContainerCgroup Create(CgroupRequest request, CgroupLocation location, ResourcesSpec? resources)
    {
        var cgroup = new ContainerCgroup(CgroupLayout.Current, location);
        if (location.Systemd is null)
            cgroup.Driver.Create(resources, new CreateMode(request.AllowExisting, request.Rootless));
        else
            cgroup.holder = SystemdScope.Start(location.Systemd, request, resources, cgroup.isV2, () => cgroup.Driver.Create(resources, new CreateMode(AllowExisting: true, request.Rootless, AllowProcesses: true)));
        return cgroup;
    }

    /// <summary>The cgroup of that path, which may or may not exist.</summary>
    /// <exception cref="ArgumentException">The path is not absolute, is the root, or has empty, <c>.</c> or <c>..</c> parts.</exception>
    public static ContainerCgroup Open(string cgroupsPath)
    {
        CgroupLocator.CheckAbsolute(cgroupsPath);
        return new ContainerCgroup(CgroupLayout.Current, CgroupLocator.At(CgroupLayout.Current, _ => cgroupsPath));
    }

    /// <summary>
    /// The cgroup at that place, which may or may not exist. What changes it, or ends processes, throws <see cref="ArgumentException"/> where the place is not below the
    /// root of a hierarchy: what lives there is not a container's to end. A process joins any cgroup that is named.
    /// </summary>
    public static ContainerCgroup Open(CgroupLocation location)
    {
        return new ContainerCgroup(static () => CgroupLayout.Current, location, location.IsUnified ?? CgroupLayout.Current.IsV2) { isVerified = false };
    }

    /// <summary>Ends whatever lives in the cgroup and removes it; for what a killed supervisor left. Absent is fine.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    /// <exception cref="ArgumentException">As <see cref="Open(string)"/>.</exception>
    public static void KillAndRemove(string cgroupsPath) => Open(cgroupsPath).Remove();

    /// <summary>Changes the limits that are not null; the others stay. What is refused halfway leaves what was written before.</summary>
    /// <exception cref="LinuxException">The kernel refused; names field, value and file.</exception>
    /// <exception cref="ArgumentException">Values contradict each other.</exception>
    /// <exception cref="NotSupportedException">The host's kind of cgroup cannot do what is asked.</exception>
    /// <exception cref="SystemdException">systemd refused.</exception>
    public void Update(ResourcesSpec resources)
    {
        if (location.Systemd is { } unit)
            SystemdScope.Update(unit, resources, isV2, Driver.Folders is [var folder, ..] ? folder : null);
        Driver.Update(resources);
    }

    /// <summary>Stops all members and those below; returns when they stand still.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: one does not within ten seconds, and all go on.</exception>
    public void Freeze() => Driver.SetFrozen(frozen: true);

    /// <summary>Lets all members go on.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Thaw() => Driver.SetFrozen(frozen: false);

    /// <summary>What the kernel has counted.</summary>
    /// <exception cref="LinuxException">A file could not be read.</exception>
    public CgroupStats ReadStats() => Driver.ReadStats();

    /// <summary>The processes in the cgroup, ascending.</summary>
    /// <param name="recursive">Whether those in cgroups below count.</param>
    /// <exception cref="LinuxException">A file could not be read.</exception>
    public IReadOnlyList<int> Members(bool recursive)
    {
        // A process that left one hierarchy for another cgroup still belongs to the container.
        var members = new SortedSet<int>();
        foreach (string folder in Driver.Folders)
            members.UnionWith(CgroupFolder.Members(folder, recursive));
        return [.. members];
    }

    /// <summary>Sends SIGKILL to every member and to those of cgroups below, until there is none; stopped ones too.</summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    public void KillAll()
    {
        if (!isV2)
            KillFrozen();
        foreach (string folder in Driver.Folders)
        {
            if (isV2)
                CgroupFolder.KillAtOnce(folder);
            CgroupFolder.KillMembers(folder);
        }
    }

    /// <summary>Whether the kernel ever killed a member for want of memory.</summary>
    public bool WasOomKilled() => Driver.OomKills > 0;

    /// <summary>Tells whenever the kernel kills a member for want of memory (v1: whenever memory runs out).</summary>
    /// <exception cref="LinuxException">The host has no memory controller, or the cgroup is gone.</exception>
    public CgroupWatch WatchOom() => Driver.WatchOom();

    /// <summary>Tells whenever memory gets scarce.</summary>
    /// <exception cref="LinuxException">The host has no memory controller or keeps no pressure figures, or the cgroup is gone.</exception>
    public CgroupWatch WatchPressure(MemoryPressureLevel level) => Driver.WatchPressure(level);

    /// <summary>
    /// Kills members that are left and removes the cgroup and those below it; EBUSY is retried for two seconds. Cgroups above stay, as others may be
    /// about to use them.
    /// </summary>
    /// <exception cref="LinuxException">A process does not end.</exception>
    /// <exception cref="SystemdException">systemd could not be asked to forget the scope.</exception>
    public void Remove()
    {
        if (!isV2)
            KillFrozen();
        if (location.Systemd is { } unit)
        {
            Joined();
            KillAll();
            SystemdScope.Stop(unit);
        }

        for (int round = 1; !TryRemove(isLast: round == 5); round++)
            KillFrozen();
    }

    // False: members are stopped once more, by somebody who did not know of the end.
    private bool TryRemove(bool isLast)
    {
        try
        {
            foreach (string folder in Driver.Folders)
                CgroupFolder.Remove(folder);
            return true;
        }
        catch (LinuxException e) when (!isLast && e.Errno is Errno.EBUSY or Errno.ENOTEMPTY or Errno.ETIMEDOUT && Driver.KeepsFromEnding)
        {
            return false;
        }
    }

    /// <summary>Whether the container's process cannot join by itself, as a user may not move processes between systemd's cgroups: <see cref="Attach"/> it.</summary>
    internal bool NeedsAttach => location.Systemd?.IsUser == true;

    /// <summary>Has systemd move a process into the cgroup, or into one below it.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="subCgroup">As for <see cref="AddJoin(SyscallPlan, string?, int)"/>.</param>
    /// <param name="initPid">As there.</param>
    /// <exception cref="ArgumentException">The text has not that form, or there is no such cgroup.</exception>
    /// <exception cref="SystemdException">systemd refused.</exception>
    internal void Attach(int pid, string? subCgroup = null, int initPid = 0)
    {
        if (location.Systemd is not { } unit)
            return;
        var below = SubCgroup.Parse(subCgroup);
        string path = isV2 && Driver.Folders is [var folder, ..] ? below.InUnified(folder, () => OfProcess(folder, initPid))[folder.Length..] : "";
        SystemdScope.Attach(unit, pid, path.Length == 0 ? "/" : path);
    }

    /// <summary>To be called when the container's first process has joined: a scope of systemd holds by itself from now on.</summary>
    internal void Joined()
    {
        holder?.Kill();
        holder?.Dispose();
        holder = null;
    }

    /// <summary>What a container sees at /sys/fs/cgroup: a name there (empty: the place itself) and the host folder bound to it.</summary>
    internal IEnumerable<(string Name, string HostFolder)> ContainerView => isV2
        ? Driver.Folders.Select(static f => ("", f))
        : from hierarchy in layout().Used
          where location.Folders.ContainsKey(hierarchy.Key) && Driver.Folders.Contains(location.Folders[hierarchy.Key])
          select (Path.GetFileName(hierarchy.MountPoint), location.Folders[hierarchy.Key]);

    /// <summary>Links at /sys/fs/cgroup for controllers that are mounted together: link name and target.</summary>
    internal IEnumerable<(string Link, string Target)> ContainerLinks => isV2 ? [] : layout().Links;

    /// <summary>Adds the steps by which the new process moves itself into the cgroup.</summary>
    internal void AddJoin(SyscallPlan plan) => AddJoin(plan, subCgroup: null, initPid: 0);

    /// <summary>As the other, into a cgroup below the container's.</summary>
    /// <param name="plan">To this.</param>
    /// <param name="subCgroup">As <c>exec --cgroup</c> has it: <c>PATH</c>, or on v1 <c>CONTROLLER[,CONTROLLER]:PATH</c>; null or empty: none.</param>
    /// <param name="initPid">The container's first process: on v2 an exec goes where it is, if the container has moved it below its own cgroup; 0: it has not.</param>
    /// <exception cref="ArgumentException">The text has not that form, or there is no such cgroup.</exception>
    internal void AddJoin(SyscallPlan plan, string? subCgroup, int initPid)
    {
        if (NeedsAttach)
            return;
        nint self = plan.Text("0");
        foreach (string file in JoinFiles(SubCgroup.Parse(subCgroup), initPid))
        {
            FileDescriptor join = Paths.Open(file, OpenFlags.O_WRONLY);
            if (!isVerified && (CgroupLocator.HasOddPart(file) || FileSystemKind.Of(join) is not (FileSystemKind.CGROUP_SUPER_MAGIC or FileSystemKind.CGROUP2_SUPER_MAGIC)))
            {
                join.Dispose();
                throw CgroupLocator.NotBelowRoot(file);
            }

            plan.Call("joining cgroup " + file, SyscallNumbers.Current.Write, plan.Own(join), self, 1);
        }
    }

    /// <summary>The files into which a process of its own writes "0" to join.</summary>
    internal IReadOnlyList<string> JoinFiles(SubCgroup below, int initPid)
    {
        if (isV2)
            return [.. unverified.Folders.Select(f => $"{below.InUnified(f, fallback: () => OfProcess(f, initPid))}/{unverified.JoinFile}")];
        below.CheckControllers(location.Folders.Keys);
        var files = new List<string>();
        foreach (string folder in unverified.Folders)
            files.Add((below == SubCgroup.None ? folder : below.In(folder, ControllersOf(folder), fallback: () => folder)) + "/" + unverified.JoinFile);
        return files;
    }

    private List<string> ControllersOf(string folder) => [.. location.Folders.Where(f => f.Value == folder).Select(static f => f.Key)];

    // A cgroup of v2 that hands controllers down takes no processes: a container that has made cgroups of its own has moved its first process into one.
    private string OfProcess(string folder, int initPid)
    {
        if (initPid <= 0 || V2.Controllers.Words(folder + "/cgroup.subtree_control").Count == 0)
            return folder;
        CgroupHierarchy unified = layout().Used[0];
        string own = unified.Folder(unified.OwnPath(CgroupFile.Read($"/proc/{initPid}/cgroup")));
        return own.StartsWith(folder + "/", StringComparison.Ordinal) ? own : folder;
    }

    // In v1 a stopped process ends only when it goes on; the signal waits for it, so it runs nothing of its own any more.
    private void KillFrozen()
    {
        if (!Driver.KeepsFromEnding)
            return;
        foreach (string folder in Driver.Folders)
            CgroupFolder.SignalMembers(folder);
        Driver.LetEnd();
    }
}
