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
            [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")], new Runtime.Cgroups.V1.CgroupDriver(layout).ContainerLinks());
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
        using Process shell = Process.Start("sh", ["-c", $"for f in /sys/fs/cgroup/*{path}/cgroup.procs; do echo $$ > $f; done; sleep 1000 & sleep 1000"]);
        string[] folders = [.. Directory.GetDirectories("/sys/fs/cgroup").Select(h => h + path).Where(Directory.Exists)];
        Assert.NotEmpty(folders);
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
        var driver = new Runtime.Cgroups.V2.CgroupDriver(new CgroupLayout([unified]));
        string path = "/berth-test/" + Path.GetRandomFileName();
        driver.Create(path, new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false }, new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "r" }] });
        string probe = Path.GetTempFileName();
        using Process sleep = Process.Start("sh",
            ["-c", $"echo $$ > {driver.JoinFiles(path).Single()}; (head -c 1 /dev/zero | wc -c; (: < /dev/kmsg) 2>&1; mknod {probe}.n c 10 99; (: < {probe}.n) 2>&1) > {probe} 2>&1; exec sleep 1000"]);
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
        Assert.False(driver.WasOomKilled(path));
        driver.KillAll(path);
        driver.Remove(path);
        Assert.True(sleep.WaitForExit(5000));
        Assert.False(Directory.Exists(unified.Folder(path)));
    }

    [Theory]
    [InlineData(null, null, null, null, "a")]
    [InlineData("c", 1L, 3L, "rw", "c 1:3 rw")]
    [InlineData("b", 8L, null, null, "b 8:* rwm")]
    [InlineData("c", -1L, -1L, "m", "c *:* m")]
    public void DeviceRulesInTheKernelsSyntax(string? type, long? major, long? minor, string? access, string expected) =>
        Assert.Equal(expected, Runtime.Cgroups.V1.DeviceRules.Format(new DeviceRuleSpec { Allow = true, Type = type, Major = major, Minor = minor, Access = access }));

    [Fact]
    public void CountsOutOfMemoryKills()
    {
        Assert.Equal(3, Runtime.Cgroups.V1.CgroupEvents.OomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"));
        Assert.Equal(2, Runtime.Cgroups.V2.CgroupEvents.OomKills("low 0\noom 1\noom_kill 2\noom_group_kill 0\n"));
        Assert.Equal(0, Runtime.Cgroups.V2.CgroupEvents.OomKills(null));
    }
}
