using System.Runtime.InteropServices;
using Berth.Model;

namespace Berth.Runtime.Seccomp;

/// <summary>A numbering of system calls; the values are the columns of <see cref="SyscallTable"/>.</summary>
internal enum SyscallAbi
{
    X86_64,
    I386,
    X32,
    Arm64,
    Arm,
}

/// <summary>What a filter has to know about a numbering besides its numbers.</summary>
internal static class SyscallAbis
{
    /// <summary>Marks an x32 call; x32 shares x86-64's audit architecture (<c>__X32_SYSCALL_BIT</c>, asm/unistd.h).</summary>
    public const uint X32Bit = 0x40000000;

    /// <summary>The value of <c>seccomp_data.arch</c> (linux/audit.h).</summary>
    public static uint AuditArch(this SyscallAbi abi) => abi switch
    {
        SyscallAbi.X86_64 or SyscallAbi.X32 => 0xC000003E,
        SyscallAbi.I386 => 0x40000003,
        SyscallAbi.Arm64 => 0xC00000B7,
        _ => 0x40000028,
    };

    /// <summary>Arguments are 32 bits wide: only the low half is compared.</summary>
    public static bool Is32Bit(this SyscallAbi abi) => abi is not (SyscallAbi.X86_64 or SyscallAbi.Arm64);

    /// <summary>The numberings that a host's kernel can accept; the first is the native one.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotImplemented"/>: neither x86-64 nor arm64.</exception>
    public static ReadOnlySpan<SyscallAbi> Of(Architecture host) => host switch
    {
        Architecture.X64 => [SyscallAbi.X86_64, SyscallAbi.X32, SyscallAbi.I386],
        Architecture.Arm64 => [SyscallAbi.Arm64, SyscallAbi.Arm],
        _ => throw new EngineException(ErrorKind.NotImplemented, $"seccomp: no filters for a {host} host; there are for x86-64 and arm64"),
    };

    /// <summary>The name in an OCI runtime configuration, <c>linux.seccomp.architectures</c>.</summary>
    public static string OciName(this SyscallAbi abi) => abi switch
    {
        SyscallAbi.X86_64 => "SCMP_ARCH_X86_64",
        SyscallAbi.I386 => "SCMP_ARCH_X86",
        SyscallAbi.X32 => "SCMP_ARCH_X32",
        SyscallAbi.Arm64 => "SCMP_ARCH_AARCH64",
        _ => "SCMP_ARCH_ARM",
    };

    /// <summary>The names of all, sorted.</summary>
    public static IReadOnlyList<string> OciNames => [.. Enum.GetValues<SyscallAbi>().Select(OciName).Order(StringComparer.Ordinal)];

    /// <summary>
    /// Names that the OCI specification knows for machines Berth does not run on. In a profile they are
    /// harmless: this host's kernel never reports them, and a call from an unlisted architecture is killed anyway.
    /// </summary>
    public static bool IsForeign(string ociName) => ociName is "SCMP_ARCH_MIPS" or "SCMP_ARCH_MIPS64" or "SCMP_ARCH_MIPS64N32"
        or "SCMP_ARCH_MIPSEL" or "SCMP_ARCH_MIPSEL64" or "SCMP_ARCH_MIPSEL64N32" or "SCMP_ARCH_PPC" or "SCMP_ARCH_PPC64"
        or "SCMP_ARCH_PPC64LE" or "SCMP_ARCH_S390" or "SCMP_ARCH_S390X" or "SCMP_ARCH_PARISC" or "SCMP_ARCH_PARISC64"
        or "SCMP_ARCH_RISCV64" or "SCMP_ARCH_LOONGARCH64" or "SCMP_ARCH_M68K" or "SCMP_ARCH_SH" or "SCMP_ARCH_SHEB";
}
