using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>kill</c>: sends a signal.</summary>
internal static class KillVerb
{
    public static Verb Verb() => new(
        "kill", "send a signal (SIGTERM when none is named) to the container's first process", "<container-id> [signal]",
        "The signal is a name, with or without SIG, or a number. SIGKILL is for every process of a container that shares the pid namespace of others.",
        [new Flag("all", "a", FlagKind.Switch, "send it to every process of the container; a stopped container is no error then")],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("kill", 1, 2);
        StoredContainer stored = call.Options.Store.Open(ContainerName.Parse(call.Arguments.Rest[0]));
        int signal = call.Arguments.Rest.Count > 1 ? SignalNames.Parse(call.Arguments.Rest[1]) : SignalNames.SIGTERM;
        using var container = new Container(stored);
        container.Kill(signal, call.Arguments.IsOn("all"));
        return 0;
    }
}
