using Berth.Model.Json;

namespace Berth.Model.Oci.Runtime;

// Cgroup limits.
public static partial class RuntimeSpecReader
{
    private static ResourcesSpec Resources(ref JsonCursor json)
    {
        List<DeviceRuleSpec>? devices = null;
        MemorySpec? memory = null;
        CpuSpec? cpu = null;
        PidsSpec? pids = null;
        BlockIoSpec? blockIo = null;
        List<HugepageLimitSpec>? hugepageLimits = null;
        NetworkClassSpec? network = null;
        Dictionary<string, RdmaSpec>? rdma = null;
        Dictionary<string, string>? unified = null;
        while (json.Next())
        {
            if (json.Is("devices"u8))
                devices = json.Objects(DeviceRule);
            else if (json.Is("memory"u8))
                memory = json.Object(Memory);
            else if (json.Is("cpu"u8))
                cpu = json.Object(Cpu);
            else if (json.Is("pids"u8))
                pids = json.Object(Pids);
            else if (json.Is("blockIO"u8))
                blockIo = json.Object(BlockIo);
            else if (json.Is("hugepageLimits"u8))
                hugepageLimits = json.Objects(HugepageLimit);
            else if (json.Is("network"u8))
                network = json.Object(Network);
            else if (json.Is("rdma"u8))
                rdma = json.ObjectMap(Rdma);
            else if (json.Is("unified"u8))
                unified = json.TextMap();
            else
                json.Skip();
        }

        return new ResourcesSpec
        {
            Devices = devices, Memory = memory, Cpu = cpu, Pids = pids, BlockIo = blockIo, HugepageLimits = hugepageLimits, Network = network,
            Rdma = rdma, Unified = unified,
        };
    }

    private static DeviceRuleSpec DeviceRule(ref JsonCursor json)
    {
        bool allow = false;
        string? type = null;
        long? major = null;
        long? minor = null;
        string? access = null;
        while (json.Next())
        {
            if (json.Is("allow"u8))
                allow = json.Flag() ?? false;
            else if (json.Is("type"u8))
                type = json.Text();
            else if (json.Is("major"u8))
                major = json.Number<long>();
            else if (json.Is("minor"u8))
                minor = json.Number<long>();
            else if (json.Is("access"u8))
                access = json.Text();
            else
                json.Skip();
        }

        return new DeviceRuleSpec { Allow = allow, Type = type, Major = major, Minor = minor, Access = access };
    }

    private static MemorySpec Memory(ref JsonCursor json)
    {
        long? limit = null;
        long? reservation = null;
        long? swap = null;
        long? kernel = null;
        long? kernelTcp = null;
        ulong? swappiness = null;
        bool? disableOomKiller = null;
        bool? useHierarchy = null;
        bool? checkBeforeUpdate = null;
        while (json.Next())
        {
            if (json.Is("limit"u8))
                limit = json.Number<long>();
            else if (json.Is("reservation"u8))
                reservation = json.Number<long>();
            else if (json.Is("swap"u8))
                swap = json.Number<long>();
            else if (json.Is("kernel"u8))
                kernel = json.Number<long>();
            else if (json.Is("kernelTCP"u8))
                kernelTcp = json.Number<long>();
            else if (json.Is("swappiness"u8))
                swappiness = json.Number<ulong>();
            else if (json.Is("disableOOMKiller"u8))
                disableOomKiller = json.Flag();
            else if (json.Is("useHierarchy"u8))
                useHierarchy = json.Flag();
            else if (json.Is("checkBeforeUpdate"u8))
                checkBeforeUpdate = json.Flag();
            else
                json.Skip();
        }

        return new MemorySpec
        {
            Limit = limit, Reservation = reservation, Swap = swap, Kernel = kernel, KernelTcp = kernelTcp, Swappiness = swappiness,
            DisableOomKiller = disableOomKiller, UseHierarchy = useHierarchy, CheckBeforeUpdate = checkBeforeUpdate,
        };
    }

    private static CpuSpec Cpu(ref JsonCursor json)
    {
        ulong? shares = null;
        long? quota = null;
        ulong? burst = null;
        ulong? period = null;
        long? realtimeRuntime = null;
        ulong? realtimePeriod = null;
        string? cpus = null;
        string? mems = null;
        long? idle = null;
        while (json.Next())
        {
            if (json.Is("shares"u8))
                shares = json.Number<ulong>();
            else if (json.Is("quota"u8))
                quota = json.Number<long>();
            else if (json.Is("burst"u8))
                burst = json.Number<ulong>();
            else if (json.Is("period"u8))
                period = json.Number<ulong>();
            else if (json.Is("realtimeRuntime"u8))
                realtimeRuntime = json.Number<long>();
            else if (json.Is("realtimePeriod"u8))
                realtimePeriod = json.Number<ulong>();
            else if (json.Is("cpus"u8))
                cpus = json.Text();
            else if (json.Is("mems"u8))
                mems = json.Text();
            else if (json.Is("idle"u8))
                idle = json.Number<long>();
            else
                json.Skip();
        }

        return new CpuSpec
        {
            Shares = shares, Quota = quota, Burst = burst, Period = period, RealtimeRuntime = realtimeRuntime, RealtimePeriod = realtimePeriod,
            Cpus = cpus, Mems = mems, Idle = idle,
        };
    }

    private static PidsSpec Pids(ref JsonCursor json)
    {
        long limit = 0;
        while (json.Next())
        {
            if (json.Is("limit"u8))
                limit = json.Number<long>() ?? 0;
            else
                json.Skip();
        }

        return new PidsSpec(limit);
    }

    private static BlockIoSpec BlockIo(ref JsonCursor json)
    {
        ushort? weight = null;
        ushort? leafWeight = null;
        List<WeightDeviceSpec>? weightDevice = null;
        List<ThrottleDeviceSpec>? throttleReadBpsDevice = null;
        List<ThrottleDeviceSpec>? throttleWriteBpsDevice = null;
        List<ThrottleDeviceSpec>? throttleReadIopsDevice = null;
        List<ThrottleDeviceSpec>? throttleWriteIopsDevice = null;
        while (json.Next())
        {
            if (json.Is("weight"u8))
                weight = json.Number<ushort>();
            else if (json.Is("leafWeight"u8))
                leafWeight = json.Number<ushort>();
            else if (json.Is("weightDevice"u8))
                weightDevice = json.Objects(WeightDevice);
            else if (json.Is("throttleReadBpsDevice"u8))
                throttleReadBpsDevice = json.Objects(ThrottleDevice);
            else if (json.Is("throttleWriteBpsDevice"u8))
                throttleWriteBpsDevice = json.Objects(ThrottleDevice);
            else if (json.Is("throttleReadIOPSDevice"u8))
                throttleReadIopsDevice = json.Objects(ThrottleDevice);
            else if (json.Is("throttleWriteIOPSDevice"u8))
                throttleWriteIopsDevice = json.Objects(ThrottleDevice);
            else
                json.Skip();
        }

        return new BlockIoSpec
        {
            Weight = weight, LeafWeight = leafWeight, WeightDevice = weightDevice, ThrottleReadBpsDevice = throttleReadBpsDevice,
            ThrottleWriteBpsDevice = throttleWriteBpsDevice, ThrottleReadIopsDevice = throttleReadIopsDevice,
            ThrottleWriteIopsDevice = throttleWriteIopsDevice,
        };
    }

    private static WeightDeviceSpec WeightDevice(ref JsonCursor json)
    {
        long major = 0;
        long minor = 0;
        ushort? weight = null;
        ushort? leafWeight = null;
        while (json.Next())
        {
            if (json.Is("major"u8))
                major = json.Number<long>() ?? 0;
            else if (json.Is("minor"u8))
                minor = json.Number<long>() ?? 0;
            else if (json.Is("weight"u8))
                weight = json.Number<ushort>();
            else if (json.Is("leafWeight"u8))
                leafWeight = json.Number<ushort>();
            else
                json.Skip();
        }

        return new WeightDeviceSpec { Major = major, Minor = minor, Weight = weight, LeafWeight = leafWeight };
    }

    private static ThrottleDeviceSpec ThrottleDevice(ref JsonCursor json)
    {
        long major = 0;
        long minor = 0;
        ulong rate = 0;
        while (json.Next())
        {
            if (json.Is("major"u8))
                major = json.Number<long>() ?? 0;
            else if (json.Is("minor"u8))
                minor = json.Number<long>() ?? 0;
            else if (json.Is("rate"u8))
                rate = json.Number<ulong>() ?? 0;
            else
                json.Skip();
        }

        return new ThrottleDeviceSpec(major, minor, rate);
    }

    private static HugepageLimitSpec HugepageLimit(ref JsonCursor json)
    {
        string? pageSize = null;
        ulong limit = 0;
        while (json.Next())
        {
            if (json.Is("pageSize"u8))
                pageSize = json.Text();
            else if (json.Is("limit"u8))
                limit = json.Number<ulong>() ?? 0;
            else
                json.Skip();
        }

        return new HugepageLimitSpec(pageSize ?? "", limit);
    }

    private static NetworkClassSpec Network(ref JsonCursor json)
    {
        uint? classId = null;
        List<InterfacePrioritySpec>? priorities = null;
        while (json.Next())
        {
            if (json.Is("classID"u8))
                classId = json.Number<uint>();
            else if (json.Is("priorities"u8))
                priorities = json.Objects(InterfacePriority);
            else
                json.Skip();
        }

        return new NetworkClassSpec { ClassId = classId, Priorities = priorities };
    }

    private static InterfacePrioritySpec InterfacePriority(ref JsonCursor json)
    {
        string? name = null;
        uint priority = 0;
        while (json.Next())
        {
            if (json.Is("name"u8))
                name = json.Text();
            else if (json.Is("priority"u8))
                priority = json.Number<uint>() ?? 0;
            else
                json.Skip();
        }

        return new InterfacePrioritySpec(name ?? "", priority);
    }

    private static RdmaSpec Rdma(ref JsonCursor json)
    {
        uint? hcaHandles = null;
        uint? hcaObjects = null;
        while (json.Next())
        {
            if (json.Is("hcaHandles"u8))
                hcaHandles = json.Number<uint>();
            else if (json.Is("hcaObjects"u8))
                hcaObjects = json.Number<uint>();
            else
                json.Skip();
        }

        return new RdmaSpec { HcaHandles = hcaHandles, HcaObjects = hcaObjects };
    }
}
