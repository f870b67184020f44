using System.Globalization;
using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Templates;
using Berth.Cli.Formatting.Values;
using Berth.Cli.Registries;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Registries;

/// <summary><c>berth search</c>.</summary>
internal sealed class SearchCommand
{
    private readonly List<KeyValuePair<string, string>> filters = [];
    private string format = "";
    private long limit;
    private bool noTruncation;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var search = new SearchCommand();
        flags.Filter(search.filters, "Filter output based on conditions provided");
        flags.Text("format", null, "Pretty-print search using a Go template", value => search.format = value);
        flags.Number("limit", null, "Max number of search results", value => search.limit = value);
        flags.Switch("no-trunc", null, "Don't truncate output", value => search.noTruncation = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] TERM",
            Summary = "Search Docker Hub for images",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = search.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> terms)
    {
        if (filters.Exists(static filter => filter.Key == "is-automated"))
            context.Say("WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not yield any results in future.");

        List<ImageSearchHit> hits = await context.Client.SearchImagesAsync(
            new ImageSearchOptions { Term = terms[0], Limit = Values.Int(limit), Filters = filters, Auth = RegistryCredentials.Of(context, KeyOf(terms[0])) });
        ListFormat parsed = format is "" or "table" ? ListFormat.Table("Name", "Description", "StarCount", "IsOfficial") : ListFormat.Parse(format);
        bool asWords = format.Contains("json", StringComparison.Ordinal);
        context.Out.Write(parsed.Render(hits.Select(hit => new Row(hit, !noTruncation, asWords)), Row.Header));
        return 0;
    }

    // What stands before the first slash, where that looks like a host.
    private static string KeyOf(string term)
    {
        int slash = term.IndexOf('/');
        string first = slash < 0 ? "" : term[..slash];
        return first.Contains('.', StringComparison.Ordinal) || first.Contains(':', StringComparison.Ordinal) || first == "localhost" ? RegistryKey.OfServer(first) : RegistryKey.DockerHub;
    }

    /// <summary>A hit; members are those of docker's formats.</summary>
    private sealed class Row(ImageSearchHit hit, bool truncate, bool asWords) : IFieldSource
    {
        private const int DescriptionWidth = 45;

        public static HeaderRow Header { get; } = new(("Name", "NAME"), ("Description", "DESCRIPTION"), ("StarCount", "STARS"), ("IsOfficial", "OFFICIAL"));

        public string TypeName => "*registry.searchContext";

        public IEnumerable<string> FieldNames => Header.Names;

        public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

        public string? GetField(string name, string argument) => name switch
        {
            "Name" => PrintableText.Line(hit.Name),
            "Description" => Description(),
            "StarCount" => hit.StarCount.ToString(CultureInfo.InvariantCulture),
            "IsOfficial" when asWords => hit.IsOfficial ? "true" : "false",
            "IsOfficial" => hit.IsOfficial ? "[OK]" : "",
            _ => null,
        };

        private string Description()
        {
            string line = PrintableText.Line(hit.Description);
            return truncate ? Units.Ellipsis(line, DescriptionWidth) : line;
        }
    }
}
