using System.Runtime.InteropServices;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>The comparisons of <c>enum scmp_compare</c> (seccomp_rule_add(3)); all unsigned.</summary>
internal enum ArgumentOperator
{
    NotEqual,
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
    MaskedEqual,
}

/// <summary>One comparison of one argument of a call; bits outside the mask are ignored on both sides of an equality.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ArgumentTest(uint Index, ArgumentOperator Operator, ulong Value, ulong Mask)
{
    private const uint MaxIndex = 5;

    private static readonly (string Name, ArgumentOperator Operator)[] Known =
    [
        ("SCMP_CMP_EQ", ArgumentOperator.Equal), ("SCMP_CMP_GE", ArgumentOperator.GreaterOrEqual), ("SCMP_CMP_GT", ArgumentOperator.Greater),
        ("SCMP_CMP_LE", ArgumentOperator.LessOrEqual), ("SCMP_CMP_LT", ArgumentOperator.Less), ("SCMP_CMP_MASKED_EQ", ArgumentOperator.MaskedEqual),
        ("SCMP_CMP_NE", ArgumentOperator.NotEqual),
    ];

    /// <summary>The operators that <see cref="Parse"/> takes, sorted.</summary>
    public static IReadOnlyList<string> Names => [.. Known.Select(static k => k.Name)];

    // struct seccomp_data: nr, arch, instruction_pointer, then six 64-bit arguments.
    private const uint FirstArgument = 16;

    public static ArgumentTest Parse(SeccompArgument? argument, string where)
    {
        if (argument is null)
            throw SeccompAction.Invalid($"{where}: an argument's comparison is null");
        if (argument.Index > MaxIndex)
            throw SeccompAction.Invalid($"{where}: argument index {argument.Index}; calls have arguments 0 to {MaxIndex}");
        int at = Array.FindIndex(Known, k => k.Name == argument.Op);
        if (at < 0)
            throw SeccompAction.Invalid($"{where}: unknown comparison \"{argument.Op}\"; known are SCMP_CMP_ NE, LT, LE, EQ, GE, GT, MASKED_EQ");
        ArgumentOperator op = Known[at].Operator;
        return op == ArgumentOperator.MaskedEqual
            ? new ArgumentTest(argument.Index, op, argument.ValueTwo.GetValueOrDefault(), argument.Value)
            : new ArgumentTest(argument.Index, op, argument.Value, ulong.MaxValue);
    }

    /// <summary>Writes the comparison; returns where it begins.</summary>
    /// <param name="code">The program.</param>
    /// <param name="narrow">Compare the low 32 bits only: the numbering's arguments have no more.</param>
    /// <param name="match">Where to go on when it holds.</param>
    /// <param name="fail">Where to go on when it does not.</param>
    public int Emit(BpfAssembler code, bool narrow, int match, int fail) => Operator switch
    {
        ArgumentOperator.NotEqual => EmitMaskedEqual(code, narrow, fail, match),
        ArgumentOperator.Equal or ArgumentOperator.MaskedEqual => EmitMaskedEqual(code, narrow, match, fail),
        ArgumentOperator.Greater => EmitOrdered(code, narrow, orEqual: false, match, fail),
        ArgumentOperator.GreaterOrEqual => EmitOrdered(code, narrow, orEqual: true, match, fail),
        ArgumentOperator.LessOrEqual => EmitOrdered(code, narrow, orEqual: false, fail, match),
        _ => EmitOrdered(code, narrow, orEqual: true, fail, match),
    };

    private int EmitMaskedEqual(BpfAssembler code, bool narrow, int match, int fail)
    {
        int start = EmitHalf(code, (uint)Mask, (uint)Value, FirstArgument + (Index * 8), match, fail);
        return narrow ? start : EmitHalf(code, (uint)(Mask >> 32), (uint)(Value >> 32), FirstArgument + (Index * 8) + 4, start, fail);
    }

    private static int EmitHalf(BpfAssembler code, uint mask, uint value, uint offset, int match, int fail)
    {
        if (mask == 0)
            return match;
        code.IfEqual(value & mask, match, fail);
        if (mask != uint.MaxValue)
            code.Mask(mask);
        return code.Load(offset);
    }

    private int EmitOrdered(BpfAssembler code, bool narrow, bool orEqual, int match, int fail)
    {
        uint low = (uint)Value;
        _ = orEqual ? code.IfGreaterOrEqual(low, match, fail) : code.IfGreater(low, match, fail);
        int start = code.Load(FirstArgument + (Index * 8));
        if (narrow)
            return start;
        uint high = (uint)(Value >> 32);
        int equal = code.IfEqual(high, start, fail);
        code.IfGreater(high, match, equal);
        return code.Load(FirstArgument + (Index * 8) + 4);
    }
}
