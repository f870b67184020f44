using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Berth.Cli.Formatting.Templates;

/// <summary>A part of a JSON document with the name of the member it came from, which says how Go would have typed it.</summary>
internal sealed record JsonValue(JsonElement Element, string Name);

/// <summary>What Go's fmt and text/template do with values.</summary>
internal static class TemplateValues
{
    // Members of the API that are maps; every other object is a structure and prints differently.
    private static readonly HashSet<string> Maps = new(StringComparer.Ordinal)
    {
        "Labels", "Volumes", "ExposedPorts", "PortBindings", "Ports", "Networks", "Data", "Annotations", "StorageOpt", "Tmpfs", "Sysctls",
        "Options", "DriverOpts", "IndexConfigs", "Runtimes", "Details", "EndpointsConfig", "LogOpts", "",
    };

    // Members that are pointers to plain values: null prints as a nil pointer.
    private static readonly HashSet<string> Pointers = new(StringComparer.Ordinal)
    {
        "MemorySwappiness", "OomKillDisable", "PidsLimit", "Init", "StopTimeout", "IPAMConfig", "Healthcheck", "SizeRw", "SizeRootFs", "State",
    };

    /// <summary>Scalars as plain values, everything else as <see cref="JsonValue"/>.</summary>
    public static object? FromJson(JsonElement element, string name) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number when element.TryGetInt64(out long whole) => (object)whole,
        JsonValueKind.Number => element.GetDouble(),
        _ => new JsonValue(element, name),
    };

    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        IReadOnlyList<string> list => list.Count > 0,
        JsonValue { Element.ValueKind: JsonValueKind.Array } json => json.Element.GetArrayLength() > 0,
        JsonValue { Element.ValueKind: JsonValueKind.Object } json => !Maps.Contains(json.Name) || json.Element.EnumerateObject().MoveNext(),
        JsonValue { Element.ValueKind: JsonValueKind.Null } => false,
        _ => true,
    };

    /// <summary>Keys and values in the order of <c>range</c>: maps sorted by key.</summary>
    public static IEnumerable<(object? Key, object? Item)> Enumerate(object? value, Func<string, TemplateException> fail)
    {
        switch (value)
        {
            case JsonValue { Element.ValueKind: JsonValueKind.Array } json:
                return json.Element.EnumerateArray().Select((element, index) => ((object?)(long)index, FromJson(element, "item")));
            case JsonValue { Element.ValueKind: JsonValueKind.Object } json:
                return Sorted(json.Element).Select(member => ((object?)member.Name, FromJson(member.Value, "item")));
            case JsonValue { Element.ValueKind: JsonValueKind.Null } or null:
                return [];
            case IReadOnlyList<string> list:
                return list.Select((text, index) => ((object?)(long)index, (object?)text));
            case long count:
                return Enumerable.Range(0, (int)Math.Max(count, 0)).Select(index => ((object?)(long)index, (object?)(long)index));
            default:
                throw fail($"range can't iterate over {Format(value)}");
        }
    }

    public static string Format(object? value)
    {
        var text = new StringBuilder();
        Print(text, value);
        return text.ToString();
    }

    /// <summary>Writes a value as Go's <c>%v</c> does.</summary>
    public static void Print(StringBuilder output, object? value)
    {
        switch (value)
        {
            case null:
                output.Append("<no value>");
                break;
            case bool flag:
                output.Append(flag ? "true" : "false");
                break;
            case double number:
                output.Append(number.ToString("R", CultureInfo.InvariantCulture));
                break;
            case IReadOnlyList<string> list:
                output.Append('[').AppendJoin(' ', list).Append(']');
                break;
            case JsonValue json:
                PrintJson(output, json);
                break;
            case IFieldSource source:
                output.Append('{').AppendJoin(' ', source.AllFields.Select(field => Format(field.Value))).Append('}');
                break;
            default:
                output.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
        }
    }

    /// <summary>Go's name for a value's type.</summary>
    public static string TypeName(object? value) => value switch
    {
        null => "interface {}",
        string => "string",
        bool => "bool",
        long => "int",
        double => "float64",
        IFieldSource source => source.TypeName,
        JsonValue { Element.ValueKind: JsonValueKind.Array } => "[]interface {}",
        _ => "map[string]interface {}",
    };

    public static IEnumerable<JsonProperty> Sorted(JsonElement element) =>
        element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal);

    private static void PrintJson(StringBuilder output, JsonValue json)
    {
        switch (json.Element.ValueKind)
        {
            case JsonValueKind.Array:
                output.Append('[');
                string separator = "";
                foreach (JsonElement item in json.Element.EnumerateArray())
                {
                    output.Append(separator);
                    Print(output, FromJson(item, "item"));
                    separator = " ";
                }

                output.Append(']');
                break;
            case JsonValueKind.Object:
                PrintObject(output, json);
                break;
            default:
                output.Append(Maps.Contains(json.Name) ? "map[]" : Pointers.Contains(json.Name) ? "<nil>" : "[]");
                break;
        }
    }

    private static void PrintObject(StringBuilder output, JsonValue json)
    {
        bool isMap = Maps.Contains(json.Name);
        output.Append(isMap ? "map[" : "{");
        string separator = "";
        foreach (JsonProperty member in isMap ? Sorted(json.Element) : json.Element.EnumerateObject())
        {
            output.Append(separator);
            if (isMap)
                output.Append(member.Name).Append(':');

            Print(output, FromJson(member.Value, member.Name));
            separator = " ";
        }

        // A container's state has its health last; without a probe it is a nil pointer that JSON leaves out.
        if (json.Name == "State" && !json.Element.TryGetProperty("Health", out _))
            output.Append(" <nil>");

        output.Append(isMap ? ']' : '}');
    }
}
