using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>start</c>: runs the program of a created container.</summary>
internal static class StartVerb
{
    public static Verb Verb() => new(
        "start", "run the program of a created container", "<container-id>", "The container must have been made by create, and not been started yet.", [], Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("start", 1, 1);
        using var container = new Container(call.Options.Store.OpenLocked(ContainerName.Parse(call.Arguments.Rest[0])));
        container.Start();
        return 0;
    }
}
