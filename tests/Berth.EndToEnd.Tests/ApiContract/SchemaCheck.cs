using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.EndToEnd.Tests.ApiContract;

/// <summary>
/// Compares an answer with its schema: types, formats of times, enumerations, required members. Members that the schema does not know are told too, as they are mostly misspelt ones.
/// dockerd is written in Go and sends null for empty lists and maps, and for numbers and switches that were not set, whatever the schema says; events carry members of old: so may Berth.
/// </summary>
internal sealed class SchemaCheck(JsonObject definitions)
{
    private static readonly HashSet<string> MayBeNull = new(StringComparer.Ordinal) { "MemorySwappiness", "OomKillDisable", "ExitCode" };
    private static readonly HashSet<string> Old = new(StringComparer.Ordinal) { "status", "id", "from" };

    private readonly List<string> wrong = [];

    /// <summary>What is wrong, a line each; empty when nothing is.</summary>
    public static IReadOnlyList<string> Compare(JsonObject definitions, JsonObject schema, JsonNode? answer, string name)
    {
        var check = new SchemaCheck(definitions);
        check.Check(schema, answer, name);
        return check.wrong;
    }

    private void Check(JsonObject schema, JsonNode? value, string where)
    {
        schema = Resolve(schema);
        string? type = Type(schema);
        if (value is null)
        {
            if (!IsTrue(schema, "x-nullable") && !MayBeNull.Contains(where[(where.LastIndexOf('.') + 1)..]) && type is not ("array" or "object" or null))
                wrong.Add($"{where} is null, wanted {type}");
            return;
        }

        switch (type)
        {
            case "object":
                if (value is JsonObject members)
                    CheckObject(schema, members, where);
                else
                    Mismatch(where, value, type);
                break;
            case "array":
                if (value is not JsonArray items)
                    Mismatch(where, value, type);
                else if (schema["items"] is JsonObject item)
                    for (int i = 0; i < items.Count; i++)
                        Check(item, items[i], $"{where}[{i}]");
                break;
            default:
                CheckScalar(schema, value, type, where);
                break;
        }
    }

    private void CheckObject(JsonObject schema, JsonObject value, string where)
    {
        var known = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        bool open = false;
        Collect(schema, known, ref open, out List<string> required, out JsonObject? additional);
        // A required member that is described nowhere (UnpackedSize of an image's manifest) is the contract's own mistake.
        foreach (string name in required.Where(name => known.ContainsKey(name) && !value.ContainsKey(name)))
            wrong.Add($"{where} has no {name}");
        foreach ((string name, JsonNode? member) in value)
        {
            if (known.TryGetValue(name, out JsonObject? own))
                Check(own, member, $"{where}.{name}");
            else if (additional is not null)
                Check(additional, member, $"{where}[\"{name}\"]");
            else if (!open && known.Count > 0 && !(known.ContainsKey("Actor") && Old.Contains(name)))
                wrong.Add($"{where} has {name}, which the contract does not know");
        }
    }

    private void Collect(JsonObject schema, Dictionary<string, JsonObject> known, ref bool open, out List<string> required, out JsonObject? additional)
    {
        required = [];
        additional = schema["additionalProperties"] as JsonObject;
        open |= schema["additionalProperties"] is JsonValue;
        foreach ((string name, JsonNode? member) in schema["properties"]?.AsObject() ?? [])
            known[name] = member!.AsObject(); // every property is described by an object
        required.AddRange((schema["required"] as JsonArray ?? []).Select(static name => name!.GetValue<string>()));
        foreach (JsonNode? part in schema["allOf"] as JsonArray ?? [])
        {
            Collect(Resolve(part!.AsObject()), known, ref open, out List<string> more, out JsonObject? other);
            required.AddRange(more);
            additional ??= other;
        }
    }

    private void CheckScalar(JsonObject schema, JsonNode value, string? type, string where)
    {
        JsonValueKind kind = value.GetValueKind();
        bool fits = type switch
        {
            "string" => kind == JsonValueKind.String,
            "boolean" => kind is JsonValueKind.True or JsonValueKind.False,
            "integer" => kind == JsonValueKind.Number && long.TryParse(value.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            "number" => kind == JsonValueKind.Number,
            _ => true,
        };
        if (!fits)
            Mismatch(where, value, type);
        else if (kind == JsonValueKind.String && schema["enum"] is JsonArray words && !words.Any(word => (word?.GetValue<string>() ?? "") == value.GetValue<string>()))
            wrong.Add($"{where} is \"{value}\", wanted one of {words.ToJsonString()}");
        else if ((string?)schema["format"] is "dateTime" or "date-time" && !DateTimeOffset.TryParse(value.GetValue<string>(), CultureInfo.InvariantCulture, out _))
            wrong.Add($"{where} is \"{value}\", wanted a time");
    }

    private void Mismatch(string where, JsonNode value, string? type) => wrong.Add($"{where} is {value.ToJsonString()}, wanted {type}");

    private JsonObject Resolve(JsonObject schema)
    {
        while ((string?)schema["$ref"] is { } reference)
            schema = definitions[reference["#/definitions/".Length..]]?.AsObject() ?? throw new InvalidDataException($"the contract has no {reference}");
        return schema;
    }

    private static string? Type(JsonObject schema) =>
        (string?)schema["type"] ?? (schema.ContainsKey("properties") || schema.ContainsKey("allOf") || schema.ContainsKey("additionalProperties") ? "object" : null);

    private static bool IsTrue(JsonObject schema, string name) => schema[name] is JsonValue value && value.TryGetValue(out bool set) && set;
}
