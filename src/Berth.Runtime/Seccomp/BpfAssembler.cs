using System.Buffers.Binary;

namespace Berth.Runtime.Seccomp;

/// <summary>
/// Writes a classic BPF program from its last instruction to its first, so that every jump, which can only go forward, has a
/// target whose place is known. A place is the distance from the program's end. Jumps too far for their 8 bits get a
/// <c>ja</c> of their own.
/// </summary>
internal sealed class BpfAssembler
{
    /// <summary>The most instructions the kernel takes (<c>BPF_MAXINSNS</c>, linux/bpf_common.h).</summary>
    public const int MaxInstructions = 4096;

    // Codes of linux/bpf_common.h; these and no others, because the kernel answers calls that are always allowed from a
    // bitmap only if it can evaluate the filter by them (seccomp_is_const_allow, since Linux 5.11).
    private const ushort LoadWord = 0x20;
    private const ushort And = 0x54;
    private const ushort JumpAlways = 0x05;
    private const ushort JumpEqual = 0x15;
    private const ushort JumpGreater = 0x25;
    private const ushort JumpGreaterOrEqual = 0x35;
    private const ushort Return = 0x06;

    // Short of 255 by the two ja that one conditional jump may itself need in between.
    private const int Reach = 250;

    private readonly List<(uint Action, int Place)> _returns = [];
    private ulong[] _code = new ulong[512];
    private int _count;

    /// <summary>Makes what is written next go on at <paramref name="place"/>.</summary>
    public void ContinueAt(int place)
    {
        if (place != _count - 1)
            Emit(JumpAlways, 0, 0, (uint)(_count - place - 1));
    }

    /// <summary>Loads the 32-bit word at <paramref name="offset"/> of <c>struct seccomp_data</c>.</summary>
    public int Load(uint offset) => Emit(LoadWord, 0, 0, offset);

    /// <summary>Keeps the bits of <paramref name="mask"/>.</summary>
    public int Mask(uint mask) => Emit(And, 0, 0, mask);

    /// <summary>Ends with <paramref name="action"/>; an earlier such end within reach is used again.</summary>
    public int Ret(uint action)
    {
        for (int i = 0; i < _returns.Count; i++)
        {
            if (_returns[i].Action != action)
                continue;
            if (_count - _returns[i].Place > Reach)
                _returns[i] = (action, Emit(Return, 0, 0, action));
            return _returns[i].Place;
        }

        int place = Emit(Return, 0, 0, action);
        _returns.Add((action, place));
        return place;
    }

    public int IfEqual(uint value, int then, int otherwise) => Jump(JumpEqual, value, then, otherwise);

    public int IfGreater(uint value, int then, int otherwise) => Jump(JumpGreater, value, then, otherwise);

    public int IfGreaterOrEqual(uint value, int then, int otherwise) => Jump(JumpGreaterOrEqual, value, then, otherwise);

    /// <summary>The program as <c>struct sock_filter[]</c> (linux/filter.h), little-endian.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[_count * sizeof(ulong)];
        for (int i = 0; i < _count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)), _code[_count - 1 - i]);
        return bytes;
    }

    private int Jump(ushort code, uint value, int then, int otherwise)
    {
        if (_count - then > Reach)
            then = Emit(JumpAlways, 0, 0, (uint)(_count - then - 1));
        if (_count - otherwise > Reach)
            otherwise = Emit(JumpAlways, 0, 0, (uint)(_count - otherwise - 1));
        return Emit(code, (byte)(_count - then - 1), (byte)(_count - otherwise - 1), value);
    }

    private int Emit(ushort code, byte ifTrue, byte ifFalse, uint operand)
    {
        if (_count == MaxInstructions)
            throw SeccompAction.Invalid(
                $"it needs more than {MaxInstructions} filter instructions, which the kernel does not take; use fewer argument conditions");
        if (_count == _code.Length)
            Array.Resize(ref _code, _count * 2);
        _code[_count] = code | ((ulong)ifTrue << 16) | ((ulong)ifFalse << 24) | ((ulong)operand << 32);
        return _count++;
    }
}
