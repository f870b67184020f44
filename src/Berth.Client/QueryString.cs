using System.Text;
using System.Text.Json;
using Berth.Api;

namespace Berth.Client;

/// <summary>A path with query parameters, percent-encoded.</summary>
internal struct QueryString
{
    private readonly StringBuilder text;
    private bool hasQuery;

    public QueryString(string path) => text = new StringBuilder(path);

    /// <summary>Adds a parameter unless its value is null or empty.</summary>
    public void Add(string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
            return;

        text.Append(hasQuery ? '&' : '?').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        hasQuery = true;
    }

    /// <summary>Adds <c>name=1</c> when set.</summary>
    public void Add(string name, bool value) => Add(name, value ? "1" : null);

    /// <summary>Adds filters in the API's form, a JSON object of sets, sorted.</summary>
    public void Add(string name, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        if (filters.Count == 0)
            return;

        var sets = new Dictionary<string, Dictionary<string, bool>>(StringComparer.Ordinal);
        foreach ((string key, string value) in filters.OrderBy(static filter => filter.Key, StringComparer.Ordinal).ThenBy(static filter => filter.Value, StringComparer.Ordinal))
        {
            if (!sets.TryGetValue(key, out Dictionary<string, bool>? set))
                sets[key] = set = new Dictionary<string, bool>(StringComparer.Ordinal);

            set[value] = true;
        }

        Add(name, JsonSerializer.Serialize(sets, ApiJson.Context.DictionaryStringDictionaryStringBoolean));
    }

    public override readonly string ToString() => text.ToString();
}
