using System.Globalization;
using System.Text.Json;
using Berth.Client;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth history</c>.</summary>
internal sealed class HistoryCommand
{
    private string format = "";
    private bool human = true;
    private bool noTruncation;
    private bool quiet;
    private string? platform;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var history = new HistoryCommand();
        flags.Text("format", null, ListCommand.FormatUsage, value => history.format = value);
        flags.Switch("human", 'H', "Print sizes and dates in human readable format", value => history.human = value, "true");
        flags.Switch("no-trunc", null, "Don't truncate output", value => history.noTruncation = value);
        flags.Text("platform", null, "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
            value => history.platform = Values.Platform(value));
        flags.Switch("quiet", 'q', "Only show image IDs", value => history.quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE",
            Summary = "Show the history of an image",
            Aliases = ["image history", "history"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = history.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        ListFormat parsed = format switch
        {
            "" or "table" when quiet => ListFormat.Column("ID"),
            "" or "table" when human => ListFormat.Table("ID", "CreatedSince", "CreatedBy", "Size", "Comment"),
            "" or "table" => ListFormat.Table("ID", "CreatedAt", "CreatedBy", "Size", "Comment"),
            _ => ListFormat.Parse(format),
        };
        string query = platform is null ? "" : "?platform=" + Uri.EscapeDataString(platform);
        using JsonDocument history = JsonDocument.Parse(await context.Client.GetRawAsync($"/images/{EngineClient.ImagePath(arguments[0])}/history{query}"));
        context.Out.Write(parsed.Render(history.RootElement.Items().Select(item => new Row(item, !noTruncation, human)), Row.Header));
        return 0;
    }

    /// <summary>One step of an image's making; members are those of docker's formats.</summary>
    private sealed class Row(JsonElement step, bool truncate, bool human) : IFieldSource
    {
        private const int CommandWidth = 45;

        public static HeaderRow Header { get; } = new(
            ("ID", "IMAGE"),
            ("CreatedSince", "CREATED"),
            ("CreatedAt", "CREATED AT"),
            ("CreatedBy", "CREATED BY"),
            ("Size", "SIZE"),
            ("Comment", "COMMENT"));

        public string TypeName => "*image.historyContext";

        public IEnumerable<string> FieldNames => Header.Names;

        public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

        public string? GetField(string name, string argument) => name switch
        {
            "ID" => truncate ? Units.ShortId(step.Text("Id")) : step.Text("Id"),
            "CreatedSince" => human ? Units.Since(step.Number("Created")) : CreatedAt(),
            "CreatedAt" => CreatedAt(),
            "CreatedBy" => CreatedBy(step.Text("CreatedBy").Replace('\t', ' ')),
            "Size" => human ? Units.Size(step.Number("Size")) : step.Number("Size").ToString(CultureInfo.InvariantCulture),
            "Comment" => step.Text("Comment"),
            _ => null,
        };

        private string CreatedAt() => DateTimeOffset.FromUnixTimeSeconds(step.Number("Created")).ToLocalTime() is { Offset: var offset } time
            && offset == TimeSpan.Zero ? time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : DateTimeOffset.FromUnixTimeSeconds(step.Number("Created")).ToLocalTime().ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

        private string CreatedBy(string command) => truncate ? Units.Ellipsis(command, CommandWidth) : command;
    }
}
