using Berth.Api;
using Berth.Runtime.Cgroups;

namespace Berth.Daemon.Mapping;

/// <summary>From what a cgroup tells to what the API does.</summary>
internal static class StatsMapping
{
    private const ulong NanosecondsPerTick = 10_000_000; // USER_HZ is 100 on every architecture of .NET
    private const int CountedFields = 7; // user, nice, system, idle, iowait, irq, softirq: the rest is part of these or a guest's

    /// <param name="used">What the cgroup tells.</param>
    /// <param name="machine">All processors' time and number.</param>
    public static StatsCpu ToCpu(CgroupStats used, (ulong Time, uint Count) machine) => new()
    {
        Usage = new StatsCpuUsage { Total = used.Cpu.Usage.Total, PerCpu = used.Cpu.Usage.Percpu, Kernel = used.Cpu.Usage.Kernel, User = used.Cpu.Usage.User },
        System = machine.Time,
        OnlineCpus = machine.Count,
        Throttling = new StatsThrottling
        {
            Periods = used.Cpu.Throttling.Periods,
            ThrottledPeriods = used.Cpu.Throttling.ThrottledPeriods,
            ThrottledTime = used.Cpu.Throttling.ThrottledTime,
        },
    };

    /// <param name="used">What the cgroup tells.</param>
    /// <param name="machineBytes">The machine's memory, which is the limit of those without one.</param>
    public static StatsMemory ToMemory(CgroupStats used, long machineBytes)
    {
        MemoryEntryStats memory = used.Memory.Usage;
        return new StatsMemory
        {
            Usage = memory.Usage,
            MaxUsage = memory.Max,
            Stats = used.Memory.Raw,
            FailCount = memory.Failcnt,
            Limit = memory.Limit == 0 ? (ulong)machineBytes : Math.Min(memory.Limit, (ulong)machineBytes),
        };
    }

    public static StatsBlockIo ToBlockIo(CgroupStats used) => new()
    {
        ServiceBytes = ToEntries(used.Blkio.IoServiceBytesRecursive),
        Serviced = ToEntries(used.Blkio.IoServicedRecursive),
        Queued = ToEntries(used.Blkio.IoQueuedRecursive),
        ServiceTime = ToEntries(used.Blkio.IoServiceTimeRecursive),
        WaitTime = ToEntries(used.Blkio.IoWaitTimeRecursive),
        Merged = ToEntries(used.Blkio.IoMergedRecursive),
        Time = ToEntries(used.Blkio.IoTimeRecursive),
        Sectors = ToEntries(used.Blkio.SectorsRecursive),
    };

    /// <summary>Nanoseconds that all processors together have spent on anything, idling too, and their number (proc_stat(5)).</summary>
    public static (ulong Time, uint Count) ReadMachine()
    {
        ulong ticks = 0;
        uint count = 0;
        foreach (string line in File.ReadLines("/proc/stat").TakeWhile(static line => line.StartsWith("cpu", StringComparison.Ordinal)))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[0] != "cpu")
            {
                count++;
                continue;
            }

            foreach (string field in fields.Skip(1).Take(CountedFields))
            {
                ticks += ulong.Parse(field, System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return (ticks * NanosecondsPerTick, count);
    }

    private static List<StatsBlockIoEntry> ToEntries(IReadOnlyList<BlockIoEntry>? entries) =>
        [.. (entries ?? []).Select(static entry => new StatsBlockIoEntry { Major = entry.Major, Minor = entry.Minor, Op = entry.Op ?? "", Value = entry.Value })];
}
