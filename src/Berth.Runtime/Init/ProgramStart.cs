using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;

namespace Berth.Runtime.Init;

/// <summary>Steps around execve(2): the working folder, the search along PATH, and the call itself.</summary>
internal static class ProgramStart
{
    private const int X_OK = 1, SIG_SETMASK = 2, NoDescriptor = int.MaxValue, Attempts = 100;
    private static readonly ulong FolderFlags = OpenFlags.O_PATH | OpenFlags.O_DIRECTORY | OpenFlags.O_CLOEXEC;

    /// <summary>
    /// Enters the working folder. Links like /proc/self/fd/N are not followed: with a descriptor that leads outside they would leave the container
    /// (CVE-2024-21626), and no folder that an image names is reached by one.
    /// </summary>
    /// <param name="plan">Steps are added here.</param>
    /// <param name="cwd">The folder.</param>
    /// <param name="userMayDoBetter">Whether being refused is to be put up with until <see cref="AddWorkingFolderAgain"/>.</param>
    /// <returns>For <see cref="AddWorkingFolderAgain"/>.</returns>
    public static PlanRegister AddWorkingFolder(SyscallPlan plan, string cwd, bool userMayDoBetter)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        string step = StartSteps.WorkingFolder + cwd;
        PlanRegister folder = plan.NewRegister();
        if (!userMayDoBetter)
        {
            AddOpenFolder(plan, cwd, folder);
            plan.Call(step, calls.Fchdir, folder);
            plan.Call("close", calls.Close, folder);
            return folder;
        }

        PlanLabel goOn = plan.NewLabel();
        plan.Set(folder, NoDescriptor);
        AddOpenFolder(plan, cwd, folder).Tolerating(Errno.EACCES).OnError(goOn);
        plan.Call(step, calls.Fchdir, folder).Tolerating(Errno.EACCES).OnSuccess(goOn);
        plan.Call("close", calls.Close, folder);
        plan.Set(folder, NoDescriptor);
        plan.Mark(goOn);
        return folder;
    }

    /// <summary>Where root was refused the working folder (network file systems, absent capabilities), the user may not be.</summary>
    public static void AddWorkingFolderAgain(SyscallPlan plan, string cwd, PlanRegister folder)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanLabel done = plan.NewLabel();
        plan.Call("close", calls.Close, folder).ToleratingAll().OnSuccess(done);
        AddOpenFolder(plan, cwd, folder);
        plan.Call(StartSteps.WorkingFolder + cwd, calls.Fchdir, folder);
        plan.Call("close", calls.Close, folder);
        plan.Mark(done);
    }

    /// <summary>Finds the program as the new user, in the new root; the register then holds its path.</summary>
    public static PlanRegister AddSearch(SyscallPlan plan, string program, IReadOnlyList<string> environment)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        PlanRegister found = plan.NewRegister();
        if (program.Contains('/', StringComparison.Ordinal))
        {
            nint path = plan.Text(program);
            plan.Call(StartSteps.Stat + program, calls.Faccessat, MountCalls.AT_FDCWD, path, X_OK);
            plan.Set(found, path);
            return found;
        }

        PlanLabel done = plan.NewLabel();
        string search = environment.LastOrDefault(static e => e.StartsWith("PATH=", StringComparison.Ordinal))?[5..] ?? "";
        foreach (string folder in program.Length == 0 ? [] : search.Split(':'))
        {
            PlanLabel next = plan.NewLabel();
            nint path = plan.Text($"{(folder.Length == 0 ? "." : folder)}/{program}");
            plan.Call("search", calls.Faccessat, MountCalls.AT_FDCWD, path, X_OK).ToleratingAll().OnError(next);
            plan.Call("search", calls.Openat, MountCalls.AT_FDCWD, path, (nint)FolderFlags).ToleratingAll().OnSuccess(next); // a folder is no program
            plan.Set(found, path, done);
            plan.Mark(next);
        }

        plan.Fail(StartSteps.Search + program, Errno.ENOENT);
        plan.Mark(done);
        return found;
    }

    /// <summary>Unblocks signals; their actions have been set to the defaults before the first step.</summary>
    public static void AddSignals(SyscallPlan plan) =>
        plan.Call("unblocking signals", SyscallNumbers.Current.RtSigprocmask, SIG_SETMASK, plan.Words(0), 0, 8);

    /// <summary>The last step.</summary>
    public static void AddExecute(SyscallPlan plan, PlanRegister program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment) =>
        plan.Call(StartSteps.Execute + arguments[0], SyscallNumbers.Current.Execve, program, plan.Strings(arguments), plan.Strings(environment));

    // "/" first, as openat2(2) resolves in the root that a descriptor stands for.
    private static PlanStep AddOpenFolder(SyscallPlan plan, string cwd, PlanRegister folder)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        string step = StartSteps.WorkingFolder + cwd;
        nint how = plan.Words(FolderFlags, 0, (ulong)(ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS));
        PlanRegister root = plan.NewRegister();
        plan.Call(step, calls.Openat, MountCalls.AT_FDCWD, plan.Text("/"), (nint)FolderFlags).SaveTo(root);
        return plan.Call(step, calls.Openat2, root, plan.Text(cwd), how, 24).Retrying(Attempts).SaveTo(folder);
    }
}
