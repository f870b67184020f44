using Berth.Model;

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

    /// <summary>A signal that is not fatal does not interrupt a call waiting for its supervisor; needs <see cref="NewListener"/>.</summary>
    WaitKillable = 32,

    /// <summary>seccomp(2) returns a descriptor for the supervisor.</summary>
    NewListener = 8,
}

/// <summary>Reads the flags of an OCI runtime configuration.</summary>
public static class SeccompFlagNames
{
    /// <summary>
    /// The value for seccomp(2). No list at all means SPEC_ALLOW, as runc has it; an empty list means none.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/>: an unknown flag.</exception>
    public static SeccompFlags Parse(IReadOnlyList<string>? names)
    {
        if (names is null)
            return SeccompFlags.SpecAllow;
        SeccompFlags flags = SeccompFlags.None;
        foreach (string name in names)
        {
            flags |= name switch
            {
                "SECCOMP_FILTER_FLAG_TSYNC" => SeccompFlags.ThreadSync,
                "SECCOMP_FILTER_FLAG_LOG" => SeccompFlags.Log,
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => SeccompFlags.SpecAllow,
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => SeccompFlags.WaitKillable,
                _ => throw SeccompAction.Invalid($"unknown flag \"{name}\"; known are SECCOMP_FILTER_FLAG_ TSYNC, LOG, SPEC_ALLOW, WAIT_KILLABLE_RECV"),
            };
        }

        return flags;
    }
}
