using System.Runtime.InteropServices;
using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>Turns the seccomp part of an OCI runtime configuration into a filter program for seccomp(2).</summary>
public static class SeccompCompiler
{
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;

    /// <summary>
    /// The program as <c>struct sock_filter[]</c>: 8 bytes an instruction, little-endian, at most 4096 instructions.
    /// </summary>
    /// <remarks>
    /// The host's own numbering is always filtered; a call by any other that <see cref="SeccompSpec.Architectures"/> does not list
    /// kills the thread. Calls are found in a number of steps logarithmic in the number of rules.
    /// Names that a numbering lacks are skipped in it; names that no numbering has are skipped altogether (<see cref="UnknownCalls"/>), because
    /// profiles name calls newer than the engine. Rules whose action is the default action say nothing. When several rules of one call match, the most
    /// severe action wins. A rule that compares the same argument twice counts as one rule for each comparison.
    /// With a default action that refuses, calls newer than the newest that the profile names fail with ENOSYS instead, so that the C
    /// library falls back to older ones. These are the results that Docker's users get from runc with libseccomp.
    /// On i386 a rule for a socket or System V IPC call covers the same call made through socketcall(2) or ipc(2), unless the profile
    /// has an unconditional rule for those two themselves.
    /// Safe from several threads; the same input gives the same bytes.
    /// </remarks>
    /// <param name="spec">The filter wanted; its <see cref="SeccompSpec.Flags"/> are not part of the program (see <see cref="SeccompFlagNames"/>).</param>
    /// <param name="host">The kernel's architecture, x86-64 or arm64.</param>
    /// <exception cref="EngineException">
    /// <see cref="ErrorKind.InvalidArgument"/>: unknown action, comparison or architecture, an argument or errno out of range, a
    /// notification where it would lock up the container's start, or a program above the kernel's limit.
    /// <see cref="ErrorKind.NotImplemented"/>: another host architecture.
    /// </exception>
    public static byte[] Compile(SeccompSpec spec, Architecture host)
    {
        var rules = SeccompRules.Parse(spec);
        var code = new BpfAssembler();
        int wrongArchitecture = code.Ret(SeccompAction.KillThread);
        ReadOnlySpan<SyscallAbi> abis = SyscallAbis.Of(host);
        Span<bool> listed = stackalloc bool[abis.Length];
        Select(spec.Architectures, abis, listed);

        // Last to first, so that the native architecture is asked for first.
        for (int i = abis.Length - 1; i >= 0; i--)
        {
            if (!listed[i] || abis[i] == SyscallAbi.X32)
                continue;
            var plan = new CallPlan(rules);
            plan.Add(abis[i]);
            if (i + 1 < abis.Length && abis[i + 1] == SyscallAbi.X32)
                AddX32(plan, listed[i + 1], rules.Default);
            code.ContinueAt(plan.Emit(code));
            int start = code.Load(NumberOffset);
            wrongArchitecture = code.IfEqual(abis[i].AuditArch(), start, wrongArchitecture);
        }

        code.Load(ArchitectureOffset);
        return code.ToArray();
    }

    /// <summary>The names in a profile that no numbering has: typing errors, or calls newer than the engine. Each once, in the profile's order; for a warning.</summary>
    public static IReadOnlyList<string> UnknownCalls(SeccompSpec spec) =>
        [.. (spec.Syscalls ?? []).SelectMany(static rule => rule?.Names ?? []).Where(static name => SyscallTable.Find(name ?? "") < 0).Distinct()];

    private static void AddX32(CallPlan plan, bool listed, uint defaultAction)
    {
        if (listed)
        {
            plan.Add(SyscallAbi.X32);
            return;
        }

        // A tracer that skips a call sets its number to -1, which is no x32 call.
        plan.AddConstant(SyscallAbis.X32Bit, SeccompAction.KillThread);
        plan.AddConstant(uint.MaxValue, defaultAction);
    }

    private static void Select(IReadOnlyList<string>? names, ReadOnlySpan<SyscallAbi> abis, Span<bool> listed)
    {
        listed[0] = true;
        foreach (string name in names ?? [])
        {
            int found = -1;
            for (int i = 0; i < abis.Length && found < 0; i++)
                found = abis[i].OciName() == name ? i : -1;
            if (found >= 0)
                listed[found] = true;
            else if (!IsKnown(name))
                throw SeccompAction.Invalid(
                    $"unknown architecture \"{name}\"; known are SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM");
        }
    }

    private static bool IsKnown(string name)
    {
        foreach (SyscallAbi abi in Enum.GetValues<SyscallAbi>())
        {
            if (abi.OciName() == name)
                return true;
        }

        return SyscallAbis.IsForeign(name);
    }
}
