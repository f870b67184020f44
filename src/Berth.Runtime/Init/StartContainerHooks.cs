using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Init;

/// <summary>
/// The hooks that a container's process runs itself after its start, right before its program: files of the container's root, so they have no more rights
/// than the program will have, its user, capabilities, seccomp filter and cgroup. The process forks in its plan and waits; of a hook that fails it
/// tells in a FIFO, where there is one (<see cref="HookReport"/>), and ends.
/// </summary>
internal sealed class StartContainerHooks : IDisposable
{
    private const string Kind = "startContainer";
    private const int SIGKILL = 9, SIGCHLD = 17, SEEK_SET = 0;
    private readonly IReadOnlyList<HookSpec> hooks;
    private readonly FileDescriptor state;
    private readonly FileDescriptor pollSlot; // a number that nothing else has
    private readonly FileDescriptor? report;

    /// <param name="hooks">In their order.</param>
    /// <param name="least">The descriptor that holds the state gets this number or a higher one.</param>
    /// <param name="report">Where a failure is told; null: nowhere, as somebody watches the plan. The caller keeps it.</param>
    /// <exception cref="ArgumentException">A path is not absolute, or a timeout is not above zero.</exception>
    public StartContainerHooks(IReadOnlyList<HookSpec> hooks, int least, FileDescriptor? report)
    {
        HookRunner.Validate(hooks, Kind);
        this.hooks = hooks;
        using FileDescriptor file = MemoryFile.Create("state");
        state = DescriptorIo.Duplicate(file.Number, least);
        pollSlot = DescriptorIo.Duplicate(file.Number, least);
        this.report = report is null ? null : DescriptorIo.Duplicate(report.Number, least);
    }

    /// <summary>Have to stay open in the process.</summary>
    public IReadOnlyList<int> Descriptors => report is null ? [state.Number, pollSlot.Number] : [state.Number, pollSlot.Number, report.Number];

    /// <summary>Gives the hooks the state, which they are told on their standard input; before the process comes to the hooks.</summary>
    public void Write(ContainerState told) => FileData.Write(state, JsonSerializer.SerializeToUtf8Bytes(told, RuntimeSpecJsonContext.Default.ContainerState));

    /// <summary>Adds the steps.</summary>
    public void Add(SyscallPlan plan)
    {
        PlanRegister child = plan.NewRegister(), process = plan.NewRegister(), status = plan.NewRegister();
        for (int i = 0; i < hooks.Count; i++)
            Add(plan, i, $"{Kind} hook #{i} ({hooks[i].Path})", child, process, status);
        plan.Call("close", SyscallNumbers.Current.Close, state.Number);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        state.Dispose();
        pollSlot.Dispose();
        report?.Dispose();
    }

    private void Add(SyscallPlan plan, int index, string step, PlanRegister child, PlanRegister process, PlanRegister status)
    {
        HookSpec hook = hooks[index];
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanLabel parent = plan.NewLabel(), failed = plan.NewLabel(), inTime = plan.NewLabel(), succeeded = plan.NewLabel();
        plan.Fork(step, SIGCHLD).SaveTo(child).OnSuccess(parent);

        // In the hook's process: its failure shows in its exit status.
        plan.Call(step, calls.Lseek, state.Number, 0, SEEK_SET).ToleratingAll().OnError(failed);
        plan.Call(step, calls.Dup3, state.Number, 0, 0).ToleratingAll().OnError(failed);
        plan.Call(step, calls.Execve, plan.Text(hook.Path), plan.Strings(HookRunner.ArgumentsOf(hook)), plan.Strings(hook.Env ?? [])).ToleratingAll();
        plan.Mark(failed);
        plan.Call(step, calls.ExitGroup, 127);

        plan.Mark(parent);
        if (hook.Timeout is { } seconds)
        {
            const int POLLIN = 1, PollSize = 8;
            PlanRegister results = plan.NewRegister();
            nint poll = plan.Reserve(PollSize), timeout = plan.Words((ulong)seconds, 0);
            plan.Call(step, calls.PidfdOpen, child, 0).SaveTo(process);

            // struct pollfd has the descriptor in memory, where no step can put it: so it becomes one that is known.
            plan.Call(step, calls.Dup3, process, pollSlot.Number, (nint)OpenFlags.O_CLOEXEC);
            plan.Call("close", calls.Close, process);
            System.Runtime.InteropServices.Marshal.WriteInt32(poll, pollSlot.Number);
            System.Runtime.InteropServices.Marshal.WriteInt16(poll, 4, POLLIN);
            plan.Call(step, calls.Ppoll, poll, 1, timeout, 0, 0).SaveTo(results);
            plan.Call("close", calls.Close, pollSlot.Number);
            plan.Test(step, results, 1, Errno.ETIMEDOUT).Tolerating(Errno.ETIMEDOUT).OnSuccess(inTime);
            plan.Call(step, calls.Kill, child, SIGKILL);
            plan.Call(step, calls.Wait4, child, 0, 0, 0);
            AddReport(plan, step, plan.Words((ulong)index, HookReport.TooSlow));
            plan.Fail($"{step}: longer than its timeout of {seconds} s", Errno.ETIMEDOUT);
        }

        plan.Mark(inTime);
        nint told = plan.Words((ulong)index, 0), statusAt = told + sizeof(ulong);
        plan.Call(step, calls.Wait4, child, statusAt, 0, 0);
        plan.Load(status, statusAt);
        plan.Test(step, status, 0, Errno.ECHILD).Tolerating(Errno.ECHILD).OnSuccess(succeeded);
        AddReport(plan, step, told);
        plan.Fail($"{step} failed", Errno.ECHILD);
        plan.Mark(succeeded);
    }

    // A filter that stops write(2) here leaves the exit status alone to tell.
    private void AddReport(SyscallPlan plan, string step, nint told)
    {
        if (report is not null)
            plan.Call(step, SyscallNumbers.Current.Write, report.Number, told, HookReport.Size).ToleratingAll();
    }
}
