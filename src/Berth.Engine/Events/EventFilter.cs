namespace Berth.Engine.Events;

/// <summary>Which events a listener wants; filters are met together, values of one are alternatives but for labels, which all have to be there.</summary>
/// <param name="values">Filters by name.</param>
public sealed class EventFilter(IReadOnlyDictionary<string, List<string>> values)
{
    // Each holds of every event that names such a thing, by id or name or the beginning of one; so an event about anything else is left out.
    private static readonly string[] Actors = ["container", "daemon", "plugin", "volume", "network", "node", "service", "secret", "config"];

    /// <summary>The filters there are.</summary>
    public static ReadOnlySpan<string> Names => (string[])["event", "type", "scope", "image", "label", .. Actors];

    /// <summary>Whether an event is wanted.</summary>
    public bool Includes(EngineEvent item) =>
        Fits("event", value => FitsAction(item.Action, value))
        && Fits("type", value => value == item.Type)
        && Fits("scope", static value => value == "local")
        && Actors.All(actor => Fits(actor, value => FitsActor(item, value)))
        && Fits("image", value => FitsImage(item, value))
        && (values.GetValueOrDefault("label")?.TrueForAll(value => FitsLabel(item, value)) ?? true);

    private bool Fits(string filter, Predicate<string> test) => values.GetValueOrDefault(filter) is not { Count: > 0 } wanted || wanted.Exists(test);

    // Some actions carry more behind a colon, and are wanted by their first word too.
    private static bool FitsAction(string action, string value) =>
        action == value || (value is "health_status" or "exec_create" or "exec_start" && action.StartsWith(value + ":", StringComparison.Ordinal));

    private static bool FitsActor(EngineEvent item, string value) =>
        item.ActorId.StartsWith(value, StringComparison.Ordinal) || item.Attributes.GetValueOrDefault("name", "").StartsWith(value, StringComparison.Ordinal);

    private static bool FitsImage(EngineEvent item, string value)
    {
        string name = item.Attributes.GetValueOrDefault(item.Type == "image" ? "name" : "image", "");
        return value == item.ActorId || value == name || value == WithoutTag(item.ActorId) || value == WithoutTag(name);
    }

    private static bool FitsLabel(EngineEvent item, string value)
    {
        string[] pair = value.Split('=', 2);
        return item.Attributes.TryGetValue(pair[0], out string? actual) && (pair.Length == 1 || pair[1] == actual);
    }

    private static string WithoutTag(string reference)
    {
        int colon = reference.LastIndexOf(':');
        return colon > reference.LastIndexOf('/') ? reference[..colon] : reference;
    }
}
