using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Files;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>
/// One folder per hierarchy (cgroups(7), "version 1"). In a hybrid setup the unified hierarchy is left alone: it has no controllers, and moving a
/// process there takes the kernel 10 ms (cgroup.procs waits for an RCU grace period; there is no tasks file).
/// </summary>
internal sealed class CgroupDriver(Func<CgroupLayout> layout, CgroupLocation location) : ICgroupDriver
{
    private readonly List<(List<string> Controllers, string Folder)> places = Places(location);

    public IReadOnlyList<string> Folders => places.ConvertAll(static p => p.Folder);

    // Into "tasks" the child moves its one thread; "cgroup.procs" takes a lock over all of its thread group and is measurably slower.
    public string JoinFile => "tasks";

    public bool IsFrozen => Find("freezer") is { } folder && Freezer.IsFrozen(folder);

    public bool KeepsFromEnding => Find("freezer") is { } folder && Freezer.IsAnyFrozen(folder);

    public long OomKills => Find("memory") is { } folder ? KeyedFile.Value(CgroupFile.TryRead(folder + "/memory.oom_control"), "oom_kill") : 0;

    public void Create(ResourcesSpec? resources, CreateMode mode)
    {
        var made = new List<string>();
        try
        {
            foreach ((List<string> controllers, string folder) in places.ToArray())
            {
                try
                {
                    CgroupFolder.Make(folder, MountPoint(controllers[0]), mode, controllers.Contains("cpuset") ? Cpuset.Fill : null, made);
                }
                catch (LinuxException e) when (mode.Rootless && e.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
                {
                    places.Remove((controllers, folder));
                }
            }

            if (resources is not null)
                SetLimits(resources, isUpdate: false, mode.Rootless);
        }
        catch
        {
            CgroupFolder.Unmake(made);
            throw;
        }
    }

    public void Update(ResourcesSpec resources) => SetLimits(resources, isUpdate: true, isRootless: false);

    public void SetFrozen(bool frozen) => Freezer.Set(Need("freezer", "pausing a container"), frozen);

    public void LetEnd()
    {
        if (Find("freezer") is { } folder)
            Freezer.ThawAll(folder);
    }

    public CgroupStats ReadStats() => StatsReader.Read(Find);

    public CgroupWatch WatchOom() => Watch("memory.oom_control", "");

    public CgroupWatch WatchPressure(MemoryPressureLevel level) => Watch("memory.pressure_level", level switch
    {
        MemoryPressureLevel.Low => "low",
        MemoryPressureLevel.Medium => "medium",
        _ => "critical",
    });

    private void SetLimits(ResourcesSpec resources, bool isUpdate, bool isRootless)
    {
        IEnumerable<CgroupSetting> settings = Limits.Of(resources, isUpdate, (controller, file) => File.Exists($"{Find(controller)}/{file}"));
        if (resources.Memory is { CheckBeforeUpdate: true } memory)
            MemoryCheck.Refuse(memory, CgroupFile.Read(Need("memory", "memory.checkBeforeUpdate") + "/memory.usage_in_bytes"));
        foreach (IGrouping<string, CgroupSetting> group in settings.GroupBy(static s => s.Controller))
        {
            string folder = Need(group.Key, "linux.resources." + group.First().Field);
            CgroupSettings.Write(folder, group);
            if (group.FirstOrDefault(static s => s.File == "cpu.shares") is { } shares)
                CheckShares(folder, shares.Value);
        }

        // Only root may set them: without it, all are as the cgroup above has them.
        if (resources.Devices is { Count: > 0 } rules && !isRootless)
            DeviceRules.Apply(Need("devices", "linux.resources.devices"), rules, isUpdate);
    }

    // The kernel brings shares that are out of its range into it without a word.
    private static void CheckShares(string folder, string asked)
    {
        string got = CgroupFile.Read(folder + "/cpu.shares").Trim();
        if (got != asked)
            throw new LinuxException(Errno.EINVAL, "write", $"'{asked}' to {folder}/cpu.shares (linux.resources.cpu.shares): the kernel takes 2 to 262144 and made it {got}");
    }

    // cgroup-v1/memory.rst, "memory.oom_control" and "memory.pressure_level": an eventfd is tied to the open file.
    private CgroupWatch Watch(string name, string argument)
    {
        string folder = Need("memory", "watching memory");
        FileDescriptor counter = EventCounter.Create();
        try
        {
            using FileDescriptor file = Paths.Open($"{folder}/{name}", OpenFlags.O_RDONLY);
            CgroupFile.Write(folder + "/cgroup.event_control", $"{counter.Number} {file.Number} {argument}".TrimEnd());
            // The end of the cgroup counts as an event too.
            return new CgroupWatch(counter, PollEvents.In, () => (long)EventCounter.Take(counter) is var count and > 0 && Directory.Exists(folder) ? count : 0);
        }
        catch
        {
            counter.Dispose();
            throw;
        }
    }

    // Controllers that are mounted together have one folder.
    private static List<(List<string> Controllers, string Folder)> Places(CgroupLocation location)
    {
        var found = new List<(List<string> Controllers, string Folder)>(location.Folders.Count);
        foreach ((string controller, string folder) in location.Folders)
        {
            if (found.Find(p => p.Folder == folder) is { Controllers: { } others })
                others.Add(controller);
            else
                found.Add(([controller], folder));
        }

        return found;
    }

    private string MountPoint(string controller) => layout().Hierarchies.First(h => h.Controllers.Contains(controller)).MountPoint;

    private string? Find(string controller)
    {
        foreach ((List<string> controllers, string folder) in places)
        {
            if (controllers.Contains(controller))
                return folder;
        }

        return null;
    }

    private string Need(string controller, string what) => Find(controller) ?? throw new LinuxException(
        Errno.ENOENT, "cgroup", layout().Hierarchies.Any(h => h.Controllers.Contains(controller))
            ? $"{what} needs the cgroup controller '{controller}', in which this container has no cgroup"
            : $"{what} needs the cgroup controller '{controller}', which is not mounted on this host");
}
