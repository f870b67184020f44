using System.Buffers.Binary;
using Berth.Linux.Bpf;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>
/// Device access in the unified hierarchy, which has no files for it: the rules become an eBPF program (kernel: admin-guide/cgroup-v2.rst, "Device
/// controller"). The program looks at the rules from last to first; the first that fits decides, and none is a refusal.
/// </summary>
internal static class DeviceRules
{
    // Of struct bpf_cgroup_dev_ctx: the access in the upper half of access_type, the kind of device in the lower.
    private const int Mknod = 1, Read = 2, Write = 4, Block = 1, Character = 2;
    private const byte LoadWord = 0x61, AndImmediate = 0x54, ShiftRight = 0x74, Move = 0xBC, MoveImmediate = 0xB7, JumpNotEqual = 0x55, JumpNotEqualRegister = 0x5D;
    private const byte JumpEqual = 0x15, Exit = 0x95;
    private const int Result = 0, Context = 1, Kind = 2, Access = 3, Major = 4, Minor = 5, Scratch = 6;

    /// <summary>Restricts the members of a cgroup to what the rules, and after them <see cref="DefaultDevices"/>, allow.</summary>
    /// <exception cref="Berth.Linux.LinuxException">The kernel took no program.</exception>
    public static void Apply(string folder, IReadOnlyList<DeviceRuleSpec> rules)
    {
        if (!DefaultDevices.AllowEverything(rules))
            CgroupDeviceProgram.Attach(folder, Compile([.. rules, .. DefaultDevices.Rules]));
    }

    /// <summary>The program of <paramref name="rules"/>.</summary>
    public static byte[] Compile(IReadOnlyList<DeviceRuleSpec> rules)
    {
        var code = new List<ulong>
        {
            Instruction(LoadWord, Kind, Context, offset: 0),
            Instruction(Move, Access, Kind),
            Instruction(AndImmediate, Kind, immediate: 0xFFFF),
            Instruction(ShiftRight, Access, immediate: 16),
            Instruction(LoadWord, Major, Context, offset: 4),
            Instruction(LoadWord, Minor, Context, offset: 8),
        };
        // What follows a rule that fits everything is never reached, and the verifier refuses unreachable code.
        int first = rules.Count - 1;
        while (first >= 0 && !FitsEverything(rules[first]))
            first--;
        for (int i = rules.Count - 1; i >= Math.Max(first, 0); i--)
            code.AddRange(Rule(rules[i]));
        if (first < 0)
            code.AddRange([Instruction(MoveImmediate, Result), Instruction(Exit)]);
        byte[] bytes = new byte[code.Count * sizeof(ulong)];
        for (int i = 0; i < code.Count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)), code[i]);
        return bytes;
    }

    // Tests that jump behind the block when the rule does not fit, then the verdict.
    private static List<ulong> Rule(DeviceRuleSpec rule)
    {
        int access = Bits(rule.Access);
        var tests = new List<Func<short, ulong>>();
        var code = new List<ulong>();
        if (rule.Type is "c" or "b")
            tests.Add(skip => Instruction(JumpNotEqual, Kind, offset: skip, immediate: rule.Type == "b" ? Block : Character));
        if (rule.Major is { } major and >= 0)
            tests.Add(skip => Instruction(JumpNotEqual, Major, offset: skip, immediate: (int)major));
        if (rule.Minor is { } minor and >= 0)
            tests.Add(skip => Instruction(JumpNotEqual, Minor, offset: skip, immediate: (int)minor));
        if (access != (Mknod | Read | Write))
        {
            // An allowance has to cover all that is asked; a refusal is met by any part of it.
            tests.Add(_ => Instruction(Move, Scratch, Access));
            tests.Add(_ => Instruction(AndImmediate, Scratch, immediate: access));
            tests.Add(skip => rule.Allow ? Instruction(JumpNotEqualRegister, Scratch, Access, skip) : Instruction(JumpEqual, Scratch, offset: skip));
        }

        for (int i = 0; i < tests.Count; i++)
            code.Add(tests[i]((short)(tests.Count - i - 1 + 2)));
        code.Add(Instruction(MoveImmediate, Result, immediate: rule.Allow ? 1 : 0));
        code.Add(Instruction(Exit));
        return code;
    }

    private static bool FitsEverything(DeviceRuleSpec rule) => DefaultDevices.IsEverything(rule) && Bits(rule.Access) == (Mknod | Read | Write);

    private static int Bits(string? access) => string.IsNullOrEmpty(access)
        ? Mknod | Read | Write
        : (access.Contains('m', StringComparison.Ordinal) ? Mknod : 0) | (access.Contains('r', StringComparison.Ordinal) ? Read : 0)
            | (access.Contains('w', StringComparison.Ordinal) ? Write : 0);

    // struct bpf_insn: u8 code, u4 destination, u4 source, s16 offset, s32 immediate.
    private static ulong Instruction(byte code, int destination = 0, int source = 0, short offset = 0, int immediate = 0) =>
        code | ((ulong)(uint)(destination | (source << 4)) << 8) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}
