using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Runtime.Host;

namespace Berth.RuntimeHost;

/// <summary>
/// The first process of a container with an init: runs the container's program as its child, hands every signal on to it, reaps what is left to it, and ends as
/// the child does. This program is bound at /sbin/docker-init there and called as <c>docker-init -- COMMAND</c>, with all signals blocked: a runtime has threads before
/// its first line, which could only have them blocked from the beginning.
/// </summary>
internal static class ContainerInit
{
    private const int SIG_SETMASK = 2, AT_FDCWD = -100, X_OK = 1;
    private const nint TIOCSPGRP = 0x5410;
    private const int SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGCHLD = 17, SIGTTIN = 21, SIGTTOU = 22, SIGSYS = 31;
    private const int CannotExecute = 126, NotFound = 127;

    /// <summary>Does it.</summary>
    /// <param name="command">The container's program and its arguments.</param>
    /// <returns>The exit status for this process.</returns>
    public static int Run(IReadOnlyList<string> command)
    {
        if (!SignalQueue.IsBlocked)
            return Fail("this is the first process of a container that was started with --init; it cannot be started in any other way", NotFound);
        if (command.Count == 0)
            return Fail("no command was given", NotFound);

        try
        {
            int pid = Start(command, ReadEnvironment());
            TrySleepSmall();
            return Serve(pid);
        }
        catch (PlanFailedException e)
        {
            return Fail($"exec {command[0]} failed: {LinuxException.Describe(e.Errno)}", e.Errno == Errno.ENOENT ? NotFound : CannotExecute);
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            return Fail(e.Message, CannotExecute);
        }
    }

    private static int Start(IReadOnlyList<string> command, string[] environment)
    {
        try
        {
            return Spawn(command, command, environment);
        }
        catch (PlanFailedException e) when (e.Errno == Errno.ENOEXEC)
        {
            // As execvp(3) does: a script whose first line names no interpreter. The shell would look for it in the working folder alone.
            return Spawn(["/bin/sh"], ["/bin/sh", Found(command[0], environment), .. command.Skip(1)], environment);
        }
    }

    private static int Spawn(IReadOnlyList<string> program, IReadOnlyList<string> arguments, string[] environment)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        using var plan = new SyscallPlan();
        PlanRegister path = AddSearch(plan, program[0], environment), pid = plan.NewRegister();

        // A group of its own, so that `kill -- -$$` of a script does not reach this process, and what a terminal's keys send reaches the child alone.
        plan.Call("own process group", calls.Setpgid, 0, 0);
        plan.Call("own process group", calls.Getpid).SaveTo(pid);
        plan.Call("own process group", calls.Ioctl, 0, TIOCSPGRP, plan.AddressOf(pid)).ToleratingAll(); // the standard input is a terminal or is none
        plan.Call("unblocking signals", calls.RtSigprocmask, SIG_SETMASK, plan.Words(0), 0, 8);
        plan.Call("execute", calls.Execve, path, plan.Strings(arguments), plan.Strings(environment));
        (int child, FileDescriptor pidFd) = ProcessSpawner.Spawn(plan);
        pidFd.Dispose(); // nobody else reaps it: its id is its own until this process has
        return child;
    }

    private static PlanRegister AddSearch(SyscallPlan plan, string program, string[] environment)
    {
        PlanRegister found = plan.NewRegister();
        if (program.Contains('/', StringComparison.Ordinal))
        {
            plan.Set(found, plan.Text(program));
            return found;
        }

        PlanLabel done = plan.NewLabel();
        foreach (string candidate in Candidates(program, environment))
        {
            PlanLabel next = plan.NewLabel();
            nint path = plan.Text(candidate);
            plan.Call("search", SyscallNumbers.Current.Faccessat, AT_FDCWD, path, X_OK).ToleratingAll().OnError(next);
            plan.Call("search", SyscallNumbers.Current.Openat, AT_FDCWD, path, (nint)(OpenFlags.O_PATH | OpenFlags.O_DIRECTORY | OpenFlags.O_CLOEXEC)).ToleratingAll().OnSuccess(next); // a folder is no program
            plan.Set(found, path, done);
            plan.Mark(next);
        }

        plan.Fail("search", Errno.ENOENT);
        plan.Mark(done);
        return found;
    }

    private static string Found(string program, string[] environment) =>
        program.Contains('/', StringComparison.Ordinal) ? program : Candidates(program, environment).FirstOrDefault(File.Exists, program);

    private static IEnumerable<string> Candidates(string program, string[] environment)
    {
        string folders = Array.FindLast(environment, static entry => entry.StartsWith("PATH=", StringComparison.Ordinal))?[5..] ?? "/bin:/usr/bin";
        return folders.Split(':').Select(folder => $"{(folder.Length == 0 ? "." : folder)}/{program}");
    }

    private static int Serve(int pid)
    {
        while (true)
        {
            TakenSignal signal = SignalQueue.Take();
            if (signal.Number == SIGCHLD)
            {
                if (Reap(pid) is { } end)
                    return end.ShellCode;
            }
            else if (IsForChild(signal))
            {
                _ = ChildProcess.TrySignal(pid, signal.Number); // refused when the child has become another user: it could not have been reached from here without an init either
            }
        }
    }

    // Not what this process's own threads, or its own mistakes, cause. SIGTTIN and SIGTTOU tell a group that it may not use the terminal: that is this one's alone.
    private static bool IsForChild(TakenSignal signal) =>
        !signal.IsOwn && signal.Number is not (SIGILL or SIGTRAP or SIGABRT or SIGBUS or SIGFPE or SIGSEGV or SIGSYS or SIGTTIN or SIGTTOU);

    // All that have ended: one SIGCHLD may stand for several.
    private static ProcessEnd? Reap(int pid)
    {
        ProcessEnd? own = null;
        for (int ended; (ended = ChildProcess.PeekEnded()) != 0;)
        {
            ProcessEnd? end = ChildProcess.TryReap(ended);
            own = ended == pid ? end : own;
        }

        return own;
    }

    // It mostly waits from now on: what its start needed is given back.
    private static void TrySleepSmall()
    {
        try
        {
            UnusedMemory.Return();
        }
        catch (LinuxException)
        {
            // /proc is not to be read here: it stays a little larger.
        }
    }

    private static string[] ReadEnvironment() =>
        Encoding.UTF8.GetString(File.ReadAllBytes("/proc/self/environ")).Split('\0', StringSplitOptions.RemoveEmptyEntries);

    private static int Fail(string why, int code)
    {
        Console.Error.WriteLine($"docker-init: {why}");
        return code;
    }
}
