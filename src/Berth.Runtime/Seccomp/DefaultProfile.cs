using System.Runtime.InteropServices;
using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>
/// The filter of containers that ask for none: an allow list equal in effect to Docker's default profile
/// (docs.docker.com, "Seccomp security profiles for Docker").
/// </summary>
public static partial class DefaultProfile
{
    private const string Allow = "SCMP_ACT_ALLOW";
    private const string Refuse = "SCMP_ACT_ERRNO";
    private const string SysAdmin = "CAP_SYS_ADMIN";
    private const uint Eperm = 1;
    private const uint Enosys = 38;

    // The flags by which clone(2) makes namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h).
    private const ulong NamespaceFlags = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;

    // Families (linux/socket.h) between which the allowed ones lie.
    private const ulong AfAlg = 38;
    private const ulong AfNfc = 39;
    private const ulong AfVsock = 40;

    // Personalities (linux/personality.h): PER_LINUX, PER_LINUX32, each also with UNAME26, and the query that changes nothing.
    private static readonly ulong[] Personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF];

    // ptrace cannot be used to get around a filter since Linux 4.8.
    private static readonly Version SafePtrace = new(4, 8);

    /// <summary>The filter for a container; everything that it does not allow fails with EPERM.</summary>
    /// <param name="capabilities">The container's bounding set, as <c>CAP_CHOWN</c>: a capability opens the calls it is for.</param>
    /// <param name="host">The kernel's architecture, x86-64 or arm64.</param>
    /// <param name="kernel">The kernel's version.</param>
    /// <returns>A value for <see cref="LinuxSpec.Seccomp"/>; the same input gives an equal one.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotImplemented"/>: another host architecture.</exception>
    public static SeccompSpec Create(IReadOnlySet<string> capabilities, Architecture host, Version kernel)
    {
        ReadOnlySpan<SyscallAbi> abis = SyscallAbis.Of(host);
        var architectures = new string[abis.Length];
        for (int i = 0; i < architectures.Length; i++)
            architectures[i] = abis[i].OciName();
        return new SeccompSpec
        {
            DefaultAction = Refuse,
            DefaultErrnoRet = Eperm,
            Architectures = architectures,
            Syscalls = [new SeccompRule { Names = Always(capabilities, host, kernel), Action = Allow }, .. Conditional(capabilities)],
        };
    }

    private static List<string> Always(IReadOnlySet<string> capabilities, Architecture host, Version kernel)
    {
        var names = new List<string>(512);
        foreach (string[] group in Everyone)
            names.AddRange(group);
        if (kernel >= SafePtrace)
            names.AddRange(Tracing);
        names.AddRange(host == Architecture.Arm64 ? ArmOnly : X86Only);
        foreach ((string capability, string[] calls) in ByCapability)
        {
            if (capabilities.Contains(capability))
                names.AddRange(calls);
        }

        return names;
    }

    private static List<SeccompRule> Conditional(IReadOnlySet<string> capabilities)
    {
        // Not AF_ALG, a large and seldom needed piece of kernel; not AF_VSOCK, which no network namespace confines.
        List<SeccompRule> rules =
        [
            When("socket", "SCMP_CMP_LT", AfAlg),
            When("socket", "SCMP_CMP_EQ", AfNfc),
            When("socket", "SCMP_CMP_GT", AfVsock),
        ];
        foreach (ulong personality in Personalities)
            rules.Add(When("personality", "SCMP_CMP_EQ", personality));
        if (capabilities.Contains(SysAdmin))
            return rules;

        // Processes and threads, but no namespaces. clone3 passes its flags in memory, out of a filter's sight: as a call that
        // does not exist it makes the C library use clone.
        rules.Add(new SeccompRule
        {
            Names = ["clone"],
            Action = Allow,
            Args = [new SeccompArgument { Index = 0, Op = "SCMP_CMP_MASKED_EQ", Value = NamespaceFlags, ValueTwo = 0 }],
        });
        rules.Add(new SeccompRule { Names = ["clone3"], Action = Refuse, ErrnoRet = Enosys });
        return rules;
    }

    private static SeccompRule When(string name, string op, ulong value) =>
        new() { Names = [name], Action = Allow, Args = [new SeccompArgument { Index = 0, Op = op, Value = value }] };
}
