using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Tests.Cgroups;

/// <summary>From the configuration to files and values, without a kernel.</summary>
public sealed class LimitsTests
{
    [Fact]
    public void V1WritesWhatIsAsked()
    {
        var resources = new ResourcesSpec
        {
            Cpu = new CpuSpec { Shares = 512, Quota = 20000, Period = 100000, Burst = 1000, Cpus = "0", Mems = "0", Idle = 0 },
            Memory = new MemorySpec { Limit = 1 << 26, Swap = 1 << 27, Reservation = 1 << 25, Swappiness = 10, DisableOomKiller = true },
            Pids = new PidsSpec(7),
            BlockIo = new BlockIoSpec
            {
                Weight = 300,
                WeightDevice = [new WeightDeviceSpec { Major = 254, Minor = 0, Weight = 200 }],
                ThrottleReadBpsDevice = [new ThrottleDeviceSpec(254, 0, 1000000)],
                ThrottleWriteIopsDevice = [new ThrottleDeviceSpec(254, 0, 50)],
            },
            HugepageLimits = [new HugepageLimitSpec("2MB", 4 << 20)],
            Network = new NetworkClassSpec { ClassId = 0x10001, Priorities = [new InterfacePrioritySpec("lo", 3)] },
            Rdma = new Dictionary<string, RdmaSpec>(StringComparer.Ordinal) { ["mlx4_0"] = new RdmaSpec { HcaHandles = 3 } },
        };
        Assert.Equal(
            [
                "cpu.shares=512", "cpu.idle=0", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=20000", "cpu.cfs_burst_us=1000", "cpuset.cpus=0", "cpuset.mems=0",
                "memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=134217728", "memory.soft_limit_in_bytes=33554432", "memory.swappiness=10",
                "memory.oom_control=1", "pids.max=7", "blkio.bfq.weight=300", "blkio.bfq.weight_device=254:0 200", "blkio.throttle.read_bps_device=254:0 1000000",
                "blkio.throttle.write_iops_device=254:0 50", "hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304",
                "net_cls.classid=65537", "net_prio.ifpriomap=lo 3", "rdma.max=mlx4_0 hca_handle=3",
            ],
            Show(Berth.Runtime.Cgroups.V1.Limits.Of(resources, isUpdate: false, (_, file) => file != "blkio.weight")));
    }

    [Fact]
    public void V1WritesWhatIsRare()
    {
        var resources = new ResourcesSpec
        {
            Cpu = new CpuSpec { RealtimeRuntime = 950000, RealtimePeriod = 1000000 },
            Memory = new MemorySpec { Kernel = 1 << 24, KernelTcp = 1 << 23, UseHierarchy = true },
            BlockIo = new BlockIoSpec
            {
                LeafWeight = 20,
                WeightDevice = [new WeightDeviceSpec { Major = 8, Minor = 16, LeafWeight = 30 }],
                ThrottleWriteBpsDevice = [new ThrottleDeviceSpec(254, 0, 7)],
                ThrottleReadIopsDevice = [new ThrottleDeviceSpec(254, 0, 8)],
            },
            Rdma = new Dictionary<string, RdmaSpec>(StringComparer.Ordinal) { ["mlx4_0"] = new RdmaSpec { HcaHandles = 3, HcaObjects = 10 } },
        };
        Assert.Equal(
            [
                "cpu.rt_period_us=1000000", "cpu.rt_runtime_us=950000", "memory.kmem.limit_in_bytes=16777216", "memory.kmem.tcp.limit_in_bytes=8388608",
                "memory.use_hierarchy=1", "blkio.leaf_weight=20", "blkio.leaf_weight_device=8:16 30", "blkio.throttle.write_bps_device=254:0 7",
                "blkio.throttle.read_iops_device=254:0 8", "rdma.max=mlx4_0 hca_handle=3 hca_object=10",
            ],
            Show(Berth.Runtime.Cgroups.V1.Limits.Of(resources, isUpdate: false, (_, _) => true)));
    }

    [Fact]
    public void V2TranslatesWhatIsAsked()
    {
        var resources = new ResourcesSpec
        {
            Cpu = new CpuSpec { Shares = 1024, Quota = 20000, Burst = 1000, Cpus = "0-1" },
            Memory = new MemorySpec { Limit = 1 << 26, Swap = 1 << 27, Reservation = 1 << 25 },
            Pids = new PidsSpec(-1),
            BlockIo = new BlockIoSpec
            {
                Weight = 500,
                ThrottleReadBpsDevice = [new ThrottleDeviceSpec(254, 0, 1000000)],
                ThrottleWriteIopsDevice = [new ThrottleDeviceSpec(254, 0, 0)],
            },
            HugepageLimits = [new HugepageLimitSpec("2MB", 4 << 20)],
            Unified = new Dictionary<string, string>(StringComparer.Ordinal) { ["memory.high"] = "1000000", ["io.max"] = "8:0 rbps=1\n8:16 rbps=2" },
        };
        var files = new Dictionary<string, string>(StringComparer.Ordinal) { ["cpu.max"] = "max 50000\n", ["memory.swap.max"] = "max\n" };
        Assert.Equal(
            [
                "cpu.weight=39", "cpu.max=20000 50000", "cpu.max.burst=1000", "cpuset.cpus=0-1", "memory.swap.max=67108864", "memory.max=67108864",
                "memory.low=33554432", "pids.max=max", "io.weight=4950", "io.max=254:0 rbps=1000000", "io.max=254:0 wiops=max",
                "hugetlb.2MB.max=4194304", "memory.high=1000000", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2",
            ],
            Show(Berth.Runtime.Cgroups.V2.Limits.Of(resources, file => files.GetValueOrDefault(file))));
        Assert.Equal("cpu.max=max 20000", Show(Berth.Runtime.Cgroups.V2.Limits.Of(new ResourcesSpec { Cpu = new CpuSpec { Period = 20000 } }, _ => null)).Single());
    }

    [Theory]
    [InlineData(0UL, 0UL)]
    [InlineData(2UL, 1UL)]
    [InlineData(1024UL, 39UL)]
    [InlineData(262144UL, 10000UL)]
    [InlineData(1000000UL, 10000UL)]
    public void SharesBecomeWeights(ulong shares, ulong weight) => Assert.Equal(weight, Berth.Runtime.Cgroups.V2.Limits.Weight(shares));

    [Theory]
    [InlineData(-1L, 0L, -1L)]
    [InlineData(100L, 0L, null)]
    [InlineData(100L, -1L, -1L)]
    [InlineData(100L, 100L, 0L)]
    [InlineData(100L, 300L, 200L)]
    public void SwapIsCountedApartInV2(long limit, long both, long? swap) => Assert.Equal(swap, Berth.Runtime.Cgroups.V2.Limits.Swap(limit, both));

    [Theory]
    [InlineData(0L, 100L, "set memory.limit")]
    [InlineData(-1L, 100L, "set memory.limit")]
    [InlineData(200L, 100L, "less than memory.limit 200")]
    public void SwapWithoutSenseIsRefused(long limit, long both, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Berth.Runtime.Cgroups.V2.Limits.Swap(limit, both)).Message);

    [Fact]
    public void WhatOneVersionLacksIsNamed()
    {
        var unified = new ResourcesSpec { Unified = new Dictionary<string, string>(StringComparer.Ordinal) { ["memory.high"] = "1" } };
        Assert.Contains("linux.resources.unified", Assert.Throws<NotSupportedException>(() => Berth.Runtime.Cgroups.V1.Limits.Of(unified, false, (_, _) => true)).Message);
        Refused(new ResourcesSpec { Network = new NetworkClassSpec { ClassId = 1 } }, "network.classID");
        Refused(new ResourcesSpec { Network = new NetworkClassSpec { Priorities = [new InterfacePrioritySpec("lo", 1)] } }, "network.priorities");
        Refused(new ResourcesSpec { Cpu = new CpuSpec { RealtimeRuntime = 1000 } }, "cpu.realtimeRuntime");
        Refused(new ResourcesSpec { Memory = new MemorySpec { Kernel = 1000 } }, "memory.kernel");
        Refused(new ResourcesSpec { Memory = new MemorySpec { KernelTcp = 1000 } }, "memory.kernelTCP");
        Refused(new ResourcesSpec { Memory = new MemorySpec { UseHierarchy = false } }, "memory.useHierarchy");
        Refused(new ResourcesSpec { Cpu = new CpuSpec { RealtimePeriod = 1000 } }, "cpu.realtimePeriod");
        Refused(new ResourcesSpec { Memory = new MemorySpec { Swappiness = 5 } }, "memory.swappiness");
        Refused(new ResourcesSpec { Memory = new MemorySpec { DisableOomKiller = true } }, "memory.disableOOMKiller");
        Refused(new ResourcesSpec { BlockIo = new BlockIoSpec { LeafWeight = 10 } }, "blockIO.leafWeight");

        static void Refused(ResourcesSpec resources, string field) =>
            Assert.Contains("linux.resources." + field, Assert.Throws<NotSupportedException>(() => Berth.Runtime.Cgroups.V2.Limits.Of(resources, _ => null)).Message);
    }

    [Theory]
    [InlineData("memory/high")]
    [InlineData("../memory.high")]
    [InlineData("cgroup.procs")]
    [InlineData("high")]
    public void UnifiedNamesAreChecked(string name) => Assert.Contains(
        $"\"{name}\"",
        Assert.Throws<ArgumentException>(() => Berth.Runtime.Cgroups.V2.Limits.Of(
            new ResourcesSpec { Unified = new Dictionary<string, string>(StringComparer.Ordinal) { [name] = "1" } }, _ => null)).Message);

    [Fact]
    public void PageSizesAreChecked() => Assert.Contains("2M", Assert.Throws<ArgumentException>(() => Berth.Runtime.Cgroups.V2.Limits.Of(
        new ResourcesSpec { HugepageLimits = [new HugepageLimitSpec("2M", 1)] }, _ => null)).Message);

    private static IEnumerable<string> Show(IEnumerable<CgroupSetting> settings) => settings.Select(static s => $"{s.File}={s.Value}");
}
