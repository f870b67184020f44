using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V1;

/// <summary>
/// From the configuration to the files of cgroup v1 (kernel: admin-guide/cgroup-v1). Null is not asked for; so is 0 where the kernel has no such
/// value, as engines write it for "unset". Devices are apart: <see cref="DeviceRules"/>.
/// </summary>
internal static class Limits
{
    /// <summary>All that is asked for, in the order in which it is best written.</summary>
    /// <param name="resources">What is asked.</param>
    /// <param name="isUpdate">Whether the cgroup may have other values than the kernel's first ones.</param>
    /// <param name="has">Whether a file of a controller exists in the cgroup.</param>
    /// <exception cref="NotSupportedException">Only cgroup v2 has it.</exception>
    public static IEnumerable<CgroupSetting> Of(ResourcesSpec resources, bool isUpdate, Func<string, string, bool> has)
    {
        if (resources.Unified is { Count: > 0 })
            throw new NotSupportedException("linux.resources.unified needs cgroup v2, but this host has the hierarchies of v1");
        var settings = new SettingList();
        AddCpu(settings, resources.Cpu);
        AddMemory(settings, resources.Memory, isUpdate, has);
        if (resources.Pids is { Limit: not 0 } pids && (pids.Limit > 0 || isUpdate))
            settings.Add("pids", "pids.max", pids.Limit > 0 ? $"{pids.Limit}" : "max", "pids.limit");
        AddBlockIo(settings, resources.BlockIo, has);
        AddHugePages(settings, resources.HugepageLimits, has);
        AddNetwork(settings, resources.Network);
        settings.AddRdma(resources.Rdma);
        return settings.All;
    }

    private static void AddCpu(SettingList settings, CpuSpec? cpu)
    {
        if (cpu is null)
            return;
        settings.AddUnlessZero("cpu", "cpu.shares", cpu.Shares, "cpu.shares");
        settings.Add("cpu", "cpu.idle", cpu.Idle, "cpu.idle");
        settings.AddUnlessZero("cpu", "cpu.cfs_period_us", cpu.Period, "cpu.period");
        settings.AddUnlessZero("cpu", "cpu.cfs_quota_us", cpu.Quota, "cpu.quota");
        settings.Add("cpu", "cpu.cfs_burst_us", cpu.Burst, "cpu.burst");
        settings.AddUnlessZero("cpu", "cpu.rt_period_us", cpu.RealtimePeriod, "cpu.realtimePeriod");
        settings.AddUnlessZero("cpu", "cpu.rt_runtime_us", cpu.RealtimeRuntime, "cpu.realtimeRuntime");
        settings.AddText("cpuset", "cpuset.cpus", cpu.Cpus, "cpu.cpus");
        settings.AddText("cpuset", "cpuset.mems", cpu.Mems, "cpu.mems");
    }

    private static void AddMemory(SettingList settings, MemorySpec? memory, bool isUpdate, Func<string, string, bool> has)
    {
        if (memory is null)
            return;
        const string controller = "memory";
        // No limit of memory means none of memory and swap either, or the kernel refuses the former.
        long? swap = memory is { Limit: -1, Swap: null or 0 } && isUpdate && has(controller, "memory.memsw.limit_in_bytes") ? -1 : memory.Swap;
        settings.AddUnlessZero(controller, "memory.limit_in_bytes", memory.Limit, "memory.limit");
        settings.AddUnlessZero(controller, "memory.memsw.limit_in_bytes", swap, "memory.swap");
        settings.AddUnlessZero(controller, "memory.soft_limit_in_bytes", memory.Reservation, "memory.reservation");
        settings.AddUnlessZero(controller, "memory.kmem.limit_in_bytes", memory.Kernel, "memory.kernel");
        settings.AddUnlessZero(controller, "memory.kmem.tcp.limit_in_bytes", memory.KernelTcp, "memory.kernelTCP");
        // The largest number is -1 in the eyes of engines that write "unset" so.
        if (memory.Swappiness is { } swappiness and not ulong.MaxValue)
            settings.Add(controller, "memory.swappiness", (ulong?)swappiness, "memory.swappiness");
        if (memory.DisableOomKiller is { } disable && (disable || isUpdate))
            settings.Add(controller, "memory.oom_control", disable ? "1" : "0", "memory.disableOOMKiller");
        if (memory.UseHierarchy is { } hierarchy)
            settings.Add(controller, "memory.use_hierarchy", hierarchy ? "1" : "0", "memory.useHierarchy");
    }

    private static void AddBlockIo(SettingList settings, BlockIoSpec? io, Func<string, string, bool> has)
    {
        if (io is null)
            return;
        const string controller = "blkio";
        // CFQ (until Linux 5.0) had the names without a scheduler, BFQ has its own.
        string weightFile = has(controller, "blkio.weight") ? "blkio.weight" : "blkio.bfq.weight";
        settings.AddUnlessZero(controller, weightFile, io.Weight, "blockIO.weight");
        settings.AddUnlessZero(controller, "blkio.leaf_weight", io.LeafWeight, "blockIO.leafWeight");
        foreach (WeightDeviceSpec device in io.WeightDevice ?? [])
        {
            if (device.Weight is { } weight and not 0)
                settings.Add(controller, weightFile + "_device", $"{device.Major}:{device.Minor} {weight}", "blockIO.weightDevice");
            if (device.LeafWeight is { } leaf and not 0)
                settings.Add(controller, "blkio.leaf_weight_device", $"{device.Major}:{device.Minor} {leaf}", "blockIO.weightDevice");
        }

        AddThrottle("blkio.throttle.read_bps_device", io.ThrottleReadBpsDevice, "blockIO.throttleReadBpsDevice");
        AddThrottle("blkio.throttle.write_bps_device", io.ThrottleWriteBpsDevice, "blockIO.throttleWriteBpsDevice");
        AddThrottle("blkio.throttle.read_iops_device", io.ThrottleReadIopsDevice, "blockIO.throttleReadIOPSDevice");
        AddThrottle("blkio.throttle.write_iops_device", io.ThrottleWriteIopsDevice, "blockIO.throttleWriteIOPSDevice");

        void AddThrottle(string file, IReadOnlyList<ThrottleDeviceSpec>? devices, string field)
        {
            foreach (ThrottleDeviceSpec device in devices ?? [])
                settings.Add(controller, file, $"{device.Major}:{device.Minor} {device.Rate}", field);
        }
    }

    private static void AddHugePages(SettingList settings, IReadOnlyList<HugepageLimitSpec>? limits, Func<string, string, bool> has)
    {
        foreach (HugepageLimitSpec limit in limits ?? [])
        {
            string size = SettingList.HugePageSize(limit.PageSize);
            settings.Add("hugetlb", $"hugetlb.{size}.limit_in_bytes", (ulong?)limit.Limit, "hugepageLimits");
            if (has("hugetlb", $"hugetlb.{size}.rsvd.limit_in_bytes"))
                settings.Add("hugetlb", $"hugetlb.{size}.rsvd.limit_in_bytes", (ulong?)limit.Limit, "hugepageLimits");
        }
    }

    private static void AddNetwork(SettingList settings, NetworkClassSpec? network)
    {
        settings.AddUnlessZero("net_cls", "net_cls.classid", network?.ClassId, "network.classID");
        foreach (InterfacePrioritySpec priority in network?.Priorities ?? [])
            settings.Add("net_prio", "net_prio.ifpriomap", $"{priority.Name} {priority.Priority}", "network.priorities");
    }
}
