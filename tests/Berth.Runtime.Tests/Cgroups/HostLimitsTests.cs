using Berth.Linux;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Tests.Cgroups;

/// <summary>Limits on this host's kernel, of whichever version its cgroups are.</summary>
public sealed class HostLimitsTests
{
    private const long Mebi = 1 << 20;

    private static bool IsV2 => CgroupLayout.Current.IsV2;

    [Fact]
    public void LimitsAreWhatIsAsked()
    {
        var resources = new ResourcesSpec
        {
            Cpu = new CpuSpec { Shares = 512, Quota = 20000, Period = 50000, Burst = 1000, Cpus = "0", Mems = "0" },
            Memory = new MemorySpec { Limit = 64 * Mebi, Swap = 128 * Mebi, Reservation = 32 * Mebi },
            Pids = new PidsSpec(7),
            Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }],
        };
        using var test = new TestCgroup(resources);
        Assert.Equal("7", test.Read("pids", "pids.max"));
        Assert.Equal("0", test.Read("cpuset", "cpuset.cpus"));
        if (IsV2)
        {
            Assert.Equal("20", test.Read("cpu", "cpu.weight"));
            Assert.Equal("20000 50000", test.Read("cpu", "cpu.max"));
            Assert.Equal("1000", test.Read("cpu", "cpu.max.burst"));
            Assert.Equal($"{64 * Mebi}", test.Read("memory", "memory.max"));
            Assert.Equal($"{32 * Mebi}", test.Read("memory", "memory.low"));
            return;
        }

        Assert.Equal("512", test.Read("cpu", "cpu.shares"));
        Assert.Equal(("50000", "20000", "1000"), (test.Read("cpu", "cpu.cfs_period_us"), test.Read("cpu", "cpu.cfs_quota_us"), test.Read("cpu", "cpu.cfs_burst_us")));
        Assert.Equal($"{64 * Mebi}", test.Read("memory", "memory.limit_in_bytes"));
        Assert.Equal($"{128 * Mebi}", test.Read("memory", "memory.memsw.limit_in_bytes"));
        Assert.Equal($"{32 * Mebi}", test.Read("memory", "memory.soft_limit_in_bytes"));
        Assert.Contains("c 1:3 rwm", test.Read("devices", "devices.list"));
        Assert.DoesNotContain("a *:*", test.Read("devices", "devices.list"));
    }

    [Fact]
    public void UpdatesNeverFailOnTheWay()
    {
        using var test = new TestCgroup(new ResourcesSpec { Memory = new MemorySpec { Limit = 64 * Mebi, Swap = 64 * Mebi }, Cpu = new CpuSpec { Quota = 50000, Period = 100000, Burst = 40000 } });
        foreach ((long limit, long swap) in ((long, long)[])[(256 * Mebi, 512 * Mebi), (32 * Mebi, 32 * Mebi), (100 * Mebi, 100 * Mebi), (-1, -1), (16 * Mebi, 20 * Mebi), (-1, 0), (16 * Mebi, -1)])
            test.Cgroup.Update(new ResourcesSpec { Memory = new MemorySpec { Limit = limit, Swap = swap } });
        // The burst may not be above the quota, at any moment.
        foreach ((long quota, ulong period, ulong burst) in ((long, ulong, ulong)[])[(10000, 20000, 9000), (200000, 100000, 150000), (1000, 1000, 0), (-1, 1000000, 0), (5000, 10000, 5000)])
            test.Cgroup.Update(new ResourcesSpec { Cpu = new CpuSpec { Quota = quota, Period = period, Burst = burst } });
        test.Cgroup.Update(new ResourcesSpec { Pids = new PidsSpec(3) });
        test.Cgroup.Update(new ResourcesSpec { Pids = new PidsSpec(-1) });
        Assert.Equal("max", test.Read("pids", "pids.max"));
    }

    [Fact]
    public void WhatTheKernelRefusesIsNamed()
    {
        using var test = new TestCgroup();
        string text = Assert.Throws<LinuxException>(() => test.Cgroup.Update(new ResourcesSpec { Cpu = new CpuSpec { Cpus = "900" } })).Message;
        Assert.Contains("'900' to ", text);
        Assert.Contains("cpuset.cpus (linux.resources.cpu.cpus)", text);
        var rdma = new ResourcesSpec { Rdma = new Dictionary<string, RdmaSpec>(StringComparer.Ordinal) { ["none0"] = new RdmaSpec { HcaHandles = 1 } } };
        string missing = Assert.ThrowsAny<Exception>(() => test.Cgroup.Update(rdma)).Message;
        Assert.Contains("linux.resources.rdma", missing);
        if (IsV2)
            return;
        Assert.Contains("controller 'rdma', which is not mounted on this host", missing);
        Assert.Contains("2 to 262144", Assert.Throws<LinuxException>(() => test.Cgroup.Update(new ResourcesSpec { Cpu = new CpuSpec { Shares = 1 } })).Message);
        test.Cgroup.Update(new ResourcesSpec { Memory = new MemorySpec { Limit = 64 * Mebi, Swap = 64 * Mebi } });
        Assert.Contains("set memory.swap too", Assert.Throws<LinuxException>(() => test.Cgroup.Update(new ResourcesSpec { Memory = new MemorySpec { Limit = 65 * Mebi } })).Message);
        Assert.Contains("below memory alone", Assert.Throws<LinuxException>(() => test.Cgroup.Update(new ResourcesSpec { Memory = new MemorySpec { Swap = 63 * Mebi } })).Message);
    }

    [Fact]
    public void MemoryInUseIsCheckedIfAsked()
    {
        using var test = new TestCgroup();
        test.Start("head -c 8000000 /dev/zero | tail -c 8000000 | sleep 1000");
        while (test.Cgroup.ReadStats().Memory.Usage.Usage < 4 * (ulong)Mebi)
            Thread.Sleep(5);
        var memory = new MemorySpec { Limit = Mebi, CheckBeforeUpdate = true };
        Assert.Contains("bytes in use", Assert.Throws<ArgumentException>(() => test.Cgroup.Update(new ResourcesSpec { Memory = memory })).Message);
        test.Cgroup.Update(new ResourcesSpec { Memory = memory with { Limit = 200 * Mebi } });
    }

    [Fact]
    public void AFailedCreateLeavesNothing()
    {
        string above = "/berth-test/" + Path.GetRandomFileName(), path = above + "/deep/er";
        CgroupLocation location = CgroupLocator.At(CgroupLayout.Current, _ => path);
        Assert.ThrowsAny<Exception>(() => ContainerCgroup.Create(path, new ResourcesSpec { Pids = new PidsSpec(5), Cpu = new CpuSpec { Mems = "77" } }));
        Assert.DoesNotContain(location.Folders.Values, folder => Directory.Exists(folder[..(folder.Length - "/deep/er".Length)]));
    }

    [Fact]
    public void AnExistingCgroupIsTakenOverOnlyIfAllowedAndEmpty()
    {
        using var test = new TestCgroup();
        var request = new CgroupRequest { ContainerId = "x", CgroupsPath = "/berth-test/taken", AllowExisting = true };
        ContainerCgroup.Create(request, test.Location, null);
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => ContainerCgroup.Create(request with { AllowExisting = false }, test.Location, null)).Errno);
        test.Start("exec sleep 1000");
        LinuxException busy = Assert.Throws<LinuxException>(() => ContainerCgroup.Create(request, test.Location, null));
        Assert.Equal(Errno.EBUSY, busy.Errno);
        Assert.Contains("not this container's", busy.Message);
    }

    [Fact]
    public void DeviceRulesOfARunningContainerChange()
    {
        using var test = new TestCgroup(new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] });
        string node = Path.GetTempFileName() + ".fuse";
        Assert.Equal("made", test.Start($"mknod {node} c 1 11; echo made; exec sleep 1000").StandardOutput.ReadLine());
        test.Cgroup.Update(new ResourcesSpec
        {
            Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }, new DeviceRuleSpec { Allow = true, Type = "c", Major = 1, Minor = 11, Access = "r" }],
        });
        Assert.Equal("yes", test.Start($"if (: < {node}) 2>/dev/null; then echo yes; else echo no; fi; exec sleep 1000").StandardOutput.ReadLine());
        test.Cgroup.Update(new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] });
        Assert.Equal("no", test.Start($"if (: < {node}) 2>/dev/null; then echo yes; else echo no; fi; exec sleep 1000").StandardOutput.ReadLine());
        Assert.Equal("here", test.Start("echo here > /dev/null && echo here; exec sleep 1000").StandardOutput.ReadLine());
        File.Delete(node);
    }
}
