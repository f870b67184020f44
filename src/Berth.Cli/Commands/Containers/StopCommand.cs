using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth stop</c>.</summary>
internal static class StopCommand
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
            Summary = "Stop one or more running containers",
            Aliases = ["container stop", "stop"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, names) => EachContainer.RunAsync(context, names, async name =>
            {
                await context.Client.StopContainerAsync(name, signal, timeout);
                return name;
            }),
        };
    }
}
