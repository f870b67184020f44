using System.Globalization;
using Berth.Cli.Flags;
using Berth.Client;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth wait</c>.</summary>
internal static class WaitCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "CONTAINER [CONTAINER...]",
        Summary = "Block until one or more containers stop, then print their exit codes",
        Aliases = ["container wait", "wait"],
        Flags = new FlagSet(),
        Arguments = ArgumentCount.AtLeast(1),
        RunAsync = (context, names) => EachContainer.RunAsync(context, names, async name =>
        {
            using PendingWait wait = await context.Client.WaitContainerAsync(name, condition: null);
            return (await wait.GetExitCodeAsync()).ToString(CultureInfo.InvariantCulture);
        }),
    };
}
