using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth events</c>.</summary>
internal sealed class EventsCommand
{
    private const long TicksPerSecond = 1_000_000_000;

    private readonly List<KeyValuePair<string, string>> filters = [];
    private string format = "";
    private string? since;
    private string? until;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var events = new EventsCommand();
        flags.Filter(events.filters, "Filter output based on conditions provided");
        flags.Text("format", null, ObjectFormat.Usage, value => events.format = value);
        flags.Text("since", null, "Show all events created since timestamp", value => events.since = value);
        flags.Text("until", null, "Stream events until this timestamp", value => events.until = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Get real time events from the server",
            Aliases = ["system events", "events"],
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => events.RunAsync(context),
        };
    }

    private async Task<int> RunAsync(CliContext context)
    {
        ObjectFormat? template = format.Length == 0 ? null : ParseFormat();
        using ResponseStream stream = await context.Client.OpenEventsAsync(Timestamps.Parse(null, since), Timestamps.Parse(null, until), filters);
        stream.ReadLines(line =>
        {
            using JsonDocument document = JsonDocument.Parse(line.ToArray());
            context.Out.Write(template is null ? Text(document.RootElement) : Render(template, document.RootElement));
            context.Out.Flush(); // whoever reads this waits for each event
        });
        return 0;
    }

    private ObjectFormat ParseFormat()
    {
        try
        {
            ObjectFormat parsed = ObjectFormat.Parse(format);
            using JsonDocument nothing = JsonDocument.Parse("{}");
            Render(parsed, nothing.RootElement); // what no event has is told before one comes
            return parsed;
        }
        catch (CommandFailedException exception)
        {
            throw new CommandFailedException(exception.Message.Replace("template parsing error:", "Error parsing format:", StringComparison.Ordinal), exception.ExitCode);
        }
    }

    private static string Render(ObjectFormat template, JsonElement occurrence)
    {
        string text = template.Render(occurrence, "*events.Message", out string? error);
        return error is null ? text + "\n" : throw new CommandFailedException("Error parsing format: " + error, exitCode: 64);
    }

    private static string Text(JsonElement occurrence)
    {
        long nanoseconds = occurrence.Number("timeNano");
        var text = new StringBuilder();
        if (nanoseconds != 0 || occurrence.Number("time") != 0)
            text.Append(Time(nanoseconds != 0 ? nanoseconds : occurrence.Number("time") * TicksPerSecond)).Append(' ');

        occurrence.TryGetProperty("Actor", out JsonElement actor);
        text.Append(occurrence.Text("Type")).Append(' ').Append(occurrence.Text("Action")).Append(' ').Append(actor.Text("ID"));
        string[] attributes = [.. actor.Pairs("Attributes").OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}")];
        if (attributes.Length > 0)
            text.Append(" (").AppendJoin(", ", attributes).Append(')');

        return text.Append('\n').ToString();
    }

    /// <summary>RFC 3339 in the local zone with all nine decimals.</summary>
    private static string Time(long nanoseconds)
    {
        long seconds = Math.DivRem(nanoseconds, TicksPerSecond, out long rest);
        DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(seconds).ToLocalTime();
        string zone = time.Offset == TimeSpan.Zero ? "Z" : time.ToString("zzz", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{time:yyyy-MM-dd'T'HH:mm:ss}.{rest:D9}{zone}");
    }
}
