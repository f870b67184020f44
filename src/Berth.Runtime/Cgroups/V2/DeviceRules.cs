using System.Buffers.Binary;
using Berth.Linux.Bpf;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>
/// Device access in the unified hierarchy, which has no files for it: the rules become an eBPF program (kernel: admin-guide/cgroup-v2.rst, "Device
/// controller"). Each kind of access (read, write, mknod) is decided by the last rule that fits, and all that is asked must be allowed; where no rule
/// fits, it is refused. The program looks at the rules from last to first and takes what is allowed out of what is asked, until nothing is left.
/// </summary>
internal static class DeviceRules
{
    // Of struct bpf_cgroup_dev_ctx: the access in the upper half of access_type, the kind of device in the lower.
    private const int Block = 1, Character = 2;
    private const byte LoadWord = 0x61, AndImmediate = 0x54, ShiftRight = 0x74, Move = 0xBC, MoveImmediate = 0xB7, JumpNotEqual = 0x56;
    private const byte JumpEqual = 0x16, Exit = 0x95;
    private const int Result = 0, Context = 1, Kind = 2, Access = 3, Major = 4, Minor = 5, Scratch = 6;

    /// <summary>
    /// Restricts the members of a cgroup to what the rules, and after them <see cref="DefaultDevices"/>, allow; instead of what an earlier call said.
    /// </summary>
    /// <exception cref="Berth.Linux.LinuxException">The kernel took no program.</exception>
    public static void Apply(string folder, IReadOnlyList<DeviceRuleSpec> rules, bool isUpdate)
    {
        DefaultDevices.Check(rules);
        if (!DefaultDevices.AllowEverything(rules))
            CgroupDeviceProgram.Attach(folder, Compile([.. rules, .. DefaultDevices.Rules]));
        else if (isUpdate)
            CgroupDeviceProgram.Detach(folder);
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
            code.AddRange(Verdict(allow: false));
        byte[] bytes = new byte[code.Count * sizeof(ulong)];
        for (int i = 0; i < code.Count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)), code[i]);
        return bytes;
    }

    // Tests that jump behind the block when the rule does not fit, then what the rule says of the access.
    private static List<ulong> Rule(DeviceRuleSpec rule)
    {
        int access = DefaultDevices.AccessBits(rule.Access);
        List<ulong> action = access == DefaultDevices.AllAccess ? Verdict(rule.Allow) : rule.Allow
            ? [Instruction(AndImmediate, Access, immediate: DefaultDevices.AllAccess & ~access), Instruction(JumpNotEqual, Access, offset: 2), .. Verdict(allow: true)]
            : [Instruction(Move, Scratch, Access), Instruction(AndImmediate, Scratch, immediate: access), Instruction(JumpEqual, Scratch, offset: 2), .. Verdict(allow: false)];
        var tests = new List<(int Register, int Value)>();
        if (rule.Type is "c" or "b")
            tests.Add((Kind, rule.Type == "b" ? Block : Character));
        if (rule.Major is { } major and >= 0)
            tests.Add((Major, (int)major));
        if (rule.Minor is { } minor and >= 0)
            tests.Add((Minor, (int)minor));
        var code = new List<ulong>(tests.Count + action.Count);
        for (int i = 0; i < tests.Count; i++)
            code.Add(Instruction(JumpNotEqual, tests[i].Register, offset: (short)(tests.Count - i - 1 + action.Count), immediate: tests[i].Value));
        code.AddRange(action);
        return code;
    }

    private static List<ulong> Verdict(bool allow) => [Instruction(MoveImmediate, Result, immediate: allow ? 1 : 0), Instruction(Exit)];

    private static bool FitsEverything(DeviceRuleSpec rule) =>
        DefaultDevices.IsEverything(rule) && DefaultDevices.AccessBits(rule.Access) == DefaultDevices.AllAccess;

    // struct bpf_insn: u8 code, u4 destination, u4 source, s16 offset, s32 immediate.
    private static ulong Instruction(byte code, int destination = 0, int source = 0, short offset = 0, int immediate = 0) =>
        code | ((ulong)(uint)(destination | (source << 4)) << 8) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}
