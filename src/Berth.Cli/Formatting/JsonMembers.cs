using System.Text.Json;

namespace Berth.Cli.Formatting;

/// <summary>Members of answers that are read without a type of their own; what is missing or null has Go's zero value.</summary>
internal static class JsonMembers
{
    public static string Text(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.String ? member.GetString()! : ""; // a string token is never null

    public static long Number(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.Number && member.TryGetInt64(out long value) ? value : 0;

    public static bool Flag(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.True;

    /// <summary>The items of an array; none when it is null or missing.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement member) ? member.Items() : [];

    /// <inheritdoc cref="Items(JsonElement, string)"/>
    public static IEnumerable<JsonElement> Items(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : Enumerable.Empty<JsonElement>();

    /// <summary>The members of an object of strings; none when it is null or missing.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Pairs(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement member) && member.ValueKind == JsonValueKind.Object
            ? member.EnumerateObject().Select(item => new KeyValuePair<string, string>(item.Name, item.Value.GetString() ?? ""))
            : [];
}
