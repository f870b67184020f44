using System.Text;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth stats</c>.</summary>
internal sealed class StatsCommand
{
    private const string Home = "\u001b[H";
    private const string ClearLine = " \u001b[K";
    private const string ClearBelow = "\u001b[J";
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(500);

    private bool all;
    private string format = "";
    private bool noStream;
    private bool noTruncation;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var stats = new StatsCommand();
        flags.Switch("all", 'a', "Show all containers (default shows just running)", value => stats.all = value);
        flags.Text("format", null, ListCommand.FormatUsage, value => stats.format = value);
        flags.Switch("no-stream", null, "Disable streaming stats and only pull the first result", value => stats.noStream = value);
        flags.Switch("no-trunc", null, "Do not truncate output", value => stats.noTruncation = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] [CONTAINER...]",
            Summary = "Display a live stream of container(s) resource usage statistics",
            Aliases = ["container stats", "stats"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(0),
            RunAsync = stats.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> containers)
    {
        ListFormat parsed = ParseFormat(context.Config.StatsFormat);
        using var board = new StatsBoard(context.Client);
        bool follow = containers.Count == 0;
        if (follow && !noStream)
            board.FollowContainers(all); // before the list, so that none is missed in between

        foreach (string name in follow ? await ListAsync(context.Client) : containers)
            board.Add(name, noStream, isAsked: !follow);

        board.WaitForFirst();
        if (board.Errors is { Count: > 0 } errors)
            throw new CommandFailedException(string.Join('\n', errors), exitCode: 1);

        if (noStream)
        {
            context.Out.Write(Render(parsed, board));
            return 0;
        }

        do
        {
            context.Out.Write(Frame(Render(parsed, board)));
            context.Out.Flush();
        }
        while (!board.WaitForEnd(RedrawInterval));
        return board.Failure is { } failure ? throw new CommandFailedException(failure, exitCode: 1) : 0;
    }

    private async Task<IEnumerable<string>> ListAsync(EngineClient client) =>
        (await client.ListContainersAsync(new ContainerListOptions { All = all, Limit = -1, Size = false, Filters = [] })).Select(container => Units.ShortId(container.Id));

    private string Render(ListFormat parsed, StatsBoard board) =>
        parsed.Render(board.Rows().Select(row => new StatsRow(row.Name, row.Stats, !noTruncation)), StatsRow.Header);

    /// <summary>Over what the terminal shows, line by line: a screen that is wiped first would flicker.</summary>
    private static string Frame(string text)
    {
        var frame = new StringBuilder(Home);
        foreach (string line in text.Split('\n'))
            frame.Append(line).Append(ClearLine).Append('\n');

        return frame.Append(ClearBelow).ToString();
    }

    private ListFormat ParseFormat(string configured) => (format.Length == 0 ? configured : format) switch
    {
        "" or "table" => ListFormat.Table(StatsRow.DefaultColumns),
        var own => ListFormat.Parse(own),
    };
}
