using System.Runtime.ExceptionServices;
using Berth.Linux.Processes;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;
using Berth.RuntimeHost.Terminals;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>run</c>: create, start, and (in the foreground) wait and delete.</summary>
internal static class RunVerb
{
    public static Verb Verb() => new(
        "run", "make a container and run its program", "<container-id>",
        "In the foreground, signals go to the program, and its exit status becomes this one's; the container is deleted then.",
        [
            .. LaunchOptions.Flags,
            new Flag("detach", "d", FlagKind.Switch, "return when the program runs"),
            new Flag("keep", null, FlagKind.Switch, "do not delete the container after its end"),
            new Flag("no-subreaper", null, FlagKind.Switch, "do not become the parent of orphans"),
        ],
        Run)
    {
        StartsProcess = true,
        FailurePrefix = $"{Program.Name} run failed: ",
    };

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("run", 1, 1);
        ContainerName name = ContainerName.Parse(call.Arguments.Rest[0]);
        bool detach = call.Arguments.IsOn("detach");
        bool reap = !detach && !call.Arguments.IsOn("no-subreaper");
        if (reap)
            ProcessControl.BecomeSubreaper();
        using Foreground? session = detach ? null : new Foreground(reap);
        session?.Listen();
        ContainerCreation.Made made = ContainerCreation.Create(call.Options, name, LaunchOptions.From(call.Arguments), detach);
        using (made.Process)
        {
            if (session is null)
            {
                StartOrDelete(call.Options.Store, made.Stored, name);
                return 0;
            }

            session.Adopt(made.Process.Pid, made.Process.PidFd, made.Process.TerminalMaster);
            int code = StartAndWait(session, made.Process.TerminalMaster is not null, () => StartOrDelete(call.Options.Store, made.Stored, name));
            if (!call.Arguments.IsOn("keep"))
                Delete(call.Options.Store, name);
            return code;
        }
    }

    // Gives up the lock afterwards: other verbs work on the container while it runs.
    private static void StartOrDelete(StateStore store, StoredContainer stored, ContainerName name)
    {
        using var container = new Container(stored);
        try
        {
            container.Start();
        }
        catch
        {
            container.Dispose();
            Delete(store, name);
            throw;
        }
    }

    // The start waits for the startContainer hooks, and they for somebody who reads their terminal.
    private static int StartAndWait(Foreground session, bool hasTerminal, Action start)
    {
        if (!hasTerminal)
        {
            start();
            OwnExecutable.Finish();
            session.StartReaping();
            try
            {
                return session.Wait();
            }
            finally
            {
                session.StopReaping();
            }
        }

        ExceptionDispatchInfo? failure = null;
        var starter = new Thread(() =>
        {
            try
            {
                start();
                session.StartReaping(); // not before: the hooks are over now
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        starter.Start();
        int code = session.Wait();
        starter.Join();
        session.StopReaping();
        failure?.Throw();
        return code;
    }

    private static void Delete(StateStore store, ContainerName name)
    {
        try
        {
            using var container = new Container(store.OpenLocked(name));
            container.Delete(force: true);
        }
        catch (StateException e) when (e.IsMissing)
        {
            RuntimeLog.Debug($"{name} was deleted by somebody else");
        }
    }
}
