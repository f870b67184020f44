using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>Steps for the process's share of the machine: scheduler, priority of its input and output; and the execution domain.</summary>
internal static class Scheduling
{
    private const int IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_SHIFT = 13, MaxIoPriority = 7, MinNice = -20, MaxNice = 19;
    private const uint SizeWithoutClamps = 48, SizeWithClamps = 56; // SCHED_ATTR_SIZE_VER0 and 1 (linux/sched/types.h)
    private const string Fifo = "SCHED_FIFO", RoundRobin = "SCHED_RR", Deadline = "SCHED_DEADLINE";

    // Numbers of linux/sched.h; ISO is reserved there, and the kernel refuses it.
    private static readonly Dictionary<string, uint> Policies = new()
    {
        ["SCHED_OTHER"] = 0, [Fifo] = 1, [RoundRobin] = 2, ["SCHED_BATCH"] = 3, ["SCHED_ISO"] = 4, ["SCHED_IDLE"] = 5, [Deadline] = 6,
    };

    private static readonly Dictionary<string, ulong> Flags = new()
    {
        ["SCHED_FLAG_RESET_ON_FORK"] = 1, ["SCHED_FLAG_RECLAIM"] = 2, ["SCHED_FLAG_DL_OVERRUN"] = 4, ["SCHED_FLAG_KEEP_POLICY"] = 8,
        ["SCHED_FLAG_KEEP_PARAMS"] = 16, ["SCHED_FLAG_UTIL_CLAMP_MIN"] = 32, ["SCHED_FLAG_UTIL_CLAMP_MAX"] = 64,
    };

    private static readonly Dictionary<string, int> IoClasses = new() { ["IOPRIO_CLASS_RT"] = 1, ["IOPRIO_CLASS_BE"] = 2, ["IOPRIO_CLASS_IDLE"] = 3 };

    // personality(2)
    private static readonly Dictionary<string, int> Domains = new() { ["LINUX"] = 0, ["LINUX32"] = 8 };

    /// <summary>Adds the steps.</summary>
    /// <exception cref="ArgumentException">A name that does not exist, a number out of range, or one that the policy has no use for.</exception>
    public static void Add(SyscallPlan plan, ProcessSpec process, PersonalitySpec? personality)
    {
        if (process.Scheduler is { } scheduler)
            AddScheduler(plan, scheduler);
        if (process.IoPriority is { } ioPriority)
            AddIoPriority(plan, ioPriority);
        if (personality is not null)
            AddPersonality(plan, personality);
    }

    private static void AddScheduler(SyscallPlan plan, SchedulerSpec spec)
    {
        uint policy = Find(Policies, spec.Policy, "scheduler.policy");
        int nice = spec.Nice ?? 0, priority = spec.Priority ?? 0;
        (ulong runtime, ulong deadline, ulong period) = (spec.Runtime ?? 0, spec.Deadline ?? 0, spec.Period ?? 0);
        if (nice is < MinNice or > MaxNice)
            throw new ArgumentException($"scheduler.nice {nice} is not between {MinNice} and {MaxNice}");
        if (priority != 0 && spec.Policy is not (Fifo or RoundRobin))
            throw new ArgumentException($"scheduler.priority is for {Fifo} and {RoundRobin}, not for {spec.Policy}");
        if ((runtime | deadline | period) != 0 && spec.Policy != Deadline)
            throw new ArgumentException($"scheduler.runtime, deadline and period are for {Deadline}, not for {spec.Policy}");
        ulong flags = (spec.Flags ?? []).Aggregate(0UL, static (all, name) => all | Find(Flags, name, "scheduler.flags"));

        // struct sched_attr: size and policy; flags; nice and priority; runtime, deadline, period; and the clamps, which the specification has no values for.
        uint size = (flags & 96) == 0 ? SizeWithoutClamps : SizeWithClamps;
        nint attributes = plan.Words(Pair(size, policy), flags, Pair((uint)nice, (uint)priority), runtime, deadline, period, 0);
        string values = spec.Policy switch
        {
            Fifo or RoundRobin => $" with priority {priority}",
            Deadline => $" with runtime {runtime}, deadline {deadline}, period {period} ns",
            _ => $" with nice {nice}",
        };
        plan.Call(
            $"setting scheduler {spec.Policy}{values} (real-time policies and nice values below the engine's own need CAP_SYS_NICE, and real-time needs a share in the cgroup)",
            SyscallNumbers.Current.SchedSetattr, 0, attributes, 0);
    }

    private static void AddIoPriority(SyscallPlan plan, IoPrioritySpec spec)
    {
        int ioClass = Find(IoClasses, spec.Class, "ioPriority.class");
        if (spec.Priority is < 0 or > MaxIoPriority)
            throw new ArgumentException($"ioPriority.priority {spec.Priority} is not between 0 and {MaxIoPriority}");
        plan.Call(
            $"setting I/O priority {spec.Class} {spec.Priority} (IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE)",
            SyscallNumbers.Current.IoprioSet, IOPRIO_WHO_PROCESS, 0, ioClass << IOPRIO_CLASS_SHIFT | spec.Priority);
    }

    private static void AddPersonality(SyscallPlan plan, PersonalitySpec spec)
    {
        int domain = Find(Domains, spec.Domain, "linux.personality.domain");
        if (spec.Flags is { Count: > 0 } flags)
            throw new ArgumentException($"linux.personality.flags: \"{flags[0]}\" is not known; the specification defines none yet");
        plan.Call($"setting personality {spec.Domain}", SyscallNumbers.Current.Personality, domain);
    }

    private static T Find<T>(Dictionary<string, T> known, string name, string field) => known.TryGetValue(name, out T? value)
        ? value
        : throw new ArgumentException($"{field}: \"{name}\" is not known; known are {string.Join(", ", known.Keys)}");

    private static ulong Pair(uint low, uint high) => low | (ulong)high << 32;
}
