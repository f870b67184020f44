using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Runtime.Seccomp;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>The built-in profile gives what Docker's gives, for every call of every numbering.</summary>
public sealed class DefaultProfileTests(ITestOutputHelper output)
{
    private const uint Allow = 0x7FFF0000;
    private const uint Eperm = 0x00050001;
    private const uint Enosys = 0x00050026;

    private static readonly Version Kernel = new(6, 18);

    internal static readonly string[] DockerCapabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    private static readonly string[] OpeningCapabilities =
    [
        "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
        "CAP_SYS_RAWIO", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_SYS_NICE", "CAP_SYSLOG", "CAP_BPF", "CAP_PERFMON",
    ];

    // Values around everything that a rule compares with, in both halves of the register.
    private static readonly ulong[] Arguments =
    [
        0, 1, 7, 8, 9, 16, 37, 38, 39, 40, 41, 46, 0x11, 0x20000, 0x20008, 0x20009, 0x1200011, 0x2000000, 0x4000000, 0x7E020000, 0x10000000,
        0x80000000, 0xFFFFFFFF, 0x1_00000000, 0x1_00000008, 0x1_00000026, 0x1_00000028, 0xFFFFFFFF_FFFFFFFF,
    ];

    public static TheoryData<string> Sets => [.. (string[])["docker", "none", "CAP_SYS_ADMIN", "all"], .. OpeningCapabilities.Except(["CAP_SYS_ADMIN"])];

    [Theory]
    [MemberData(nameof(Sets))]
    public void SameAsDockersForEveryCall(string set)
    {
        if (ReferenceProfile.Find() is not { } path)
        {
            output.WriteLine("no reference profile beside this checkout; GoldenHash stands for it");
            return;
        }

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        Compare(document.RootElement, set, Architecture.X64, "amd64", BpfInterpreter.X86_64, SyscallAbi.X86_64);
        Compare(document.RootElement, set, Architecture.X64, "amd64", BpfInterpreter.X86_64, SyscallAbi.X32);
        Compare(document.RootElement, set, Architecture.X64, "amd64", BpfInterpreter.I386, SyscallAbi.I386);
        Compare(document.RootElement, set, Architecture.Arm64, "arm64", BpfInterpreter.Arm64, SyscallAbi.Arm64);
        Compare(document.RootElement, set, Architecture.Arm64, "arm64", BpfInterpreter.Arm, SyscallAbi.Arm);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void DockersFileResolvesToTheSameProgram(string set)
    {
        if (ReferenceProfile.Find() is not { } path)
        {
            output.WriteLine("no reference profile beside this checkout");
            return;
        }

        foreach (Architecture host in (Architecture[])[Architecture.X64, Architecture.Arm64])
        {
            var resolved = DockerProfile.Resolve(File.ReadAllBytes(path), Capabilities(set), host, Kernel);
            var own = DefaultProfile.Create(Capabilities(set), host, Kernel);
            Assert.Equal(own.Architectures!.Order(StringComparer.Ordinal), resolved.Architectures!.Order(StringComparer.Ordinal));
            Assert.Equal(SeccompCompiler.Compile(own, host), SeccompCompiler.Compile(resolved, host));
        }
    }

    [Fact]
    public void GoldenHash()
    {
        var lines = new StringBuilder();
        foreach (string set in (string[])["docker", "none", "CAP_SYS_ADMIN", "all"])
        {
            foreach (Architecture host in (Architecture[])[Architecture.X64, Architecture.Arm64])
                lines.Append($"{set} {host} {Convert.ToHexStringLower(SHA256.HashData(Program(set, host)))}\n");
        }

        CheckGolden(lines.ToString());
    }

    [Theory]
    [InlineData("read", 0, Allow)]
    [InlineData("mount", 165, Eperm)]
    [InlineData("bpf", 321, Eperm)]
    [InlineData("keyctl", 250, Eperm)]
    [InlineData("perf_event_open", 298, Eperm)]
    [InlineData("io_uring_setup", 425, Eperm)]
    [InlineData("userfaultfd", 323, Eperm)]
    [InlineData("unshare", 272, Eperm)]
    [InlineData("clone3", 435, Enosys)]
    [InlineData("ptrace", 101, Allow)]
    [InlineData("newer than the profile", 467, Enosys)]
    public void Attack12_DockersSetRefuses(string what, uint number, uint expected) =>
        Assert.True(expected == new BpfInterpreter(Program("docker", Architecture.X64)).Run(BpfInterpreter.X86_64, number), what);

    [Fact]
    public void Attack12_ArgumentsDecide()
    {
        var filter = new BpfInterpreter(Program("docker", Architecture.X64));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, 56, 0x1200011));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, 56, 0x10000000 | 0x11));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 120, 0x10000000 | 0x11));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, 41, 2, 1));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, 41, 38, 5));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, 41, 40, 1));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 359, 38, 5));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, BpfInterpreter.X32Bit | 41, 38, 5));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, 135, 0xFFFFFFFF));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, 135, 0x0040000));
        Assert.Equal(0u, filter.Run(BpfInterpreter.Arm64, 63));
    }

    [Fact]
    public void OldKernelsKeepPtraceBehindItsCapability()
    {
        var plain = new BpfInterpreter(SeccompCompiler.Compile(DefaultProfile.Create(Capabilities("docker"), Architecture.X64, new Version(4, 7)), Architecture.X64));
        Assert.Equal(Eperm, plain.Run(BpfInterpreter.X86_64, 101));
        var traced = DefaultProfile.Create(Capabilities("CAP_SYS_PTRACE"), Architecture.X64, new Version(4, 7));
        Assert.Equal(Allow, new BpfInterpreter(SeccompCompiler.Compile(traced, Architecture.X64)).Run(BpfInterpreter.X86_64, 101));
    }

    [Fact]
    public void CallsAreFoundInFewSteps()
    {
        var filter = new BpfInterpreter(Program("docker", Architecture.X64));
        const uint Personality = 135;
        for (uint number = 0; number < 600; number++)
        {
            if (number != Personality)
                filter.Run(BpfInterpreter.X86_64, number, 50, 50, 50, 50, 50, 50);
        }

        output.WriteLine($"{filter.Length} instructions, at most {filter.MaxSteps} steps");
        Assert.InRange(filter.MaxSteps, 1, 25);
        Assert.InRange(filter.Length, 100, 600);
    }

    internal static HashSet<string> Capabilities(string set) => set switch
    {
        "docker" => [.. DockerCapabilities],
        "none" => [],
        "all" => [.. DockerCapabilities, .. OpeningCapabilities],
        _ => [set],
    };

    private static byte[] Program(string set, Architecture host) => SeccompCompiler.Compile(DefaultProfile.Create(Capabilities(set), host, Kernel), host);

    private static void Compare(JsonElement document, string set, Architecture host, string arch, uint audit, SyscallAbi abi)
    {
        var expected = new ReferenceProfile(document, Capabilities(set), arch, abi);
        var filter = new BpfInterpreter(Program(set, host));
        uint bit = abi == SyscallAbi.X32 ? BpfInterpreter.X32Bit : 0;
        IEnumerable<uint> numbers = Enumerable.Range(0, 601).Select(i => (uint)i).Concat<uint>([0xF0000, 0xF0001, 0xF0002, 0xF0005, 0xF0006, 0x3FFFFFFF]);
        foreach (uint number in numbers)
        {
            foreach (ulong value in Arguments)
            {
                uint wanted = expected.Evaluate(number, value, 0, 0, 0, 0, 0);
                uint got = filter.Run(audit, bit | number, value, 0, 0, 0, 0, 0);
                Assert.True(wanted == got, $"{set}, {abi} call {number} with first argument {value:x}: got {got:x}, wanted {wanted:x}");
            }
        }
    }

    private static void CheckGolden(string text, [CallerFilePath] string source = "")
    {
        string file = Path.Combine(Path.GetDirectoryName(source)!, "default-profile.golden");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
            File.WriteAllText(file, text);
        Assert.Equal(File.ReadAllText(file), text);
    }
}
