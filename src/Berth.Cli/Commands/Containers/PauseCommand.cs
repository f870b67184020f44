using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth pause</c> and <c>berth unpause</c>.</summary>
internal static class PauseCommand
{
    public static Command CreatePause(string path) =>
        Create(path, "pause", "Pause all processes within one or more containers", (context, name) => context.Client.PauseContainerAsync(name));

    public static Command CreateUnpause(string path) =>
        Create(path, "unpause", "Unpause all processes within one or more containers", (context, name) => context.Client.UnpauseContainerAsync(name));

    private static Command Create(string path, string verb, string summary, Func<CliContext, string, Task> operation) => new()
    {
        Path = path,
        Usage = "CONTAINER [CONTAINER...]",
        Summary = summary,
        Aliases = ["container " + verb, verb],
        Flags = new FlagSet(),
        Arguments = ArgumentCount.AtLeast(1),
        RunAsync = (context, names) => EachContainer.RunAsync(context, names, async name =>
        {
            await operation(context, name);
            return name;
        }),
    };
}
