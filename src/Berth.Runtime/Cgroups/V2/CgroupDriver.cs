using System.Text;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>One folder in the unified hierarchy (kernel: admin-guide/cgroup-v2.rst).</summary>
internal sealed class CgroupDriver : ICgroupDriver
{
    private readonly Func<CgroupLayout> layout;
    private string? folder;

    /// <param name="layout">The host's hierarchies.</param>
    /// <param name="location">The cgroup's folder.</param>
    public CgroupDriver(Func<CgroupLayout> layout, CgroupLocation location)
    {
        this.layout = layout;
        folder = location.Folders.GetValueOrDefault("");
    }

    public IReadOnlyList<string> Folders => folder is null ? [] : [folder];

    public string JoinFile => "cgroup.procs";

    public bool IsFrozen => folder is not null && Freezer.IsFrozen(folder);

    public bool KeepsFromEnding => false;

    public long OomKills => folder is null ? 0 : KeyedFile.Value(CgroupFile.TryRead(folder + "/memory.events"), "oom_kill");

    private string MountPoint => layout().Hierarchies.FirstOrDefault(static h => h.IsUnified)?.MountPoint
        ?? throw new LinuxException(Errno.ENOENT, "cgroup", "no cgroup hierarchy is mounted on this host; mount cgroup2 at /sys/fs/cgroup");

    private string Folder => folder ?? throw new LinuxException(Errno.ENOENT, "cgroup", "this container has no cgroup");

    public void Create(ResourcesSpec? resources, CreateMode mode)
    {
        string own = Folder;
        var made = new List<string>();
        try
        {
            CgroupFolder.Make(own, MountPoint, mode, prepare: null, made);
            Dictionary<string, LinuxException> failures = Controllers.HandDown(own, MountPoint);
            Controllers.CheckType(own);
            if (resources is not null)
                SetLimits(resources, failures, isUpdate: false, mode.Rootless);
        }
        catch (LinuxException e) when (mode.Rootless && made.Count == 0 && e.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS && IsNothingAsked(resources))
        {
            folder = null;
        }
        catch
        {
            CgroupFolder.Unmake(made);
            throw;
        }
    }

    public void Update(ResourcesSpec resources) => SetLimits(resources, new Dictionary<string, LinuxException>(0), isUpdate: true, isRootless: false);

    public void SetFrozen(bool frozen) => Freezer.Set(Folder, frozen);

    public void LetEnd()
    {
        // SIGKILL ends stopped ones too.
    }

    public CgroupStats ReadStats() => folder is null ? new CgroupStats() : StatsReader.Read(folder);

    public CgroupWatch WatchOom()
    {
        string file = Folder + "/memory.events";
        FileDescriptor changes = FileChanges.Watch(file);
        long seen = OomKills;
        return new CgroupWatch(changes, PollEvents.In, () =>
        {
            FileChanges.Clear(changes);
            long now = Math.Max(seen, KeyedFile.Value(CgroupFile.TryRead(file), "oom_kill"));
            (long news, seen) = (now - seen, now);
            return news;
        });
    }

    // kernel: accounting/psi.rst, "Monitoring for pressure thresholds": microseconds of waiting within a window of microseconds.
    public CgroupWatch WatchPressure(MemoryPressureLevel level)
    {
        string path = Folder + "/memory.pressure";
        string trigger = level switch
        {
            MemoryPressureLevel.Low => "some 50000 1000000",
            MemoryPressureLevel.Medium => "some 150000 1000000",
            _ => "full 150000 1000000",
        };
        FileDescriptor file = Paths.Open(path, OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK);
        Errno errno = DescriptorIo.TryWrite(file.Number, Encoding.ASCII.GetBytes(trigger + "\0"), out _);
        if (errno == Errno.None)
            return new CgroupWatch(file, PollEvents.Priority, () => File.Exists(path) ? 1 : 0);
        file.Dispose();
        throw new LinuxException(errno, "write", $"'{trigger}' to {path}{(errno == Errno.EOPNOTSUPP ? " (this kernel keeps no pressure figures: boot it with psi=1)" : "")}");
    }

    private static bool IsNothingAsked(ResourcesSpec? resources) => resources is null || Limits.Of(resources, static _ => null).Count == 0;

    private void SetLimits(ResourcesSpec resources, IReadOnlyDictionary<string, LinuxException> failures, bool isUpdate, bool isRootless)
    {
        string own = Folder;
        IReadOnlyList<CgroupSetting> settings = Limits.Of(resources, file => CgroupFile.TryRead($"{own}/{file}"));
        Controllers.Check(own, MountPoint, settings, failures);
        if (resources.Memory is { CheckBeforeUpdate: true } memory)
            MemoryCheck.Refuse(memory, CgroupFile.Read(own + "/memory.current"));
        foreach (IGrouping<string, CgroupSetting> group in settings.GroupBy(static s => s.Controller))
            CgroupSettings.Write(own, group);
        // Without root no program can be loaded; what the cgroups above refuse stays refused.
        if (resources.Devices is { Count: > 0 } rules && !isRootless)
            DeviceRules.Apply(own, rules, isUpdate);
    }
}
