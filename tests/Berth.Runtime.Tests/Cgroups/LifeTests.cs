using System.Diagnostics;
using System.Text.Json;
using Berth.Linux.Events;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Tests.Cgroups;

/// <summary>Members, stopping, counting and events on this host's kernel; what v2 does without controllers also on a hybrid host.</summary>
public sealed class LifeTests
{
    public static TheoryData<bool> Kinds => CgroupLayout.Current.IsV2 || !TestCgroup.HasUnified ? [false] : [false, true];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void StopsAndResumes(bool unified)
    {
        using var test = new TestCgroup(unified: unified);
        Process shell = test.Start("i=0; while :; do i=$((i+1)); sleep 0.01; done");
        Assert.False(test.Cgroup.IsFrozen);
        test.Cgroup.Freeze();
        Assert.True(test.Cgroup.IsFrozen);
        long before = SwitchesOf(shell);
        Thread.Sleep(50);
        Assert.InRange(SwitchesOf(shell), before, before + 1); // a process counts as frozen before it lets go of the processor for good
        before = SwitchesOf(shell);
        Thread.Sleep(100);
        Assert.Equal(before, SwitchesOf(shell));
        test.Cgroup.Freeze();
        test.Cgroup.Thaw();
        Assert.False(test.Cgroup.IsFrozen);
        while (SwitchesOf(shell) == before)
            Thread.Sleep(5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void StopsWhatForksWithoutPause(bool unified)
    {
        using var test = new TestCgroup(unified: unified);
        for (int i = 0; i < 3; i++)
            test.Start("while :; do /bin/true; done");
        for (int i = 0; i < 20; i++)
        {
            test.Cgroup.Freeze();
            test.Cgroup.Thaw();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void KillsWhatIsStopped(bool unified)
    {
        using var test = new TestCgroup(unified: unified);
        Process shell = test.Start("sleep 1000 & sleep 1000 & wait");
        while (test.Cgroup.Members(recursive: true).Count < 3)
            Thread.Sleep(5);
        test.Cgroup.Freeze();
        test.Cgroup.KillAll();
        Assert.True(shell.WaitForExit(5000));
        Assert.Empty(test.Cgroup.Members(recursive: true));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void MembersBelowCountIfAsked(bool unified)
    {
        using var test = new TestCgroup(unified: unified);
        Process outer = test.Start("exec sleep 1000");
        foreach (string folder in test.Location.Folders.Values.Distinct(StringComparer.Ordinal))
            Directory.CreateDirectory(folder + "/below");
        foreach (string file in test.Cgroup.JoinFiles(SubCgroup.Parse("below"), 0))
        {
            Assert.Contains("/below/", file);
            if (file.Contains("cpuset", StringComparison.Ordinal))
                Berth.Runtime.Cgroups.V1.Cpuset.Fill(Path.GetDirectoryName(file)!); // a file has a folder
            File.WriteAllText(file, $"{outer.Id}");
        }

        Assert.Empty(test.Cgroup.Members(recursive: false));
        Assert.Equal([outer.Id], test.Cgroup.Members(recursive: true));
        Assert.Throws<ArgumentException>(() => test.Cgroup.JoinFiles(SubCgroup.Parse("missing"), 0));
        Assert.Throws<ArgumentException>(() => SubCgroup.Parse("../other"));
    }

    [Fact]
    public void CountsWhatIsUsed()
    {
        using var test = new TestCgroup(new ResourcesSpec { Pids = new PidsSpec(50), Memory = new MemorySpec { Limit = 64 << 20 }, Cpu = new CpuSpec { Quota = 20000, Period = 100000 } });
        test.Start("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 1000").StandardOutput.ReadLine();
        CgroupStats stats = test.Cgroup.ReadStats();
        Assert.InRange(stats.Cpu.Usage.Total, 1_000_000UL, 60_000_000_000UL);
        Assert.True(stats.Cpu.Throttling.Periods > 0);
        Assert.Equal((1UL, 50UL), (stats.Pids.Current, stats.Pids.Limit));
        Assert.Equal(64UL << 20, stats.Memory.Usage.Limit);
        Assert.InRange(stats.Memory.Usage.Usage, 1UL, 64UL << 20);
        Assert.NotEmpty(stats.Memory.Raw!);
        string json = JsonSerializer.Serialize(stats, CgroupStatsJsonContext.Default.CgroupStats);
        if (CgroupLayout.Current.IsV2)
            return;
        // The order and presence of fields as runc 1.1's "events --stats" has them on v1.
        Assert.Matches(
            """^\{"cpu":\{"usage":\{"total":\d+,"percpu":\[[\d,]+\],"percpu_kernel":\[[\d,]+\],"percpu_user":\[[\d,]+\],"kernel":\d+,"user":\d+\},"throttling":\{.*"periods":\d+.*\}\},"cpuset":\{"cpus":\[[\d,]+\],"cpu_exclusive":0,"mems":\[0\],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,"sched_relax_domain_level":-1\},"memory":\{.*"usage":\{"limit":67108864,"usage":\d+,"max":\d+,"failcnt":0\},"swap":\{.*\},"kernel":\{.*\},"kernelTCP":\{"limit":9223372036854771712,"failcnt":0\},"raw":\{"active_anon":.*\}\},"pids":\{"current":1,"limit":50\},"blkio":\{.*\},"hugetlb":\{.*\},"intel_rdt":\{\},"network_interfaces":null\}$""".Replace("\"throttling\":{.*\"", "\"throttling\":{\"", StringComparison.Ordinal),
            json);
    }

    [Fact]
    public void TellsOfKillsForWantOfMemory()
    {
        using var test = new TestCgroup(new ResourcesSpec { Memory = new MemorySpec { Limit = 8 << 20, Swap = 8 << 20 } });
        using CgroupWatch watch = test.Cgroup.WatchOom();
        Assert.Equal(0, watch.Read());
        Assert.False(test.Cgroup.WasOomKilled());
        Process hog = test.Start("x=$(head -c 100000000 /dev/zero | tr '\\0' a); echo survived");
        Assert.True(Wait(watch));
        Assert.True(hog.WaitForExit(20000));
        Assert.True(watch.Read() > 0);
        Assert.True(test.Cgroup.WasOomKilled());
    }

    [Fact]
    public void TellsOfMemoryGettingScarce()
    {
        using var test = new TestCgroup(new ResourcesSpec { Memory = new MemorySpec { Limit = 32 << 20 } });
        if (CgroupLayout.Current.IsV2 && test.Cgroup.ReadStats().Memory.Psi is null)
        {
            Assert.Contains("psi=1", Assert.Throws<Berth.Linux.LinuxException>(() => test.Cgroup.WatchPressure(MemoryPressureLevel.Low)).Message);
            return;
        }

        using CgroupWatch watch = test.Cgroup.WatchPressure(MemoryPressureLevel.Low);
        string file = Path.Combine("/var/tmp", Path.GetRandomFileName());
        // File pages are reclaimed again and again.
        test.Start($"head -c 200000000 /dev/zero > {file}; while :; do cat {file} > /dev/null; done");
        Assert.True(Wait(watch));
        Assert.True(watch.Read() > 0);
        test.Cgroup.KillAll();
        File.Delete(file);
    }

    [Fact]
    public void LocationsAreKeptAsText()
    {
        using var test = new TestCgroup();
        string text = JsonSerializer.Serialize(test.Cgroup.Location, CgroupLocationJsonContext.Default.CgroupLocation);
        CgroupLocation again = JsonSerializer.Deserialize(text, CgroupLocationJsonContext.Default.CgroupLocation)!;
        Assert.Equal(test.Location.Folders.OrderBy(static f => f.Key, StringComparer.Ordinal), again.Folders.OrderBy(static f => f.Key, StringComparer.Ordinal));
        test.Start("exec sleep 1000");
        Assert.Single(ContainerCgroup.Open(again).Members(recursive: true));
    }

    private static bool Wait(CgroupWatch watch)
    {
        using var poll = new EventPoll(1);
        poll.Add(watch.Descriptor.Number, watch.Events, 0);
        return poll.Wait(20000) > 0;
    }

    private static long SwitchesOf(Process process) => File.ReadAllLines($"/proc/{process.Id}/status")
        .Where(static l => l.Contains("_ctxt_switches", StringComparison.Ordinal)).Sum(static l => long.Parse(l.Split('\t')[1]));
}
