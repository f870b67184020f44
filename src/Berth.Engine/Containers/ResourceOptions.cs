using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Engine.Containers;

/// <summary>Limits of a container's processes as they were asked for; 0, null and empty are not asked for.</summary>
public sealed record ResourceOptions
{
    private const long LeastMemory = 6 << 20;
    private const long DefaultPeriod = 100_000;

    /// <summary>Bytes of memory.</summary>
    public long Memory { get; init; }

    /// <summary>Bytes of memory and swap together; -1: no limit; 0: twice the memory.</summary>
    public long MemorySwap { get; init; }

    /// <summary>Bytes to keep when others need some.</summary>
    public long MemoryReservation { get; init; }

    /// <summary>Processors in thousand-millionths.</summary>
    public long NanoCpus { get; init; }

    /// <summary>Weight of processor time; 1024 is normal.</summary>
    public long CpuShares { get; init; }

    /// <summary>Microseconds.</summary>
    public long CpuPeriod { get; init; }

    /// <summary>Microseconds in each period.</summary>
    public long CpuQuota { get; init; }

    /// <summary>Processors, as <c>0-2,4</c>.</summary>
    public string CpusetCpus { get; init; } = "";

    /// <summary>Memory nodes, likewise.</summary>
    public string CpusetMems { get; init; } = "";

    /// <summary>The most tasks; 0 or less is no limit.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>These limits with those of <paramref name="change"/> that are asked for.</summary>
    /// <exception cref="EngineException">InvalidArgument or Conflict when they do not go together.</exception>
    public ResourceOptions UpdatedBy(ResourceOptions change)
    {
        if (NanoCpus > 0 && (change.CpuQuota != 0 || change.CpuPeriod != 0))
        {
            string what = change.CpuPeriod != 0 ? "CPU Period" : "CPU Quota";
            throw new EngineException(ErrorKind.Conflict, $"Conflicting options: {what} cannot be updated as NanoCPUs has already been set");
        }

        if (CpuQuota != 0 && change.NanoCpus > 0)
        {
            throw new EngineException(ErrorKind.Conflict, "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
        }

        if (CpuPeriod != 0 && change.NanoCpus > 0)
        {
            throw new EngineException(ErrorKind.Conflict, "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
        }

        if (change.Memory != 0 && change.MemorySwap == 0 && change.Memory > (MemorySwap == 0 ? Memory * 2 : MemorySwap) && MemorySwap != -1 && (MemorySwap != 0 || Memory != 0))
        {
            throw new EngineException(ErrorKind.Conflict, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
        }

        return new ResourceOptions
        {
            Memory = Changed(change.Memory, Memory),
            MemorySwap = Changed(change.MemorySwap, MemorySwap),
            MemoryReservation = Changed(change.MemoryReservation, MemoryReservation),
            NanoCpus = Changed(change.NanoCpus, NanoCpus),
            CpuShares = Changed(change.CpuShares, CpuShares),
            CpuPeriod = Changed(change.CpuPeriod, CpuPeriod),
            CpuQuota = Changed(change.CpuQuota, CpuQuota),
            CpusetCpus = change.CpusetCpus.Length > 0 ? change.CpusetCpus : CpusetCpus,
            CpusetMems = change.CpusetMems.Length > 0 ? change.CpusetMems : CpusetMems,
            PidsLimit = change.PidsLimit ?? PidsLimit,
        };
    }

    /// <summary>Checks every value by itself and with the others.</summary>
    /// <param name="isUpdate">Whether these come upon others.</param>
    /// <exception cref="EngineException">InvalidArgument with docker's words.</exception>
    public void Validate(bool isUpdate)
    {
        Refuse(Memory is not 0 and < LeastMemory, "Minimum memory limit allowed is 6MB");
        Refuse(MemoryReservation is not 0 and < LeastMemory, "Minimum memory reservation allowed is 6MB");
        Refuse(Memory > 0 && MemorySwap > 0 && MemorySwap < Memory, "Minimum memoryswap limit should be larger than memory limit, see usage");
        Refuse(Memory == 0 && MemorySwap > 0 && !isUpdate, "You should always set the Memory limit when using Memoryswap limit, see usage");
        Refuse(Memory > 0 && MemoryReservation > Memory, "Minimum memory limit can not be less than memory reservation limit, see usage");
        Refuse(NanoCpus > 0 && CpuPeriod > 0, "Conflicting options: Nano CPUs and CPU Period cannot both be set");
        Refuse(NanoCpus > 0 && CpuQuota > 0, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
        Refuse(NanoCpus < 0 || NanoCpus > Environment.ProcessorCount * 1_000_000_000L,
            $"range of CPUs is from 0.01 to {Environment.ProcessorCount}.00, as there are only {Environment.ProcessorCount} CPUs available");
        Refuse(CpuShares < 0, $"invalid CPU shares ({CpuShares}): value must be a positive integer");
        Refuse(CpuPeriod is not 0 and (< 1000 or > 1_000_000), "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
        Refuse(CpuQuota is > 0 and < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }

    /// <summary>For the runtime.</summary>
    internal ResourcesSpec ToSpec() => new()
    {
        Memory = Memory == 0 && MemoryReservation == 0 && MemorySwap == 0 ? null : new MemorySpec
        {
            Limit = Memory == 0 ? null : Memory,
            Swap = MemorySwap != 0 ? MemorySwap : Memory > 0 ? Memory * 2 : null,
            Reservation = MemoryReservation == 0 ? null : MemoryReservation,
        },
        Cpu = NanoCpus == 0 && CpuShares == 0 && CpuPeriod == 0 && CpuQuota == 0 && CpusetCpus.Length == 0 && CpusetMems.Length == 0 ? null : new CpuSpec
        {
            Shares = CpuShares == 0 ? null : (ulong)CpuShares,
            Period = NanoCpus > 0 ? DefaultPeriod : CpuPeriod == 0 ? null : (ulong)CpuPeriod,
            Quota = NanoCpus > 0 ? NanoCpus * DefaultPeriod / 1_000_000_000 : CpuQuota == 0 ? null : CpuQuota,
            Cpus = CpusetCpus.Length == 0 ? null : CpusetCpus,
            Mems = CpusetMems.Length == 0 ? null : CpusetMems,
        },
        Pids = PidsLimit is { } tasks ? new PidsSpec(tasks > 0 ? tasks : -1) : null,
    };

    private static long Changed(long change, long present) => change != 0 ? change : present;

    private static void Refuse(bool isWrong, string message)
    {
        if (isWrong)
        {
            throw new EngineException(ErrorKind.InvalidArgument, message);
        }
    }
}
