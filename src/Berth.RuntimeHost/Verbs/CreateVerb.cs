using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>create</c>: makes a container whose program waits for <c>start</c>.</summary>
internal static class CreateVerb
{
    public static Verb Verb() => new(
        "create", "make a container; start runs its program", "<container-id>",
        "The bundle is a folder with config.json, which names the root file system. The id must not be in use below --root.", LaunchOptions.Flags, Run)
    {
        StartsProcess = true,
        FailurePrefix = $"{Program.Name} create failed: ",
    };

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("create", 1, 1);
        ContainerName name = ContainerName.Parse(call.Arguments.Rest[0]);
        ContainerCreation.Create(call.Options, name, LaunchOptions.From(call.Arguments), detach: true).Dispose();
        return 0;
    }
}
