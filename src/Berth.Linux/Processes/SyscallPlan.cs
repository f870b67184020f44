using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Processes;

/// <summary>A place for the result of one step that later steps take as an argument.</summary>
public readonly record struct PlanRegister(int Index);

/// <summary>A place in a plan to jump to; marked once, after every jump to it.</summary>
public readonly record struct PlanLabel(int Index);

/// <summary>An argument of a system call: a number, an address inside the plan, or a register.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PlanArgument(nint Value, bool IsRegister)
{
    public static implicit operator PlanArgument(nint value) => new(value, IsRegister: false);
    public static implicit operator PlanArgument(PlanRegister register) => new(register.Index, IsRegister: true);
}

/// <summary>
/// A flat list of system calls in unmanaged memory, which a new process walks between clone(2) and execve(2) without allocating: see
/// <see cref="ProcessSpawner"/>. Everything the steps point at lives in the plan's own memory. Each step has a name for the case that it fails.
/// Walked once. Not safe for concurrent use. Disposing frees the memory and closes the descriptors given to <see cref="Own"/>.
/// </summary>
public sealed unsafe class SyscallPlan : IDisposable
{
    // Address space only; pages come with their first use. execve(2) itself takes at most 6 MiB of strings.
    internal const int Size = 16 << 20;
    internal const int StackSize = 64 << 10;
    private const int MaxOps = 8192;

    private readonly byte* memory;
    private readonly List<string> steps = new(256);
    private readonly List<int> marks = [];
    private readonly List<(int Op, int Label, bool OnError)> jumps = [];
    private readonly List<FileDescriptor> owned = [];
    private byte* next;
    private int registers;
    private bool disposed;

    /// <param name="shared">For a process that is a copy of its parent: the plan stays common to both, so failures and registers come back.</param>
    /// <exception cref="LinuxException">ENOMEM.</exception>
    public SyscallPlan(bool shared = false)
    {
        IsShared = shared;
        memory = (byte*)RawCalls.MapMemory(Size, shared);
        if (shared)
            RawCalls.MakePrivate((nint)StackTop - StackSize, StackSize); // a process that forks and the one that it forks each need one
        next = memory + sizeof(PlanHeader) + (MaxOps * sizeof(PlanOp));
        Header->FailedOp = -1;
        Header->Ops = (PlanOp*)(memory + sizeof(PlanHeader));
        Header->NoHandlers = (byte*)Reserve(32);
    }

    /// <summary>Whether a process that is a copy of its parent walks this plan.</summary>
    public bool IsShared { get; }

    internal PlanHeader* Header => (PlanHeader*)memory;

    internal byte* StackTop => memory + Size;

    /// <summary>The name of a step by its position.</summary>
    internal string StepAt(int index) => steps[index];

    /// <summary>How many steps there are.</summary>
    public int Count => steps.Count;

    /// <summary>A register that nothing else uses.</summary>
    public PlanRegister NewRegister() =>
        registers < PlanHeader.Registers ? new(registers++) : throw new InvalidOperationException("a plan has no more registers");

    /// <summary>A new, unmarked label.</summary>
    public PlanLabel NewLabel()
    {
        marks.Add(-1);
        return new(marks.Count - 1);
    }

    /// <summary>Jumps to <paramref name="label"/> continue with the next step added.</summary>
    public void Mark(PlanLabel label) => marks[label.Index] = steps.Count;

    /// <summary>Adds a system call. A result of -1 ends the walk, unless the step returned says otherwise.</summary>
    /// <param name="step">What this step is for, as it would stand in an error message.</param>
    /// <param name="number">From <see cref="SyscallNumbers"/>.</param>
    public PlanStep Call(
        string step, int number, PlanArgument a0 = default, PlanArgument a1 = default, PlanArgument a2 = default, PlanArgument a3 = default,
        PlanArgument a4 = default, PlanArgument a5 = default)
    {
        PlanOp* op = AddOp(step, number);
        op->A0 = a0.Value;
        op->A1 = a1.Value;
        op->A2 = a2.Value;
        op->A3 = a3.Value;
        op->A4 = a4.Value;
        op->A5 = a5.Value;
        op->RegisterMask = (byte)((a0.IsRegister ? 1 : 0) | (a1.IsRegister ? 2 : 0) | (a2.IsRegister ? 4 : 0) | (a3.IsRegister ? 8 : 0)
            | (a4.IsRegister ? 16 : 0) | (a5.IsRegister ? 32 : 0));
        return new PlanStep(this, steps.Count - 1);
    }

    /// <summary>Sets a register, then continues at <paramref name="then"/> if given.</summary>
    public void Set(PlanRegister register, nint value, PlanLabel? then = null)
    {
        PlanOp* op = AddOp("set", PlanOp.Set);
        op->A0 = value;
        op->SaveTo = (sbyte)register.Index;
        if (then is { } label)
            jumps.Add((steps.Count - 1, label.Index, false));
    }

    /// <summary>Ends the walk as if a step of this name had failed with <paramref name="errno"/>.</summary>
    public void Fail(string step, Errno errno) => AddOp(step, PlanOp.Fail)->A0 = (nint)errno;

    /// <summary>Compares a register; a difference is an error, <paramref name="errno"/>, with all that steps can say about errors.</summary>
    public PlanStep Test(string step, PlanRegister register, nint expected, Errno errno)
    {
        PlanOp* op = AddOp(step, PlanOp.Test);
        op->A0 = register.Index;
        op->A1 = expected;
        op->A2 = (nint)errno;
        return new PlanStep(this, steps.Count - 1);
    }

    /// <summary>Loads the 32-bit number at <paramref name="address"/>, which lies in this plan.</summary>
    public void Load(PlanRegister register, nint address)
    {
        PlanOp* op = AddOp("load", PlanOp.Load);
        op->A0 = address;
        op->SaveTo = (sbyte)register.Index;
    }

    /// <summary>The address of a register, for calls that take a number by its address: of the 64 bits there, the first 32 are the low ones.</summary>
    public nint AddressOf(PlanRegister register) => (nint)(Header->Register + register.Index);

    /// <summary>
    /// Adds a clone(2) without shared memory. The new process goes on with the next step; the old one has its id as the result and goes on
    /// wherever <see cref="PlanStep.OnSuccess"/> says. Both share the plan's registers. Only for plans with <see cref="IsShared"/>.
    /// </summary>
    public PlanStep Fork(string step, ulong flags)
    {
        if (!IsShared)
            throw new InvalidOperationException("a process that borrows its parent's memory cannot fork");
        AddOp(step, PlanOp.Fork)->A0 = (nint)flags;
        return new PlanStep(this, steps.Count - 1);
    }

    /// <summary>The address of a NUL-terminated UTF-8 copy.</summary>
    /// <exception cref="LinuxException">EINVAL: the text contains a NUL, which would cut it off; E2BIG: the plan is full.</exception>
    public nint Text(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new LinuxException(Errno.EINVAL, "execve", "a string with a zero byte inside");
        int length = Encoding.UTF8.GetByteCount(text);
        byte* start = (byte*)Reserve(length + 1, 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(start, length));
        return (nint)start;
    }

    /// <summary>The address of a copy, aligned to 8 bytes.</summary>
    /// <exception cref="LinuxException">E2BIG: the plan is full.</exception>
    public nint Bytes(ReadOnlySpan<byte> data)
    {
        nint start = Reserve(data.Length);
        data.CopyTo(new Span<byte>((void*)start, data.Length));
        return start;
    }

    /// <summary>The address of a copy of <paramref name="words"/>.</summary>
    /// <exception cref="LinuxException">E2BIG: the plan is full.</exception>
    public nint Words(params ReadOnlySpan<ulong> words) => Bytes(MemoryMarshal.AsBytes(words));

    /// <summary>The address of a NULL-terminated table of strings, as execve(2) takes it.</summary>
    /// <exception cref="LinuxException">As <see cref="Text"/>.</exception>
    public nint Strings(IReadOnlyList<string> values)
    {
        nint* table = (nint*)Reserve((values.Count + 1) * sizeof(nint));
        for (int i = 0; i < values.Count; i++)
            table[i] = Text(values[i]);
        return (nint)table;
    }

    /// <summary>Zeroed memory for results or structures, aligned to 8 bytes.</summary>
    /// <exception cref="LinuxException">E2BIG: the plan is full.</exception>
    public nint Reserve(int size, int alignment = 8)
    {
        byte* start = (byte*)(((nint)next + alignment - 1) & -alignment);
        if (size > StackTop - StackSize - start)
            throw new LinuxException(Errno.E2BIG, "execve", "arguments and environment");
        next = start + size;
        return (nint)start;
    }

    /// <summary>Keeps a descriptor open as long as the plan, closes it with the plan, and returns its number as an argument.</summary>
    public int Own(FileDescriptor descriptor)
    {
        owned.Add(descriptor);
        return descriptor.Number;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (FileDescriptor descriptor in owned)
            descriptor.Dispose();
        RawCalls.UnmapMemory((nint)memory, Size);
    }

    /// <summary>Resolves the jumps; the plan can be walked afterwards.</summary>
    internal void Seal()
    {
        foreach ((int index, int label, bool onError) in jumps)
        {
            int skip = marks[label] - index - 1;
            if (marks[label] < 0 || skip < 0)
                throw new InvalidOperationException($"step '{steps[index]}' jumps to a label that is not after it");
            if (onError)
                OpAt(index)->SkipOnError = skip;
            else
                OpAt(index)->SkipOnSuccess = skip;
        }

        Header->Count = steps.Count;
    }

    internal PlanOp* OpAt(int index) => Header->Ops + index;

    internal void AddJump(int op, PlanLabel label, bool onError) => jumps.Add((op, label.Index, onError));

    private PlanOp* AddOp(string step, int number)
    {
        if (steps.Count == MaxOps)
            throw new LinuxException(Errno.E2BIG, "plan", $"more than {MaxOps} steps");
        PlanOp* op = OpAt(steps.Count);
        steps.Add(step);
        *op = default;
        op->Number = number;
        op->SaveTo = -1;
        return op;
    }
}

/// <summary>A step just added, to say what happens to its result.</summary>
public readonly struct PlanStep
{
    private readonly SyscallPlan plan;
    private readonly int index;

    internal PlanStep(SyscallPlan plan, int index)
    {
        this.plan = plan;
        this.index = index;
    }

    /// <summary>The result of a success goes to <paramref name="register"/>; an error leaves it as it was.</summary>
    public unsafe PlanStep SaveTo(PlanRegister register)
    {
        plan.OpAt(index)->SaveTo = (sbyte)register.Index;
        return this;
    }

    /// <summary>This one error does not end the walk.</summary>
    public unsafe PlanStep Tolerating(Errno errno)
    {
        plan.OpAt(index)->Tolerated = (short)errno;
        return this;
    }

    /// <summary>No error ends the walk.</summary>
    public unsafe PlanStep ToleratingAll()
    {
        plan.OpAt(index)->Tolerated = -1;
        return this;
    }

    /// <summary>EAGAIN repeats the call, at most <paramref name="times"/> times.</summary>
    public unsafe PlanStep Retrying(int times)
    {
        plan.OpAt(index)->Retries = times;
        return this;
    }

    /// <summary>Success continues at <paramref name="label"/>.</summary>
    public PlanStep OnSuccess(PlanLabel label)
    {
        plan.AddJump(index, label, onError: false);
        return this;
    }

    /// <summary>A tolerated error continues at <paramref name="label"/>.</summary>
    public PlanStep OnError(PlanLabel label)
    {
        plan.AddJump(index, label, onError: true);
        return this;
    }
}
