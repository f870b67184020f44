using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth restart</c>.</summary>
internal static class RestartCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string? signal = null;
        int? timeout = null;
        flags.Text("signal", 's', "Signal to send to the container", value => signal = value);
        flags.Number("timeout", 't', "Seconds to wait before killing the container", value => timeout = Values.Int(value));
        flags.Deprecated("time", "timeout", value => timeout = Values.Int(FlagSet.ParseNumber(value)));
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [CONTAINER...]",
            Summary = "Restart one or more containers",
            Aliases = ["container restart", "restart"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, names) => EachContainer.RunInOrderAsync(context, names, async name =>
            {
                await context.Client.RestartContainerAsync(name, signal, timeout);
                return name;
            }),
        };
    }
}
