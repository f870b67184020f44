using System.Runtime.InteropServices;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Tests.Seccomp;

public sealed class SeccompCompilerTests
{
    private const uint Allow = 0x7FFF0000;
    private const uint Eperm = 0x00050001;
    private const uint Enosys = 0x00050026;
    private const uint KillThread = 0;
    private const uint Socket = 41;

    private static readonly string[] AllX86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

    private static readonly ulong[] Edges =
    [
        0, 1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x1_00000000, 0x1_00000001, 0x1_00000005, 0x2_00000000, 0x7FFFFFFF_FFFFFFFF,
        0x80000000_00000000, 0xFFFFFFFF_00000005, 0xFFFFFFFF_FFFFFFFE, 0xFFFFFFFF_FFFFFFFF,
    ];

    [Theory]
    [InlineData("SCMP_CMP_NE")]
    [InlineData("SCMP_CMP_LT")]
    [InlineData("SCMP_CMP_LE")]
    [InlineData("SCMP_CMP_EQ")]
    [InlineData("SCMP_CMP_GE")]
    [InlineData("SCMP_CMP_GT")]
    [InlineData("SCMP_CMP_MASKED_EQ")]
    public void ComparisonsAreUnsignedOver64Bits(string op)
    {
        foreach (ulong value in Edges)
        {
            foreach (ulong second in op == "SCMP_CMP_MASKED_EQ" ? Edges : [0])
            {
                var test = new SeccompArgument { Index = 3, Op = op, Value = value, ValueTwo = second };
                BpfInterpreter filter = Filter(Deny([Rule("SCMP_ACT_ALLOW", ["socket"], test)]));
                foreach (ulong argument in Edges)
                {
                    uint wide = Holds(op, argument, value, second) ? Allow : Eperm;
                    Assert.Equal(wide, filter.Run(BpfInterpreter.X86_64, Socket, ulong.MaxValue, 0, 0, argument, 0, 0));
                    uint narrow = Holds(op, (uint)argument, (uint)value, (uint)second, (uint)value) ? Allow : Eperm;
                    Assert.Equal(narrow, filter.Run(BpfInterpreter.X86_64, BpfInterpreter.X32Bit | Socket, 0, 0, 0, argument, 0, 0));
                    Assert.Equal(narrow, filter.Run(BpfInterpreter.I386, 359, 0, 0, 0, argument, 0, 0));
                }
            }
        }
    }

    [Fact]
    public void AllComparisonsOfARuleMustHoldAndAnyRuleIsEnough()
    {
        BpfInterpreter filter = Filter(Deny(
        [
            Rule("SCMP_ACT_ALLOW", ["socket"], Is(0, 1), Is(1, 2)),
            Rule("SCMP_ACT_ALLOW", ["socket"], Is(2, 3)),
        ]));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket, 1, 2, 9));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, Socket, 1, 9, 9));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, Socket, 9, 2, 9));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket, 9, 9, 3));
    }

    [Fact]
    public void ComparingOneArgumentTwiceIsTwoRules()
    {
        BpfInterpreter filter = Filter(Deny([Rule("SCMP_ACT_ALLOW", ["socket"], Is(0, 1), Is(0, 2))]));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket, 1));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket, 2));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, Socket, 3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheMostSevereMatchingActionWins(bool reversed)
    {
        SeccompRule[] rules =
        [
            Rule("SCMP_ACT_ALLOW", ["socket"]),
            Rule("SCMP_ACT_LOG", ["socket"], Is(0, 1)),
            Rule("SCMP_ACT_ERRNO", ["socket"], Is(1, 1)) with { ErrnoRet = 7 },
            Rule("SCMP_ACT_KILL_PROCESS", ["socket"], Is(2, 1)),
        ];
        if (reversed)
            Array.Reverse(rules);
        BpfInterpreter filter = Filter(Deny(rules));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket, 0, 0, 0));
        Assert.Equal(0x7FFC0000u, filter.Run(BpfInterpreter.X86_64, Socket, 1, 0, 0));
        Assert.Equal(0x00050007u, filter.Run(BpfInterpreter.X86_64, Socket, 1, 1, 0));
        Assert.Equal(0x80000000u, filter.Run(BpfInterpreter.X86_64, Socket, 1, 1, 1));
    }

    [Theory]
    [InlineData("SCMP_ACT_ERRNO", 38u, 0x00050026u)]
    [InlineData("SCMP_ACT_ERRNO", null, 0x00050001u)]
    [InlineData("SCMP_ACT_TRACE", 9u, 0x7FF00009u)]
    [InlineData("SCMP_ACT_KILL", null, 0u)]
    [InlineData("SCMP_ACT_KILL_THREAD", null, 0u)]
    [InlineData("SCMP_ACT_KILL_PROCESS", null, 0x80000000u)]
    [InlineData("SCMP_ACT_TRAP", null, 0x00030000u)]
    [InlineData("SCMP_ACT_LOG", null, 0x7FFC0000u)]
    [InlineData("SCMP_ACT_NOTIFY", null, 0x7FC00000u)]
    public void ActionsHaveTheKernelsValues(string action, uint? errno, uint expected)
    {
        SeccompSpec spec = new() { DefaultAction = "SCMP_ACT_ALLOW", Syscalls = [Rule(action, ["socket"]) with { ErrnoRet = errno }] };
        Assert.Equal(expected, Filter(spec).Run(BpfInterpreter.X86_64, Socket));
        Assert.Equal(Allow, Filter(spec).Run(BpfInterpreter.X86_64, 0));
    }

    [Fact]
    public void UnlistedArchitecturesAreKilled()
    {
        BpfInterpreter filter = Filter(Deny([Rule("SCMP_ACT_ALLOW", ["socket", "socketcall"])]) with { Architectures = null });
        Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, Socket));
        Assert.Equal(KillThread, filter.Run(BpfInterpreter.X86_64, BpfInterpreter.X32Bit | Socket));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, uint.MaxValue));
        Assert.Equal(KillThread, filter.Run(BpfInterpreter.I386, 102));
        Assert.Equal(KillThread, filter.Run(BpfInterpreter.Arm64, 198));
    }

    [Fact]
    public void CallsNewerThanTheProfileDoNotExist()
    {
        SeccompSpec spec = Deny([Rule("SCMP_ACT_ALLOW", ["read", "statx"])]);
        BpfInterpreter filter = Filter(spec);
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, 331));
        Assert.Equal(Enosys, filter.Run(BpfInterpreter.X86_64, 333));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 382));
        Assert.Equal(Enosys, filter.Run(BpfInterpreter.I386, 384));
        Assert.Equal(Enosys, filter.Run(BpfInterpreter.X86_64, BpfInterpreter.X32Bit | 400));
        Assert.Equal(Allow, Filter(spec with { DefaultAction = "SCMP_ACT_ALLOW", DefaultErrnoRet = null }).Run(BpfInterpreter.X86_64, 333));
        Assert.Equal(Enosys, Filter(spec with { DefaultAction = "SCMP_ACT_KILL", DefaultErrnoRet = null }).Run(BpfInterpreter.X86_64, 333));
    }

    [Fact]
    public void AProfileThatNamesNothingKnownIsItsDefault()
    {
        foreach (SeccompSpec spec in (SeccompSpec[])[Deny([]), Deny([Rule("SCMP_ACT_ALLOW", ["no_such_call", "another"])])])
        {
            Assert.Equal(Eperm, Filter(spec).Run(BpfInterpreter.X86_64, 0));
            Assert.Equal(Eperm, Filter(spec).Run(BpfInterpreter.X86_64, 100_000));
            Assert.Equal(Eperm, Filter(spec).Run(BpfInterpreter.I386, 5));
            Assert.Equal(KillThread, Filter(spec).Run(BpfInterpreter.Arm, 5));
        }

        // Only i386 has the named call: the other numberings are all default, and must not fall into i386's part.
        BpfInterpreter lopsided = Filter(new SeccompSpec
        {
            DefaultAction = "SCMP_ACT_ALLOW", Architectures = AllX86, Syscalls = [Rule("SCMP_ACT_KILL_PROCESS", ["socketcall"])],
        });
        Assert.Equal(Allow, lopsided.Run(BpfInterpreter.X86_64, 102));
        Assert.Equal(Allow, lopsided.Run(BpfInterpreter.X86_64, BpfInterpreter.X32Bit | 102));
        Assert.Equal(0x80000000u, lopsided.Run(BpfInterpreter.I386, 102));
    }

    [Fact]
    public void SocketRulesHoldThroughSocketcall()
    {
        SeccompSpec spec = new()
        {
            DefaultAction = "SCMP_ACT_ALLOW",
            Architectures = AllX86,
            Syscalls = [Rule("SCMP_ACT_ERRNO", ["socket", "semop"], Is(0, 16))],
        };
        BpfInterpreter filter = Filter(spec);
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 102, 1));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.I386, 102, 2));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 117, 1));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.I386, 117, 16));
        Assert.Equal(Eperm, filter.Run(BpfInterpreter.I386, 359, 16));
        Assert.Equal(Allow, filter.Run(BpfInterpreter.I386, 359, 2));
        BpfInterpreter explicitly = Filter(Deny([Rule("SCMP_ACT_ALLOW", ["socketcall"]), Rule("SCMP_ACT_KILL", ["socket"])]));
        Assert.Equal(Allow, explicitly.Run(BpfInterpreter.I386, 102, 1));
    }

    [Fact]
    public void LongProgramsJumpRight()
    {
        // Every call has conditions, so that the search tree spans far more than a conditional jump can.
        var rules = new List<SeccompRule>();
        for (int row = 0; row < SyscallTable.Count; row++)
            rules.Add(Rule("SCMP_ACT_ALLOW", [SyscallTable.Name(row)], Is(1, (ulong)row)));
        BpfInterpreter filter = Filter(Deny([.. rules]) with { Architectures = null });
        Assert.InRange(filter.Length, 1000, 4096);
        for (int row = 0; row < SyscallTable.Count; row++)
        {
            if (SyscallTable.Number(row, SyscallAbi.X86_64) is >= 0 and int number)
            {
                Assert.Equal(Allow, filter.Run(BpfInterpreter.X86_64, (uint)number, 0, (ulong)row));
                Assert.Equal(Eperm, filter.Run(BpfInterpreter.X86_64, (uint)number, 0, (ulong)row + 1));
            }
        }
    }

    [Fact]
    public void TooLongAProgramIsRefused()
    {
        SeccompRule[] rules = [.. Enumerable.Range(0, 2000).Select(i => Rule("SCMP_ACT_ALLOW", ["socket"], Is(0, (ulong)i)))];
        Assert.Contains("4096", Refused(Deny(rules)), StringComparison.Ordinal);
    }

    [Fact]
    public void MistakesAreNamed()
    {
        Assert.Contains("SCMP_ACT_PERHAPS", Refused(Deny([Rule("SCMP_ACT_PERHAPS", ["read"])])), StringComparison.Ordinal);
        Assert.Contains("rule 1", Refused(Deny([Rule("SCMP_ACT_ALLOW", ["read"]), Rule("SCMP_ACT_ALLOW", [])])), StringComparison.Ordinal);
        Assert.Contains("SCMP_CMP_LIKE", Refused(Deny([Rule("SCMP_ACT_ALLOW", ["x"], Is(0, 1) with { Op = "SCMP_CMP_LIKE" })])), StringComparison.Ordinal);
        Assert.Contains("index 6", Refused(Deny([Rule("SCMP_ACT_ALLOW", ["read"], Is(6, 1))])), StringComparison.Ordinal);
        Assert.Contains("4096", Refused(Deny([Rule("SCMP_ACT_ERRNO", ["read"]) with { ErrnoRet = 4096 }])), StringComparison.Ordinal);
        Assert.Contains("no errno", Refused(Deny([Rule("SCMP_ACT_KILL", ["read"]) with { ErrnoRet = 1 }])), StringComparison.Ordinal);
        Assert.Contains("SCMP_ARCH_VAX", Refused(Deny([]) with { Architectures = ["SCMP_ARCH_VAX"] }), StringComparison.Ordinal);
        Assert.Contains("write", Refused(Deny([Rule("SCMP_ACT_NOTIFY", ["write"])])), StringComparison.Ordinal);
        Assert.Contains("NOTIFY", Refused(Deny([]) with { DefaultAction = "SCMP_ACT_NOTIFY", DefaultErrnoRet = null }), StringComparison.Ordinal);
        Assert.Contains("SCMP_FILTER_FLAG_X", Assert.Throws<EngineException>(() => Flags(["SCMP_FILTER_FLAG_X"])).Message, StringComparison.Ordinal);
        Assert.Equal(
            ErrorKind.NotImplemented, Assert.Throws<EngineException>(() => SeccompCompiler.Compile(Deny([]), Architecture.S390x)).Kind);
    }

    [Fact]
    public void FlagsHaveTheKernelsValues()
    {
        Assert.Equal(4u, (uint)Flags(null));
        Assert.Equal(0u, (uint)Flags([]));
        Assert.Equal(7u, (uint)Flags(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]));
        Assert.Equal(0u, (uint)Flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]));
    }

    [Fact]
    public void ANotifyingRuleAsksForAListener()
    {
        SeccompSpec spec = Deny([Rule("SCMP_ACT_NOTIFY", ["mkdir"])]) with { Flags = [], ListenerPath = "/run/agent.sock", ListenerMetadata = "x" };
        Assert.Equal(8u, (uint)SeccompFlagNames.Parse(spec));
        Assert.Equal(40u, (uint)SeccompFlagNames.Parse(spec with { Flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }));
        Assert.Equal(25u, (uint)SeccompFlagNames.Parse(spec with { Flags = ["SECCOMP_FILTER_FLAG_TSYNC"] }));
        Assert.Equal(0u, (uint)SeccompFlagNames.Parse(spec with { Syscalls = [] }));
        Assert.Contains("listenerPath is not set", Assert.Throws<EngineException>(() => SeccompFlagNames.Parse(spec with { ListenerPath = null, ListenerMetadata = null })).Message, StringComparison.Ordinal);
        Assert.Contains("listenerMetadata", Assert.Throws<EngineException>(() => SeccompFlagNames.Parse(spec with { ListenerPath = null })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownCallsAreToldOnce()
    {
        SeccompRule[] rules = [Rule("SCMP_ACT_ALLOW", ["read", "raed", "not_yet"]), Rule("SCMP_ACT_LOG", ["raed", "socketcall"])];
        Assert.Equal(["raed", "not_yet"], SeccompCompiler.UnknownCalls(Deny(rules)));
    }

    [Fact]
    public void ArchitecturesThatCannotRunHereChangeNothing()
    {
        SeccompSpec spec = Deny([Rule("SCMP_ACT_ALLOW", ["read"])]);
        SeccompSpec more = spec with { Architectures = [.. AllX86, "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_S390X", "SCMP_ARCH_RISCV64"] };
        Assert.Equal(SeccompCompiler.Compile(spec, Architecture.X64), SeccompCompiler.Compile(more, Architecture.X64));
        Assert.Equal(KillThread, Filter(more).Run(BpfInterpreter.Arm64, 63));
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void AnyCallIsFoundInLogarithmicTime(Architecture host)
    {
        // Every second call has an action of its own, so that no two neighbours share a range.
        uint[] numbers = [.. Enumerable.Range(0, 480).Select(i => (uint)i)];
        for (int rows = 8; rows <= SyscallTable.Count; rows *= 2)
        {
            var rules = Enumerable.Range(0, rows)
                .Select(i => Rule("SCMP_ACT_ERRNO", [SyscallTable.Name(i * (SyscallTable.Count / rows))]) with { ErrnoRet = (uint)i + 2 }).ToArray();
            var spec = new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW", Architectures = [.. AllX86, "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"], Syscalls = rules };
            foreach (SyscallAbi abi in SyscallAbis.Of(host))
            {
                var filter = new BpfInterpreter(SeccompCompiler.Compile(spec, host));
                foreach (uint number in numbers.Where(n => abi != SyscallAbi.I386 || n is not (102 or 117))) // socketcall and ipc try what they select in turn
                    filter.Run(abi.AuditArch(), abi == SyscallAbi.X32 ? BpfInterpreter.X32Bit | number : number);

                // At most two ranges a call; a comparison and a long jump at each level; before that up to three tests of the architecture, and the return.
                int levels = (int)Math.Ceiling(Math.Log2((4 * rows) + 2));
                Assert.True(filter.MaxSteps <= (2 * levels) + 7, $"{rows} calls, {abi}: {filter.MaxSteps} steps");
            }
        }
    }

    private static BpfInterpreter Filter(SeccompSpec spec) => new(SeccompCompiler.Compile(spec, Architecture.X64));

    private static SeccompSpec Deny(SeccompRule[] rules) => new() { DefaultAction = "SCMP_ACT_ERRNO", DefaultErrnoRet = null, Architectures = AllX86, Syscalls = rules };

    private static SeccompRule Rule(string action, string[] names, params SeccompArgument[] tests) =>
        new() { Names = names, Action = action, Args = tests.Length == 0 ? null : tests };

    private static SeccompArgument Is(uint index, ulong value) => new() { Index = index, Value = value, Op = "SCMP_CMP_EQ" };

    private static SeccompFlags Flags(string[]? names) => SeccompFlagNames.Parse(Deny([]) with { Flags = names });

    private static string Refused(SeccompSpec spec)
    {
        var error = Assert.Throws<EngineException>(() => SeccompCompiler.Compile(spec, Architecture.X64));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        return error.Message;
    }

    private static bool Holds(string op, ulong argument, ulong value, ulong second, ulong? mask = null) => op switch
    {
        "SCMP_CMP_NE" => argument != value,
        "SCMP_CMP_LT" => argument < value,
        "SCMP_CMP_LE" => argument <= value,
        "SCMP_CMP_EQ" => argument == value,
        "SCMP_CMP_GE" => argument >= value,
        "SCMP_CMP_GT" => argument > value,
        _ => (argument & (mask ?? value)) == (second & (mask ?? value)),
    };
}
