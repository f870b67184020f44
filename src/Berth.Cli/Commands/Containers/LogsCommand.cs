using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Client;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth logs</c>.</summary>
internal sealed class LogsCommand
{
    private const int BufferBytes = 256 * 1024;

    private bool details;
    private bool follow;
    private bool timestamps;
    private string? since;
    private string? until;
    private string tail = "all";

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var logs = new LogsCommand();
        flags.Switch("details", null, "Show extra details provided to logs", value => logs.details = value);
        flags.Switch("follow", 'f', "Follow log output", value => logs.follow = value);
        flags.Text("since", null, "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)", v => logs.since = v);
        flags.Text("tail", 'n', "Number of lines to show from the end of the logs", value => logs.tail = value, defaultText: "\"all\"");
        flags.Switch("timestamps", 't', "Show timestamps", value => logs.timestamps = value);
        flags.Text("until", null, "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)", v => logs.until = v);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER",
            Summary = "Fetch the logs of a container",
            Aliases = ["container logs", "logs"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = logs.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        using ResponseStream log = await context.Client.OpenLogsAsync(arguments[0], new LogsOptions
        {
            Details = details,
            Follow = follow,
            Timestamps = timestamps,
            Tail = tail,
            Since = Timestamps.Parse("since", since),
            Until = Timestamps.Parse("until", until),
        });
        bool multiplexed = log.Multiplexed ?? !await HasTerminalAsync(context, arguments[0]);
        Copy(log, multiplexed, context);
        return 0;
    }

    private static async Task<bool> HasTerminalAsync(CliContext context, string container) =>
        (await context.Client.InspectContainerAsync(container)).Config?.Tty ?? false;

    private static void Copy(ResponseStream log, bool multiplexed, CliContext context)
    {
        Stream stdout = context.Out.Bytes;
        var frames = new FrameDemultiplexer(stdout, context.Error.Bytes);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        int count;
        while ((count = log.Read(buffer)) > 0)
        {
            if (multiplexed)
                frames.Write(buffer.AsSpan(0, count));
            else
                stdout.Write(buffer.AsSpan(0, count));
        }

        frames.Complete();
    }
}
