using Berth.Cli.Flags;
using Berth.Client;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth stop</c> and <c>berth restart</c>.</summary>
internal static class StopCommand
{
    /// <summary>What is asked of the engine for one container.</summary>
    private delegate Task Request(EngineClient client, string container, string? signal, int? timeoutSeconds);

    public static Command CreateStop(string path) => Create(
        path, "stop", "Stop one or more running containers", EachContainer.RunAsync,
        static (client, container, signal, timeout) => client.StopContainerAsync(container, signal, timeout));

    public static Command CreateRestart(string path) => Create(
        path, "restart", "Restart one or more containers", EachContainer.RunInOrderAsync,
        static (client, container, signal, timeout) => client.RestartContainerAsync(container, signal, timeout));

    private static Command Create(
        string path, string verb, string summary, Func<CliContext, IReadOnlyList<string>, Func<string, Task<string?>>, Task<int>> runEach, Request request)
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
            Summary = summary,
            Aliases = ["container " + verb, verb],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, names) => runEach(context, names, async name =>
            {
                await request(context.Client, name, signal, timeout);
                return name;
            }),
        };
    }
}
