using System.Globalization;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>Steps that choose the CPUs of a process added to a running container (config.md, "execCPUAffinity"). A first process has none.</summary>
internal static class CpuAffinity
{
    // Far above CONFIG_NR_CPUS of any kernel; the kernel ignores what it does not have.
    private const int MaxCpus = 65536;

    /// <summary>Adds the step that comes before the process joins the container's cgroup.</summary>
    /// <exception cref="ArgumentException">Not a list of CPUs.</exception>
    public static void AddInitial(SyscallPlan plan, ProcessSpec process) => Add(plan, process.ExecCpuAffinity?.Initial, "execCPUAffinity.initial");

    /// <summary>Adds the step that comes after it has.</summary>
    /// <exception cref="ArgumentException">Not a list of CPUs.</exception>
    public static void AddFinal(SyscallPlan plan, ProcessSpec process) => Add(plan, process.ExecCpuAffinity?.Final, "execCPUAffinity.final");

    /// <summary>The bits of a list such as <c>0-3,7</c>, in words as sched_setaffinity(2) takes them.</summary>
    /// <exception cref="ArgumentException">Not a list of CPUs.</exception>
    internal static ulong[] Parse(string list, string field)
    {
        ulong[] words = [];
        foreach (string part in list.Split(',', StringSplitOptions.TrimEntries))
        {
            int dash = part.IndexOf('-', StringComparison.Ordinal);
            int first = Number(dash < 0 ? part : part[..dash], list, field);
            int last = dash < 0 ? first : Number(part[(dash + 1)..], list, field);
            if (last < first)
                throw new ArgumentException($"{field} \"{list}\": the range {part} goes down");
            if (last / 64 >= words.Length)
                Array.Resize(ref words, (last / 64) + 1);
            for (int cpu = first; cpu <= last; cpu++)
                words[cpu / 64] |= 1UL << cpu;
        }

        return words;
    }

    private static void Add(SyscallPlan plan, string? list, string field)
    {
        if (string.IsNullOrEmpty(list))
            return;
        ulong[] words = Parse(list, field);
        plan.Call($"setting {field} to \"{list}\"", SyscallNumbers.Current.SchedSetaffinity, 0, words.Length * sizeof(ulong), plan.Words(words));
    }

    private static int Number(string text, string list, string field) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int cpu) && cpu < MaxCpus
            ? cpu
            : throw new ArgumentException($"{field} \"{list}\" is not a list of CPUs such as \"0-3,7\"");
}
