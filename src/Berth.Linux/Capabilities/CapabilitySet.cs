using System.Numerics;
using Berth.Linux.Processes;

namespace Berth.Linux.Capabilities;

/// <summary>A set of capabilities (capabilities(7)) as the kernel's bit mask.</summary>
public readonly record struct CapabilitySet(ulong Mask)
{
    private static readonly string[] Names =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
        "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    ];

    /// <summary>How many capabilities have names here; the kernel may have fewer or more.</summary>
    public static int Count => Names.Length;

    /// <summary>What this process may have or hand on: its bounding set.</summary>
    public static CapabilitySet Bounding
    {
        get
        {
            ulong mask = 0;
            for (int i = 0; i < Names.Length; i++)
                mask |= ProcessControl.HasInBoundingSet(i) ? 1UL << i : 0;
            return new CapabilitySet(mask);
        }
    }

    /// <summary>The names in the set, by number.</summary>
    public IEnumerable<string> Members
    {
        get
        {
            for (ulong rest = Mask; rest != 0; rest &= rest - 1)
            {
                int index = BitOperations.TrailingZeroCount(rest);
                yield return index < Names.Length ? Names[index] : $"capability {index}";
            }
        }
    }

    /// <summary>Adds a capability by its name, <c>CAP_CHOWN</c>; false when there is none of that name.</summary>
    public bool TryAdd(string name, out CapabilitySet result)
    {
        int index = Array.IndexOf(Names, name);
        result = index < 0 ? this : new CapabilitySet(Mask | (1UL << index));
        return index >= 0;
    }

    /// <summary>Whether the capability of this number is in the set.</summary>
    public bool Contains(int capability) => (Mask >> capability & 1) != 0;

    public static CapabilitySet operator &(CapabilitySet left, CapabilitySet right) => new(left.Mask & right.Mask);

    public static CapabilitySet operator |(CapabilitySet left, CapabilitySet right) => new(left.Mask | right.Mask);

    /// <summary>What is in <paramref name="left"/> and not in <paramref name="right"/>.</summary>
    public static CapabilitySet operator -(CapabilitySet left, CapabilitySet right) => new(left.Mask & ~right.Mask);
}
