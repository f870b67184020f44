using System.Runtime.InteropServices;
using Berth.Linux.Files;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>Where libseccomp is installed: profiles at random give what runc, which compiles by it, would have made of them.</summary>
public sealed class LibseccompTests(ITestOutputHelper output)
{
    private const string Library = "libseccomp.so.2";
    private const int Profiles = 600, Edges = 14;

    private static readonly string[] Names =
        ["read", "socket", "bind", "semop", "personality", "clone", "ioctl", "openat", "prctl", "keyctl", "stat", "fstat64"];

    private static readonly (string Oci, uint Value)[] Actions =
    [
        ("SCMP_ACT_ALLOW", 0x7FFF0000), ("SCMP_ACT_ERRNO", 0x00050000), ("SCMP_ACT_KILL_PROCESS", 0x80000000), ("SCMP_ACT_KILL", 0), ("SCMP_ACT_LOG", 0x7FFC0000),
        ("SCMP_ACT_TRAP", 0x00030000), ("SCMP_ACT_TRACE", 0x7FF00000), ("SCMP_ACT_NOTIFY", 0x7FC00000),
    ];

    private static readonly string[] Operators =
        ["", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];

    private static readonly ulong[] Values =
        [0, 1, 2, 5, 0x26, 0x7E020000, 0x80000000, 0xFFFFFFFF, 0x1_00000000, 0x1_00000005, 0x80000000_00000000, 0xFFFFFFFF_FFFFFFFF];

    [Fact]
    public void SameResultsForProfilesAtRandom()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !NativeLibrary.TryLoad(Library, out nint handle))
        {
            output.WriteLine("skipped: needs an x86-64 machine with " + Library);
            return;
        }

        NativeLibrary.Free(handle);
        var random = new Random(20250101);
        int compared = 0, refused = 0;
        for (int i = 0; i < Profiles; i++)
        {
            SeccompSpec spec = Make(random);
            if (Reference(spec) is not { } program)
            {
                refused++;
                continue;
            }

            Compare(spec, new BpfInterpreter(program), new BpfInterpreter(SeccompCompiler.Compile(spec, Architecture.X64)), random);
            compared++;
        }

        output.WriteLine($"{compared} profiles compared, {refused} not taken by libseccomp");
        Assert.True(compared > Profiles / 2);
    }

    private static SeccompSpec Make(Random random)
    {
        string defaultAction = Actions[random.Next(3)].Oci;
        // One rule for each call: what several that overlap come to depends in libseccomp on the shape of its tree.
        List<SeccompRule> rules = [];
        foreach (string name in Names.OrderBy(_ => random.Next()).Take(random.Next(1, 5)))
        {
            string action;
            do
                action = Actions[random.Next(Actions.Length)].Oci;
            while (action == defaultAction);
            uint? errno = action is "SCMP_ACT_ERRNO" or "SCMP_ACT_TRACE" ? (uint)random.Next(1, 100) : null;
            rules.Add(new SeccompRule { Names = [name], Action = action, ErrnoRet = errno, Args = Tests(random) });
        }

        return new SeccompSpec { DefaultAction = defaultAction, Architectures = ["SCMP_ARCH_X86"], Syscalls = rules };
    }

    private static SeccompArgument[] Tests(Random random) =>
        [.. Enumerable.Range(0, 6).OrderBy(_ => random.Next()).Take(random.Next(4)).Select(index => new SeccompArgument
        {
            Index = (uint)index, Op = Operators[random.Next(1, 8)], Value = Pick(random), ValueTwo = Pick(random),
        })];

    private static ulong Pick(Random random) => Values[random.Next(Values.Length)];

    private static void Compare(SeccompSpec spec, BpfInterpreter reference, BpfInterpreter own, Random random)
    {
        Span<ulong> arguments = stackalloc ulong[6];
        foreach ((SyscallAbi abi, uint audit) in (ReadOnlySpan<(SyscallAbi, uint)>)[(SyscallAbi.X86_64, BpfInterpreter.X86_64), (SyscallAbi.I386, BpfInterpreter.I386)])
        {
            // Values that no 32-bit argument can have are compared in part by libseccomp.
            if (abi == SyscallAbi.I386 && spec.Syscalls!.SelectMany(rule => rule.Args!).Any(a => a.Value >= uint.MaxValue || a.ValueTwo >= uint.MaxValue))
                continue;
            int[] named = [.. spec.Syscalls!.SelectMany(rule => rule.Names).Select(name => SyscallTable.Number(SyscallTable.Find(name), abi)).Where(n => n >= 0)];
            foreach (int number in named.SelectMany(n => (int[])[n, n - 1]).Append(abi == SyscallAbi.I386 ? 102 : 0).Where(n => n >= 0 && n <= named.DefaultIfEmpty(-1).Max()).Distinct())
            {
                for (int i = 0; i < 4 * Edges; i++)
                {
                    for (int a = 0; a < 6; a++)
                        arguments[a] = Pick(random) + (ulong)random.Next(2);
                    uint wanted = reference.Run(audit, (uint)number, arguments), got = own.Run(audit, (uint)number, arguments);
                    if (wanted != got)
                        Assert.Fail($"{abi} call {number} ({string.Join(", ", arguments.ToArray().Select(v => v.ToString("x")))}): got {got:x}, libseccomp {wanted:x}\n{Describe(spec)}");
                }
            }
        }
    }

    private static string Describe(SeccompSpec spec) => spec.DefaultAction + "\n" + string.Join('\n', spec.Syscalls!.Select(rule =>
        $"{rule.Names[0]} {rule.Action} {rule.ErrnoRet} {string.Join(" & ", rule.Args!.Select(a => $"[{a.Index}] {a.Op} {a.Value:x} {a.ValueTwo:x}"))}"));

    private static byte[]? Reference(SeccompSpec spec)
    {
        const uint X86 = 0x40000003; // not x32: beside x86-64, libseccomp 2.5 forgets to load the number when there are few calls
        nint context = seccomp_init(Number(spec.DefaultAction, 1));
        try
        {
            Assert.Equal(0, seccomp_arch_add(context, X86));
            foreach (SeccompRule rule in spec.Syscalls!)
            {
                var tests = rule.Args!.Select(a => new Comparison { Index = a.Index, Operator = Array.IndexOf(Operators, a.Op), A = a.Value, B = a.ValueTwo!.Value }).ToArray();
                int call = seccomp_syscall_resolve_name(rule.Names[0]);
                if (seccomp_rule_add_array(context, Number(rule.Action, rule.ErrnoRet ?? 0), call, (uint)tests.Length, tests) != 0)
                    return null;
            }

            string file = Path.GetTempFileName();
            using (Berth.Linux.FileDescriptor descriptor = Paths.Open(file, OpenFlags.O_WRONLY))
                Assert.Equal(0, seccomp_export_bpf(context, descriptor.Number));
            byte[] program = File.ReadAllBytes(file);
            File.Delete(file);
            return program;
        }
        finally
        {
            seccomp_release(context);
        }
    }

    private static uint Number(string action, uint errno)
    {
        uint value = Actions.Single(a => a.Oci == action).Value;
        return action is "SCMP_ACT_ERRNO" or "SCMP_ACT_TRACE" ? value | errno : value;
    }

    // struct scmp_arg_cmp
    [StructLayout(LayoutKind.Sequential)]
    private struct Comparison
    {
        public uint Index;
        public int Operator;
        public ulong A, B;
    }

#pragma warning disable SYSLIB1054 // source-generated imports need unsafe code, which tests do without
    [DllImport(Library)]
    private static extern nint seccomp_init(uint action);

    [DllImport(Library)]
    private static extern void seccomp_release(nint context);

    [DllImport(Library)]
    private static extern int seccomp_arch_add(nint context, uint arch);

    [DllImport(Library)]
    private static extern int seccomp_syscall_resolve_name([MarshalAs(UnmanagedType.LPUTF8Str)] string name);

    [DllImport(Library)]
    private static extern int seccomp_rule_add_array(nint context, uint action, int call, uint count, Comparison[] tests);

    [DllImport(Library)]
    private static extern int seccomp_export_bpf(nint context, int descriptor);
#pragma warning restore SYSLIB1054
}
