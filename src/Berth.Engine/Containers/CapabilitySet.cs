using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>Which capabilities a container gets (capabilities(7)).</summary>
internal static class CapabilitySet
{
    private static readonly string[] All =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
        "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    ];

    private static readonly string[] Defaults =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    /// <summary>Docker's fourteen, plus and minus what was asked; <c>ALL</c> stands for every one.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> for a name that is none.</exception>
    public static IReadOnlyList<string> Resolve(ContainerHostOptions host)
    {
        if (host.Privileged)
        {
            return All;
        }

        List<string> add = Normalize(nameof(host.CapAdd), host.CapAdd);
        List<string> drop = Normalize(nameof(host.CapDrop), host.CapDrop);
        bool addAll = add.Contains("ALL");
        bool dropAll = drop.Contains("ALL");
        IEnumerable<string> start = addAll ? All.Where(name => dropAll || !drop.Contains(name)) : dropAll ? [] : Defaults.Where(name => !drop.Contains(name));
        return [.. start.Union(add.Where(static name => name != "ALL"))];
    }

    private static List<string> Normalize(string member, IReadOnlyList<string>? names)
    {
        var result = new List<string>();
        foreach (string given in names ?? [])
        {
            string name = given.ToUpperInvariant();
            name = name == "ALL" || name.StartsWith("CAP_", StringComparison.Ordinal) ? name : "CAP_" + name;
            if (name != "ALL" && !All.Contains(name))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid {member}: unknown capability: \"{name}\"");
            }

            result.Add(name);
        }

        return result;
    }
}
