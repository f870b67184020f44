using System.Diagnostics;
using Berth.Linux;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Tests.Cgroups;

public sealed class CgroupTests
{
    private const string Hybrid = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,xattr,memory
        36 99 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
        """;

    [Fact]
    public void FindsHierarchies()
    {
        CgroupLayout layout = CgroupLayout.Parse(Hybrid);
        Assert.False(layout.IsV2);
        Assert.Equal(["cpu,cpuacct", "memory", "name=systemd", ""], layout.Hierarchies.Select(h => string.Join(',', h.Controllers)));
        Assert.Equal(
            [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")], layout.Links);
        Assert.Equal("/process/x", layout.Hierarchies[1].OwnPath("3:cpu,cpuacct:/\n2:memory:/process/x\n0::/y\n"));
        Assert.Equal("", layout.Hierarchies[0].OwnPath("3:cpu,cpuacct:/\n"));
        Assert.True(CgroupLayout.Parse("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").IsV2);
    }

    [Theory]
    [InlineData("berth/x")]
    [InlineData("/")]
    [InlineData("/berth/../x")]
    [InlineData("/berth//x")]
    [InlineData("system.slice:berth:x")]
    public void PathsAreChecked(string path) => Assert.Throws<ArgumentException>(() => ContainerCgroup.Open(path));

    [Fact]
    public void KillsAndRemovesWhatIsLeftOver()
    {
        string path = "/berth-test/" + Path.GetRandomFileName();
        ContainerCgroup.Create(path, new ResourcesSpec { Pids = new PidsSpec(50) });
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => ContainerCgroup.Create(path, null)).Errno);
        string[] folders = [.. CgroupLocator.At(CgroupLayout.Current, _ => path).Folders.Values.Distinct(StringComparer.Ordinal)];
        using Process shell = Process.Start("sh", ["-c", $"for f in {string.Join(' ', folders)}; do echo $$ > $f/cgroup.procs; done; sleep 1000 & sleep 1000"]);
        while (File.ReadAllLines(folders[^1] + "/cgroup.procs").Length < 3)
            Thread.Sleep(5);

        Directory.CreateDirectory(folders[0] + "/below/deeper");
        ContainerCgroup.KillAndRemove(path);
        Assert.True(shell.WaitForExit(5000));
        Assert.DoesNotContain(folders, Directory.Exists);
        ContainerCgroup.KillAndRemove(path);
    }

    [Fact]
    public void TheUnifiedHierarchyAloneWorksToo()
    {
        // Hybrid hosts have one without controllers: everything but limits can be shown on it.
        CgroupHierarchy? unified = CgroupLayout.Current.Hierarchies.FirstOrDefault(h => h.IsUnified);
        if (unified is null)
            return;
        string path = "/berth-test/" + Path.GetRandomFileName();
        var layout = new CgroupLayout([unified]);
        CgroupLocation location = CgroupLocator.At(layout, _ => path);
        var driver = new Runtime.Cgroups.V2.CgroupDriver(() => layout, location);
        var cgroup = new ContainerCgroup(layout, location);
        driver.Create(new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false }, new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "r" }] }, default);
        string probe = Path.GetTempFileName();
        using Process sleep = Process.Start("sh",
            ["-c", $"echo $$ > {cgroup.JoinFiles(SubCgroup.None, 0).Single()}; (head -c 1 /dev/zero | wc -c; (: < /dev/kmsg) 2>&1; mknod {probe}.n c 10 99; (: < {probe}.n) 2>&1) > {probe} 2>&1; exec sleep 1000"]);
        while (File.ReadAllText(unified.Folder(path) + "/cgroup.procs").Length == 0)
            Thread.Sleep(5);
        while (File.ReadAllLines(probe).Length < 3)
            Thread.Sleep(5);
        string[] lines = File.ReadAllLines(probe);
        Assert.Equal("1", lines[0]); // a default device
        Assert.Contains("/dev/kmsg: Operation not permitted", lines[1]);
        Assert.Contains(".n: Operation not permitted", lines[2]); // the node could be made, not opened
        File.Delete(probe);
        File.Delete(probe + ".n");
        Assert.False(cgroup.WasOomKilled());
        while (File.ReadAllText($"/proc/{sleep.Id}/comm") != "sleep\n")
            Thread.Sleep(5); // the shell's own children have ended by then
        Assert.Equal([sleep.Id], cgroup.Members(recursive: true));

        // New rules replace the old ones; everything allowed leaves none.
        Assert.Equal(1, Berth.Linux.Bpf.CgroupDeviceProgram.Count(unified.Folder(path)));
        cgroup.Update(new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false }] });
        Assert.Equal(1, Berth.Linux.Bpf.CgroupDeviceProgram.Count(unified.Folder(path)));
        cgroup.Update(new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = true }] });
        Assert.Equal(0, Berth.Linux.Bpf.CgroupDeviceProgram.Count(unified.Folder(path)));
        cgroup.KillAll();
        cgroup.Remove();
        Assert.True(sleep.WaitForExit(5000));
        Assert.False(Directory.Exists(unified.Folder(path)));
    }
}
