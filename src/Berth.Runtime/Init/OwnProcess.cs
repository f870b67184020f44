using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;

namespace Berth.Runtime.Init;

/// <summary>Steps that write to files of the new process in the host's /proc, whatever the container has put at its own.</summary>
internal static class OwnProcess
{
    /// <summary>Adds the steps that write <paramref name="text"/> to <c>/proc/self/<paramref name="file"/></c>.</summary>
    /// <exception cref="InvalidDataException">The host's /proc is no proc.</exception>
    public static void AddWrite(SyscallPlan plan, string step, string file, string text)
    {
        PlanRegister opened = plan.NewRegister();
        AddOpen(plan, OpenProc(plan), step, file, opened);
        AddWriteAndClose(plan, step, opened, text);
    }

    /// <summary>As <see cref="AddWrite"/>, to the first of two files that exists.</summary>
    /// <exception cref="InvalidDataException">The host's /proc is no proc.</exception>
    public static void AddWriteToFirst(SyscallPlan plan, string step, string file, string otherwise, string text)
    {
        int proc = OpenProc(plan);
        PlanRegister opened = plan.NewRegister();
        PlanLabel found = plan.NewLabel();
        AddOpen(plan, proc, step, file, opened).Tolerating(Errno.ENOENT).OnSuccess(found);
        AddOpen(plan, proc, step, otherwise, opened);
        plan.Mark(found);
        AddWriteAndClose(plan, step, opened, text);
    }

    private static PlanStep AddOpen(SyscallPlan plan, int proc, string step, string file, PlanRegister opened) =>
        plan.Call(step, SyscallNumbers.Current.Openat, proc, plan.Text("self/" + file), (nint)(OpenFlags.O_WRONLY | OpenFlags.O_CLOEXEC)).SaveTo(opened);

    private static void AddWriteAndClose(SyscallPlan plan, string step, PlanRegister opened, string text)
    {
        plan.Call(step, SyscallNumbers.Current.Write, opened, plan.Text(text), Encoding.UTF8.GetByteCount(text));
        plan.Call("close", SyscallNumbers.Current.Close, opened);
    }

    // Something else mounted there would take the labels and let the container run without them (CVE-2019-16884).
    private static int OpenProc(SyscallPlan plan) => plan.Own(ProcFiles.OpenFolder("/proc"));
}
