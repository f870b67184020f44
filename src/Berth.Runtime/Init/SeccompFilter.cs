using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Init;

/// <summary>A compiled filter: an array of <c>struct sock_filter</c>, and the flags of seccomp(2).</summary>
public sealed record SeccompFilter(byte[] Program, uint Flags)
{
    private const int SECCOMP_SET_MODE_FILTER = 1, InstructionSize = 8, FlagsSize = 4;

    /// <summary>The most bytes that <see cref="Store"/> writes: the kernel takes 4096 instructions (BPF_MAXINSNS).</summary>
    internal const int MaxStored = FlagsSize + 4096 * InstructionSize;

    /// <summary>Whether the step leaves a descriptor, of which a supervisor reads the calls it has to decide on (seccomp_unotify(2)).</summary>
    internal bool HasListener => (Flags & (uint)SeccompFlags.NewListener) != 0;

    /// <summary>The filter of a configuration; null for none.</summary>
    /// <exception cref="Model.EngineException">InvalidArgument: the profile makes no sense.</exception>
    internal static SeccompFilter? Compile(SeccompSpec? spec) =>
        spec is null ? null : new SeccompFilter(SeccompCompiler.Compile(spec, RuntimeInformation.ProcessArchitecture), (uint)SeccompFlagNames.Parse(spec));

    /// <summary>What <see cref="Store"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It did not write this.</exception>
    internal static SeccompFilter Load(ReadOnlySpan<byte> stored) =>
        stored.Length > FlagsSize && (stored.Length - FlagsSize) % InstructionSize == 0
            ? new SeccompFilter(stored[FlagsSize..].ToArray(), BinaryPrimitives.ReadUInt32LittleEndian(stored))
            : throw new InvalidDataException($"a stored seccomp filter has {stored.Length} bytes, which is no number of instructions");

    /// <summary>The flags, four bytes in little-endian order, and the program.</summary>
    internal byte[] Store()
    {
        byte[] stored = new byte[FlagsSize + Program.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(stored, Flags);
        Program.CopyTo(stored, FlagsSize);
        return stored;
    }

    /// <summary>Adds the step that installs it.</summary>
    /// <param name="plan">The step is added here.</param>
    /// <param name="listener">Gets the listener's descriptor, which is close-on-exec.</param>
    /// <exception cref="InvalidOperationException">The filter has a listener, and nobody takes it: the first call to decide on would wait forever.</exception>
    internal void Add(SyscallPlan plan, PlanRegister? listener = null)
    {
        if (HasListener && listener is null)
            throw new InvalidOperationException("a seccomp filter with a listener needs someone who takes it");
        nint instructions = plan.Bytes(Program);
        nint header = plan.Words((ulong)(Program.Length / InstructionSize), (ulong)instructions); // struct sock_fprog
        PlanStep step = plan.Call("installing the seccomp filter", SyscallNumbers.Current.Seccomp, SECCOMP_SET_MODE_FILTER, (nint)Flags, header);
        if (listener is { } register)
            step.SaveTo(register);
    }
}
