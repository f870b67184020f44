using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>delete</c>: removes a container and all that belongs to it.</summary>
internal static class DeleteVerb
{
    public static Verb Verb() => new(
        "delete", "remove a stopped container and everything that belongs to it", "<container-id>", "",
        [new Flag("force", "f", FlagKind.Switch, "kill what runs first; also removes what a killed verb left, and a container that does not exist is no error")],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("delete", 1, 1);
        bool force = call.Arguments.IsOn("force");
        try
        {
            using var container = new Container(call.Options.Store.OpenLocked(ContainerName.Parse(call.Arguments.Rest[0])));
            container.Delete(force);
        }
        catch (StateException e) when (force && e.IsMissing)
        {
            RuntimeLog.Debug(e.Message);
        }

        return 0;
    }
}
