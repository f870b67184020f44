using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth kill</c>.</summary>
internal static class KillCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string? signal = null;
        flags.Text("signal", 's', "Signal to send to the container", value => signal = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [CONTAINER...]",
            Summary = "Kill one or more running containers",
            Aliases = ["container kill", "kill"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, names) => EachContainer.RunAsync(context, names, async name =>
            {
                await context.Client.KillContainerAsync(name, signal);
                return name;
            }),
        };
    }
}
