using System.Buffers.Binary;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>Runs a filter as the kernel would: classic BPF over struct seccomp_data, with the checks of its loader.</summary>
internal sealed class BpfInterpreter
{
    public const uint X86_64 = 0xC000003E;
    public const uint I386 = 0x40000003;
    public const uint Arm64 = 0xC00000B7;
    public const uint Arm = 0x40000028;
    public const uint X32Bit = 0x40000000;

    private readonly (ushort Code, byte True, byte False, uint K)[] _program;

    public BpfInterpreter(byte[] program)
    {
        Assert.Equal(0, program.Length % 8);
        Assert.InRange(program.Length / 8, 1, 4096);
        _program = new (ushort, byte, byte, uint)[program.Length / 8];
        for (int i = 0; i < _program.Length; i++)
        {
            ReadOnlySpan<byte> at = program.AsSpan(i * 8, 8);
            _program[i] = (BinaryPrimitives.ReadUInt16LittleEndian(at), at[2], at[3], BinaryPrimitives.ReadUInt32LittleEndian(at[4..]));
            long reach = _program[i].Code switch
            {
                0x05 => _program[i].K,
                0x15 or 0x25 or 0x35 => Math.Max(at[2], at[3]),
                0x06 => -1,
                0x20 => _program[i].K <= 60 && _program[i].K % 4 == 0 ? 0 : throw new InvalidOperationException($"load of {_program[i].K}"),
                0x54 => 0,
                _ => throw new InvalidOperationException($"instruction {i}: code {_program[i].Code:x}"),
            };
            Assert.True(i + reach + 1 < _program.Length, $"instruction {i} leads beyond the end");
        }
    }

    public int Length => _program.Length;

    /// <summary>The longest way any call has taken so far.</summary>
    public int MaxSteps { get; private set; }

    public uint Run(uint arch, uint number, params ReadOnlySpan<ulong> arguments)
    {
        uint accumulator = 0;
        int steps = 0;
        for (int i = 0; ; i++)
        {
            (ushort code, byte whenTrue, byte whenFalse, uint k) = _program[i];
            MaxSteps = Math.Max(MaxSteps, ++steps);
            switch (code)
            {
                case 0x20:
                    accumulator = Word(arch, number, arguments, k);
                    break;
                case 0x54:
                    accumulator &= k;
                    break;
                case 0x05:
                    i += (int)k;
                    break;
                case 0x06:
                    return k;
                default:
                    i += (code == 0x15 ? accumulator == k : code == 0x25 ? accumulator > k : accumulator >= k) ? whenTrue : whenFalse;
                    break;
            }
        }
    }

    private static uint Word(uint arch, uint number, ReadOnlySpan<ulong> arguments, uint offset)
    {
        if (offset < 16)
            return offset switch { 0 => number, 4 => arch, _ => 0 };
        int index = (int)(offset - 16) / 8;
        ulong value = index < arguments.Length ? arguments[index] : 0;
        return (uint)(offset % 8 == 0 ? value : value >> 32);
    }
}
