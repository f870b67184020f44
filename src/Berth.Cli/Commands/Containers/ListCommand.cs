using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth ps</c>.</summary>
internal sealed class ListCommand
{
    /// <summary>Help of every <c>--format</c> flag of a list.</summary>
    public const string FormatUsage = "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n"
        + "'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n"
        + "'TEMPLATE':         Print output using the given Go template.\n"
        + "Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

    private const string Columns = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

    private readonly List<KeyValuePair<string, string>> filters = [];
    private bool all;
    private string format = "";
    private int last = -1;
    private bool latest;
    private bool noTruncation;
    private bool quiet;
    private bool size;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var list = new ListCommand();
        flags.Switch("all", 'a', "Show all containers (default shows just running)", value => list.all = value);
        flags.Add(new Flag("filter", 'f', "filter", "Filter output based on conditions provided", null, text => list.filters.Add(Values.Filter(text))));
        flags.Text("format", null, FormatUsage, value => list.format = value);
        flags.Number("last", 'n', "Show n last created containers (includes all states)", value => list.last = checked((int)value), defaultText: "-1");
        flags.Switch("latest", 'l', "Show the latest created container (includes all states)", value => list.latest = value);
        flags.Switch("no-trunc", null, "Don't truncate output", value => list.noTruncation = value);
        flags.Switch("quiet", 'q', "Only display container IDs", value => list.quiet = value);
        flags.Switch("size", 's', "Display total file sizes", value => list.size = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "List containers",
            Aliases = ["container ls", "container list", "container ps", "ps"],
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = list.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        string columns = size ? Columns + "\t{{.Size}}" : Columns;
        ListFormat parsed = ListFormat.Parse(quiet && format.Length == 0 ? "{{.ID}}" : format, columns);
        List<ContainerSummary> containers = await context.Client.ListContainersAsync(new ContainerListOptions
        {
            All = all || latest || last >= 0,
            Limit = latest ? 1 : last > 0 ? last : -1,
            Size = size || format.Contains(".Size", StringComparison.Ordinal),
            Filters = filters,
        });
        context.Out.Write(parsed.Render(containers.Select(container => new ContainerRow(container, !noTruncation)), ContainerRow.Header));
        return 0;
    }
}
