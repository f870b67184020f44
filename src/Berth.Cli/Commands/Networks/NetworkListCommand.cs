using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Networks;

/// <summary><c>berth network ls</c>: sorted by name, numbers within by their value.</summary>
internal sealed class NetworkListCommand
{
    private readonly List<KeyValuePair<string, string>> filters = [];
    private string format = "";
    private bool noTruncation;
    private bool quiet;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var list = new NetworkListCommand();
        flags.Filter(list.filters, "Provide filter values (e.g. \"driver=bridge\")");
        flags.Text("format", null, ListCommand.FormatUsage, value => list.format = value);
        flags.Switch("no-trunc", null, "Do not truncate the output", value => list.noTruncation = value);
        flags.Switch("quiet", 'q', "Only display network IDs", value => list.quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "List networks",
            Aliases = ["network ls", "network list"],
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => list.RunAsync(context),
        };
    }

    private async Task<int> RunAsync(CliContext context)
    {
        List<NetworkInspect> networks = await context.Client.ListNetworksAsync(filters);
        if (format.Length == 0 && !quiet)
            format = context.Config.NetworksFormat;

        IEnumerable<NetworkRow> rows = networks.OrderBy(network => network.Name, NaturalOrder.Instance).Select(network => new NetworkRow(network, !noTruncation));
        context.Out.Write(ParseFormat().Render(rows, NetworkRow.Header));
        return 0;
    }

    private ListFormat ParseFormat() => format switch
    {
        "" or "table" when quiet => ListFormat.Column("ID"),
        "" or "table" => ListFormat.Table("ID", "Name", "Driver", "Scope"),
        "raw" when quiet => ListFormat.Parse("network_id: {{.ID}}"),
        "raw" => ListFormat.Parse("network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"),
        _ => ListFormat.Parse(format),
    };
}
