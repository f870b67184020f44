using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Init;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;
using Berth.RuntimeHost.Terminals;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>exec</c>: adds a process to a running container.</summary>
internal static class ExecVerb
{
    private const int Failure = 255;

    public static Verb Verb() => new(
        "exec", "run another program in a running container", "<container-id> <command> [argument...]  || --process process.json <container-id>",
        "Without --process, the program runs as the container's own does (environment, user, capabilities, limits), but for what the flags change.",
        [
            new Flag("console-socket", null, FlagKind.Text, "a unix socket that gets the master of the process's terminal"),
            new Flag("cwd", null, FlagKind.Text, "the working folder in the container"),
            new Flag("env", "e", FlagKind.Texts, "add an environment variable, NAME=value"),
            new Flag("tty", "t", FlagKind.Switch, "give it a terminal"),
            new Flag("user", "u", FlagKind.Text, "numbers to run as, uid[:gid]"),
            new Flag("additional-gids", "g", FlagKind.Texts, "add a supplementary group, by number"),
            new Flag("process", "p", FlagKind.Text, "a file with the whole process as JSON, as in config.json"),
            new Flag("detach", "d", FlagKind.Switch, "return when the program runs"),
            new Flag("pid-file", null, FlagKind.Text, "write the process's id to this file"),
            new Flag("process-label", null, FlagKind.Text, "the SELinux label of the process"),
            new Flag("apparmor", null, FlagKind.Text, "the AppArmor profile of the process"),
            new Flag("no-new-privs", null, FlagKind.Switch, "the process and its children gain no privileges by execve"),
            new Flag("cap", "c", FlagKind.Texts, "add a capability, CAP_NAME"),
            new Flag("preserve-fds", null, FlagKind.Number, "hand on this many descriptors after 0, 1 and 2", "0"),
            new Flag("cgroup", null, FlagKind.Text, "run it in an existing cgroup below the container's"),
            new Flag("ignore-paused", null, FlagKind.Switch, "also in a paused container: the process waits until it is resumed"),
            new Flag("no-subreaper", null, FlagKind.Switch, "do not become the parent of orphans"),
        ],
        Run)
    {
        StartsProcess = true,
        FailureCode = Failure,
        FailurePrefix = "exec failed: ",
    };

    private static int Run(VerbCall call)
    {
        Arguments arguments = call.Arguments;
        arguments.Expect("exec", 1);
        using var container = new Container(call.Options.Store.Open(ContainerName.Parse(arguments.Rest[0])));
        using FileDescriptor pinned = container.OpenProcess() ?? throw new StateException("cannot exec in a stopped container");
        if (container.Cgroup is { IsFrozen: true } && !arguments.IsOn("ignore-paused"))
            throw new StateException("cannot exec in a paused container (use --ignore-paused to override)");
        SeccompFilter? filter = RuntimeLog.IsDebug ? null : container.TryLoadFilter();
        RuntimeSpec spec = container.LoadSpec(withSeccomp: filter is null);
        ProcessSpec process = ExecProcess.From(arguments, spec);
        SeccompLog.UnknownCalls(spec);
        bool detach = arguments.IsOn("detach");
        if (process is { Terminal: true, ConsoleSize: null } && !detach && Foreground.OwnSize() is { } size)
            process = process with { ConsoleSize = new ConsoleSize(size.Rows, size.Columns) }; // from its first moment on
        using ConsoleSocket? console = ConsoleSocket.Connect(arguments.Text("console-socket"), process.Terminal, detach);
        bool reap = !detach && !arguments.IsOn("no-subreaper");
        if (reap)
            ProcessControl.BecomeSubreaper();

        var target = new ExecTarget { Id = container.Id, Bundle = container.State.Bundle, Pid = container.State.Pid, PidFd = pinned, Spec = spec, Cgroup = container.Cgroup, Filter = filter };
        using Foreground? session = detach ? null : new Foreground(reap);
        if (process.Terminal)
            session?.Listen();
        else
            session?.ListenInPlace();
        using StartedProcess started = ContainerExec.Start(
            target, process, user: null, process.Terminal ? ProcessStdio.Terminal : new ProcessStdio(0, 1, 2),
            new ExecOptions { PreserveFds = LaunchOptions.Descriptors(arguments), SubCgroup = arguments.Text("cgroup"), Meanwhile = OwnExecutable.Finish });
        try
        {
            if (console is not null && started.TerminalMaster is { } master)
                console.Send(master);
            PidFile.Write(arguments.Text("pid-file"), started.Pid);
        }
        catch
        {
            _ = Linux.Signals.ChildProcess.Signal(started.PidFd, SignalNames.SIGKILL); // nobody knows of it
            throw;
        }

        if (session is null)
            return 0;
        session.Adopt(started.Pid, started.PidFd, started.TerminalMaster);
        session.StartReaping();
        return session.Wait();
    }
}
