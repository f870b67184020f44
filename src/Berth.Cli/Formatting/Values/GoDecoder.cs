using System.Text.Json;

namespace Berth.Cli.Formatting.Values;

/// <summary>JSON to values, as Go's encoding/json does it.</summary>
internal static class GoDecoder
{
    /// <summary>A document in the shape of a type: what JSON lacks is zero, what the type lacks is dropped.</summary>
    public static GoValue Decode(JsonElement json, GoType type)
    {
        if (json.ValueKind == JsonValueKind.Null)
            return GoValue.Zero(type);

        return (type.Kind, json.ValueKind) switch
        {
            (GoKind.Interface, _) => DecodeAny(json, exactNumbers: false),
            (GoKind.Pointer, _) => new GoValue(type, Decode(json, type.Element!)), // pointers, slices and maps have elements
            (_, JsonValueKind.String) when type == GoType.Time => new GoValue(type, GoTime.Parse(json.GetString()!) ?? GoTime.Zero), // the kind was checked
            (GoKind.Bool, JsonValueKind.True or JsonValueKind.False) => new GoValue(type, json.GetBoolean()),
            (GoKind.String, JsonValueKind.String) => new GoValue(type, json.GetString()),
            (GoKind.Int, JsonValueKind.Number) when json.TryGetInt64(out long number) => new GoValue(type, number),
            (GoKind.Uint, JsonValueKind.Number) when json.TryGetUInt64(out ulong number) => new GoValue(type, number),
            (GoKind.Slice, JsonValueKind.String) when type.Element == GoSchema.Get("uint8") && json.TryGetBytesFromBase64(out byte[]? bytes) =>
                new GoValue(type, bytes.Select(item => new GoValue(type.Element, (ulong)item)).ToArray()),
            (GoKind.Slice, JsonValueKind.Array) => DecodeSlice(json, type),
            (GoKind.Map, JsonValueKind.Object) => new GoValue(type, Sort(json.EnumerateObject()
                .Select(member => new GoEntry(new GoValue(type.Key!, member.Name), Decode(member.Value, type.Element!))))),
            (GoKind.Struct, JsonValueKind.Object) => DecodeStruct(json, type),
            _ => GoValue.Zero(type),
        };
    }

    /// <summary>A document of any shape: maps, slices and plain values inside interfaces.</summary>
    /// <param name="json">The document.</param>
    /// <param name="exactNumbers">Numbers stay the text they are (json.Number); otherwise they are floats.</param>
    public static GoValue DecodeAny(JsonElement json, bool exactNumbers) => new(GoType.Any, json.ValueKind switch
    {
        JsonValueKind.String => GoValue.Of(json.GetString()!), // the kind was checked
        JsonValueKind.True => GoValue.Of(true),
        JsonValueKind.False => GoValue.Of(false),
        JsonValueKind.Number when exactNumbers => new GoValue(GoType.JsonNumber, json.GetRawText()),
        JsonValueKind.Number => new GoValue(GoType.Float, json.GetDouble()),
        JsonValueKind.Array => new GoValue(GoType.AnySlice, json.EnumerateArray().Select(item => DecodeAny(item, exactNumbers)).ToArray()),
        JsonValueKind.Object => new GoValue(GoType.AnyMap, Sort(json.EnumerateObject()
            .Select(member => new GoEntry(GoValue.Of(member.Name), DecodeAny(member.Value, exactNumbers))))),
        _ => null,
    });

    private static GoValue DecodeSlice(JsonElement json, GoType type)
    {
        GoValue[] items = [.. json.EnumerateArray().Select(item => Decode(item, type.Element!))]; // slices have elements
        if (type.Length >= 0 && items.Length != type.Length)
            items = [.. items.Take(type.Length), .. Enumerable.Repeat(GoValue.Zero(type.Element!), Math.Max(0, type.Length - items.Length))];

        return new GoValue(type, items);
    }

    private static GoValue DecodeStruct(JsonElement json, GoType type) =>
        new(type, type.Fields.Select(field => DecodeField(json, field)).ToArray());

    private static GoValue DecodeField(JsonElement json, GoField field)
    {
        GoType type = field.Type.Value;
        if (field.IsEmbedded)
        {
            // A pointer to an embedded structure is made once JSON has one of its members.
            bool present = type.Kind != GoKind.Pointer || type.Element!.Fields.Any(inner => inner.IsEmbedded || json.TryGetProperty(inner.JsonName, out _));
            return present ? Decode(json, type) : GoValue.Zero(type);
        }

        return field.JsonName != "-" && TryGet(json, field.JsonName, out JsonElement member) ? Decode(member, type) : GoValue.Zero(type);
    }

    /// <summary>The member of that name; failing that, one that differs in case only.</summary>
    private static bool TryGet(JsonElement json, string name, out JsonElement member)
    {
        if (json.TryGetProperty(name, out member))
            return true;

        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (string.Equals(property.Name, name, StringComparison.OrdinalIgnoreCase))
            {
                member = property.Value;
                return true;
            }
        }

        return false;
    }

    /// <summary>By key; of equal keys the last one counts.</summary>
    private static GoEntry[] Sort(IEnumerable<GoEntry> entries)
    {
        var unique = new SortedDictionary<string, GoEntry>(StringComparer.Ordinal);
        foreach (GoEntry entry in entries)
            unique[entry.Key.Text] = entry;

        return [.. unique.Values];
    }
}
