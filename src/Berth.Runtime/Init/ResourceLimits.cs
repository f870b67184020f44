using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Init;

/// <summary>Resource limits by their OCI names, which are those of getrlimit(2).</summary>
internal static class ResourceLimits
{
    // Numbers of asm-generic/resource.h, which x86-64 and arm64 share.
    private static readonly string[] Names =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK",
        "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    /// <summary>The kernel's number.</summary>
    /// <exception cref="ArgumentException">No such resource.</exception>
    public static int Number(string type)
    {
        int index = Array.IndexOf(Names, type);
        return index >= 0 ? index : throw new ArgumentException($"unknown resource limit '{type}'");
    }

    /// <summary>Adds the steps that set them.</summary>
    /// <exception cref="ArgumentException">No such resource, one twice, or soft above hard.</exception>
    public static void Add(SyscallPlan plan, IReadOnlyList<RlimitSpec> limits)
    {
        var seen = new HashSet<int>();
        foreach (RlimitSpec limit in limits)
        {
            int number = Number(limit.Type);
            if (!seen.Add(number))
                throw new ArgumentException($"resource limit {limit.Type} is given twice");
            if (limit.Soft > limit.Hard)
                throw new ArgumentException($"resource limit {limit.Type}: soft {limit.Soft} is above hard {limit.Hard}");
            string step = $"setting {limit.Type} to soft {limit.Soft}, hard {limit.Hard} (above the engine's own hard limit only with CAP_SYS_RESOURCE)";
            plan.Call(step, SyscallNumbers.Current.Prlimit64, 0, number, plan.Words(limit.Soft, limit.Hard), 0);
        }
    }

    /// <summary>Raises hard limits of another process to those given, where they are higher: inside a user namespace that is not allowed.</summary>
    /// <exception cref="ArgumentException">No such resource.</exception>
    /// <exception cref="Linux.LinuxException">EPERM: without CAP_SYS_RESOURCE.</exception>
    public static void RaiseHard(int pid, IReadOnlyList<RlimitSpec> limits)
    {
        foreach (RlimitSpec limit in limits)
        {
            (ulong soft, ulong hard) = ProcessControl.GetLimit(Number(limit.Type));
            if (limit.Hard > hard)
                ProcessControl.SetLimit(pid, Number(limit.Type), soft, limit.Hard);
        }
    }
}
