using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>Flags of seccomp(2) with <c>SECCOMP_SET_MODE_FILTER</c> (linux/seccomp.h).</summary>
[Flags]
public enum SeccompFlags : uint
{
    None = 0,

    /// <summary>All threads of the process get the filter.</summary>
    ThreadSync = 1,

    /// <summary>Refused calls are logged.</summary>
    Log = 2,

    /// <summary>Speculative store bypass stays on: no slowdown for the filter's sake.</summary>
    SpecAllow = 4,

    /// <summary>With <see cref="ThreadSync"/> and <see cref="NewListener"/>: a thread that cannot follow is an error, as the result is the descriptor.</summary>
    ThreadSyncError = 16,

    /// <summary>A signal that is not fatal does not interrupt a call waiting for its supervisor; needs <see cref="NewListener"/>.</summary>
    WaitKillable = 32,

    /// <summary>seccomp(2) returns a descriptor for the supervisor.</summary>
    NewListener = 8,
}

/// <summary>Reads the flags of an OCI runtime configuration.</summary>
public static class SeccompFlagNames
{
    private static readonly (string Name, SeccompFlags Flag)[] Known =
    [
        ("SECCOMP_FILTER_FLAG_LOG", SeccompFlags.Log), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", SeccompFlags.SpecAllow), ("SECCOMP_FILTER_FLAG_TSYNC", SeccompFlags.ThreadSync),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SeccompFlags.WaitKillable),
    ];

    /// <summary>The names that <see cref="Parse(SeccompSpec)"/> takes, sorted.</summary>
    public static IReadOnlyList<string> Names => [.. Known.Select(static k => k.Name)];

    /// <summary>
    /// The value for seccomp(2). No list at all means SPEC_ALLOW, as runc has it; an empty list means none. A filter with a rule that notifies gets
    /// a listener. WAIT_KILLABLE_RECV is about waiting for one, and says nothing without.
    /// </summary>
    /// <exception cref="EngineException">
    /// <see cref="ErrorKind.InvalidArgument"/>: an unknown flag, or a listener's path, metadata and rules that do not go together.
    /// </exception>
    public static SeccompFlags Parse(SeccompSpec spec)
    {
        SeccompFlags flags = Parse(spec.Flags);
        bool hasPath = spec.ListenerPath is { Length: > 0 };
        if (spec.ListenerMetadata is { Length: > 0 } && !hasPath)
            throw SeccompAction.Invalid("listenerMetadata is set without listenerPath");
        if (!(spec.Syscalls ?? []).Any(static rule => rule?.Action == SeccompAction.NotifyName))
            return flags & ~SeccompFlags.WaitKillable;
        if (!hasPath)
            throw SeccompAction.Invalid($"a rule has {SeccompAction.NotifyName}, but listenerPath is not set");
        flags |= SeccompFlags.NewListener;
        return flags.HasFlag(SeccompFlags.ThreadSync) ? flags | SeccompFlags.ThreadSyncError : flags;
    }

    private static SeccompFlags Parse(IReadOnlyList<string>? names)
    {
        if (names is null)
            return SeccompFlags.SpecAllow;
        SeccompFlags flags = SeccompFlags.None;
        foreach (string name in names)
        {
            int at = Array.FindIndex(Known, k => k.Name == name);
            flags |= at >= 0
                ? Known[at].Flag
                : throw SeccompAction.Invalid($"unknown flag \"{name}\"; known are SECCOMP_FILTER_FLAG_ TSYNC, LOG, SPEC_ALLOW, WAIT_KILLABLE_RECV");
        }

        return flags;
    }
}
