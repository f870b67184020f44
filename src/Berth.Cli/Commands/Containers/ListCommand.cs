using System.Text;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Templates;
using Berth.Cli.Formatting.Values;
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
        flags.Number("last", 'n', "Show n last created containers (includes all states)", value => list.last = Values.Int(value), defaultText: "-1");
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
        if (format.Length == 0 && !quiet)
            format = context.Config.PsFormat;

        bool needsSize = size || (format.Length > 0 && UsesSize());
        if (quiet && format.Length > 0)
            context.Say("WARNING: Ignoring custom format, because both --format and --quiet are set.");

        ListFormat parsed = ParseFormat();
        List<ContainerSummary> containers = await context.Client.ListContainersAsync(new ContainerListOptions
        {
            All = all || latest || last >= 0,
            Limit = latest ? 1 : last > 0 ? last : -1,
            Size = needsSize,
            Filters = filters,
        });
        context.Out.Write(parsed.Render(containers.Select(container => new ContainerRow(container, !noTruncation)), ContainerRow.Header));
        return 0;
    }

    /// <summary>Whether the template would print sizes. Like the stock CLI it finds out by a run over a container that has nothing.</summary>
    private bool UsesSize()
    {
        var row = new ContainerRow(new ContainerSummary(), truncate: false);
        try
        {
            Template template = Template.Parse(format);
            try
            {
                template.Execute(GoValue.Of(row), new StringBuilder());
            }
            catch (TemplateException exception)
            {
                throw new CommandFailedException("failed to execute template: " + exception.Message, exitCode: 1);
            }
        }
        catch (TemplateException exception)
        {
            throw new CommandFailedException("failed to parse template: " + exception.Message, exitCode: 1);
        }

        return row.SizeWasUsed;
    }

    private ListFormat ParseFormat()
    {
        string[] columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
        return format switch
        {
            "raw" when quiet => ListFormat.Parse("container_id: {{.ID}}"),
            "raw" => ListFormat.Parse("container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\n"
                + "status: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n" + (size ? "size: {{.Size}}\n" : "")),
            _ when quiet => ListFormat.Column("ID"),
            "" or "table" when size => ListFormat.Table([.. columns, "Size"]),
            "" or "table" => ListFormat.Table(columns),
            _ => ListFormat.Parse(format),
        };
    }
}
