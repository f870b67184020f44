using System.Text;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.RuntimeHost;

/// <summary>
/// The first process of a container with <c>--init</c>: runs the container's program as its child, hands every signal on to it, reaps what is left to it, and ends
/// as the child does. This program is bound at /sbin/docker-init there and called as <c>docker-init -- COMMAND</c>.
/// </summary>
internal static class ContainerInit
{
    private const int SIGHUP = 1, SIGSEGV = 11, SIGCHLD = 17, SIGTTIN = 21, SIGTTOU = 22;
    private const int CannotExecute = 126, NotFound = 127;

    /// <summary>Does it.</summary>
    /// <param name="command">The container's program and its arguments.</param>
    /// <returns>The exit status for this process.</returns>
    public static int Run(IReadOnlyList<string> command)
    {
        IReadOnlyList<string> environment = ReadEnvironment();
        if (!SignalQueue.IsBlocked)
            return Fail("/proc/self/exe", SignalQueue.ExecuteBlocked("/proc/self/exe", ["/sbin/docker-init", "--", .. command], environment).Message, CannotExecute);
        if (command.Count == 0)
            return Fail("nothing", "no command was given", NotFound);

        try
        {
            (int pid, FileDescriptor process) = Start(command, environment);
            using (process)
            {
                TrySleepSmall();
                return Serve(pid, process);
            }
        }
        catch (PlanFailedException e)
        {
            return Fail(command[0], LinuxException.Describe(e.Errno), e.Errno == Errno.ENOENT ? NotFound : CannotExecute);
        }
    }

    private static (int Pid, FileDescriptor Process) Start(IReadOnlyList<string> command, IReadOnlyList<string> environment)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        using var plan = new SyscallPlan();
        plan.Call("unblocking signals", calls.RtSigprocmask, 2, plan.Words(0), 0, 8);
        nint path = plan.Text(Find(command[0], environment));
        plan.Call($"execute {command[0]}", calls.Execve, path, plan.Strings(command), plan.Strings(environment));
        return ProcessSpawner.Spawn(plan);
    }

    private static int Serve(int pid, FileDescriptor process)
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
                _ = ChildProcess.Signal(process, signal.Number);
            }
        }
    }

    // What a terminal's keys send, the child has got already: it is of the same group. A terminal's end is told to the first process alone.
    private static bool IsForChild(TakenSignal signal) =>
        !signal.IsOwn && (!signal.IsFromKernel || signal.Number == SIGHUP) && signal.Number is not (SIGSEGV or SIGTTIN or SIGTTOU);

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
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            ResidentMemory.DropCleanFilePages();
        }
        catch (LinuxException)
        {
            // A container without /proc: it stays a little larger.
        }
    }

    private static string Find(string name, IReadOnlyList<string> environment)
    {
        if (name.Contains('/', StringComparison.Ordinal))
            return name;
        string folders = environment.FirstOrDefault(static entry => entry.StartsWith("PATH=", StringComparison.Ordinal))?[5..] ?? "/bin:/usr/bin";
        const UnixFileMode executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        IEnumerable<string> found = folders.Split(':').Select(folder => Path.Combine(folder.Length == 0 ? "." : folder, name)).Where(File.Exists);
        return found.FirstOrDefault(static path => (File.GetUnixFileMode(path) & executable) != UnixFileMode.None) ?? found.FirstOrDefault() ?? "/" + name;
    }

    private static string[] ReadEnvironment() => Encoding.UTF8.GetString(File.ReadAllBytes("/proc/self/environ")).Split('\0', StringSplitOptions.RemoveEmptyEntries);

    private static int Fail(string what, string why, int code)
    {
        Console.Error.WriteLine($"docker-init: exec {what} failed: {why}");
        return code;
    }
}
