using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Berth.Cli.Formatting.Templates;

/// <summary>text/template's own functions and those that docker adds (docs.docker.com/go/formatting).</summary>
internal static class TemplateFunctions
{
    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static bool Exists(string name) => name is "and" or "or" or "not" or "len" or "index" or "slice" or "print" or "printf" or "println"
        or "eq" or "ne" or "lt" or "le" or "gt" or "ge" or "html" or "js" or "urlquery" or "json" or "split" or "join" or "title" or "lower"
        or "upper" or "pad" or "truncate";

    /// <exception cref="TemplateException">The arguments do not fit; the message has no position.</exception>
    public static object? Call(string name, IReadOnlyList<object?> arguments) => name switch
    {
        "not" => !TemplateValues.IsTrue(At(arguments, 0)),
        "len" => Length(At(arguments, 0)),
        "index" => Index(arguments),
        "slice" => Slice(arguments),
        "print" => Print(arguments),
        "println" => string.Join(' ', arguments.Select(TemplateValues.Format)) + "\n",
        "printf" => GoFormat.Apply(Text(arguments, 0), arguments.Skip(1).ToList()),
        "eq" => Enumerable.Range(1, Math.Max(arguments.Count - 1, 1)).Any(i => Compare(At(arguments, 0), At(arguments, i)) == 0),
        "ne" => Compare(At(arguments, 0), At(arguments, 1)) != 0,
        "lt" => Compare(At(arguments, 0), At(arguments, 1)) < 0,
        "le" => Compare(At(arguments, 0), At(arguments, 1)) <= 0,
        "gt" => Compare(At(arguments, 0), At(arguments, 1)) > 0,
        "ge" => Compare(At(arguments, 0), At(arguments, 1)) >= 0,
        "html" => WebUtility.HtmlEncode(Print(arguments)),
        "js" => JavaScriptEncoder.Default.Encode(Print(arguments)),
        "urlquery" => WebUtility.UrlEncode(Print(arguments)),
        "json" => Json(At(arguments, 0)),
        "split" => (IReadOnlyList<string>)Text(arguments, 0).Split(Text(arguments, 1)),
        "join" => string.Join(Text(arguments, 1), TemplateValues.Enumerate(At(arguments, 0), m => new TemplateException(m, isSyntax: false))
            .Select(pair => TemplateValues.Format(pair.Item))),
        "title" => Title(Text(arguments, 0)),
        "lower" => Text(arguments, 0).ToLowerInvariant(),
        "upper" => Text(arguments, 0).ToUpperInvariant(),
        "pad" => Pad(Text(arguments, 0), Number(arguments, 1), Number(arguments, 2)),
        "truncate" => Truncate(Text(arguments, 0), Number(arguments, 1)),
        _ => throw new TemplateException($"function \"{name}\" not defined", isSyntax: true),
    };

    /// <summary>A value as JSON on one line, without escaping for HTML.</summary>
    public static string Json(object? value)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, JsonOptions))
            WriteJson(writer, value);

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void WriteJson(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case JsonValue json:
                json.Element.WriteTo(writer);
                break;
            case IReadOnlyList<string> list:
                writer.WriteStartArray();
                foreach (string item in list)
                    writer.WriteStringValue(item);

                writer.WriteEndArray();
                break;
            case IFieldSource source:
                writer.WriteStartObject();
                foreach ((string name, object? field) in source.AllFields)
                {
                    writer.WritePropertyName(name);
                    if (field is string text)
                        writer.WriteRawValue(HtmlSafe(Json(text)), skipInputValidation: true);
                    else
                        WriteJson(writer, field);
                }

                writer.WriteEndObject();
                break;
            default:
                writer.WriteStringValue(value.ToString());
                break;
        }
    }

    /// <summary>Rows of tables are the one place where docker's JSON also escapes what HTML gives a meaning to.</summary>
    private static string HtmlSafe(string json) => json.Replace("<", "\\u003c", StringComparison.Ordinal)
        .Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal);

    private static object? At(IReadOnlyList<object?> arguments, int index) => index < arguments.Count
        ? arguments[index]
        : throw new TemplateException($"wrong number of args: want at least {index + 1} got {arguments.Count}", isSyntax: false);

    private static string Text(IReadOnlyList<object?> arguments, int index) => At(arguments, index) as string
        ?? throw new TemplateException($"wrong type for value; expected string; got {TemplateValues.TypeName(arguments[index])}", isSyntax: false);

    private static int Number(IReadOnlyList<object?> arguments, int index) => At(arguments, index) is long number
        ? (int)number
        : throw new TemplateException($"wrong type for value; expected int; got {TemplateValues.TypeName(arguments[index])}", isSyntax: false);

    private static long Length(object? value) => value switch
    {
        string text => Encoding.UTF8.GetByteCount(text),
        IReadOnlyList<string> list => list.Count,
        JsonValue { Element.ValueKind: JsonValueKind.Array } json => json.Element.GetArrayLength(),
        JsonValue { Element.ValueKind: JsonValueKind.Object } json => json.Element.EnumerateObject().Count(),
        JsonValue { Element.ValueKind: JsonValueKind.Null } => 0,
        _ => throw new TemplateException($"len of type {TemplateValues.TypeName(value)}", isSyntax: false),
    };

    private static object? Index(IReadOnlyList<object?> arguments)
    {
        object? value = At(arguments, 0);
        for (int i = 1; i < arguments.Count; i++)
            value = (value, arguments[i]) switch
            {
                (JsonValue { Element.ValueKind: JsonValueKind.Object } json, string key) =>
                    json.Element.TryGetProperty(key, out JsonElement element) ? TemplateValues.FromJson(element, "item") : "",
                (JsonValue { Element.ValueKind: JsonValueKind.Null }, string) => "",
                (JsonValue { Element.ValueKind: JsonValueKind.Array } json, long at) when at >= 0 && at < json.Element.GetArrayLength() =>
                    TemplateValues.FromJson(json.Element[(int)at], "item"),
                (IReadOnlyList<string> list, long at) when at >= 0 && at < list.Count => list[(int)at],
                (string text, long at) when at >= 0 && at < text.Length => (long)text[(int)at],
                (_, long at) when value is JsonValue or string or IReadOnlyList<string> =>
                    throw new TemplateException($"index out of range: {at}", isSyntax: false),
                _ => throw new TemplateException($"can't index item of type {TemplateValues.TypeName(value)}", isSyntax: false),
            };

        return value;
    }

    private static string Slice(IReadOnlyList<object?> arguments)
    {
        string text = Text(arguments, 0);
        int from = arguments.Count > 1 ? Number(arguments, 1) : 0;
        int to = arguments.Count > 2 ? Number(arguments, 2) : text.Length;
        return from >= 0 && from <= to && to <= text.Length
            ? text[from..to]
            : throw new TemplateException($"index out of range: {(to > text.Length ? to : from)}", isSyntax: false);
    }

    /// <summary>Go's Sprint: a space between operands when neither is a string.</summary>
    private static string Print(IReadOnlyList<object?> arguments)
    {
        var text = new StringBuilder();
        for (int i = 0; i < arguments.Count; i++)
        {
            if (i > 0 && arguments[i] is not string && arguments[i - 1] is not string)
                text.Append(' ');

            TemplateValues.Print(text, arguments[i]);
        }

        return text.ToString();
    }

    private static int Compare(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => string.CompareOrdinal(a, b),
        (bool a, bool b) => a.CompareTo(b),
        (long a, long b) => a.CompareTo(b),
        (double a, double b) => a.CompareTo(b),
        (null or JsonValue { Element.ValueKind: JsonValueKind.Null }, null or JsonValue { Element.ValueKind: JsonValueKind.Null }) => 0,
        (null or JsonValue { Element.ValueKind: JsonValueKind.Null }, _) or (_, null) => -1,
        _ => throw new TemplateException("incompatible types for comparison", isSyntax: false),
    };

    private static string Title(string text)
    {
        var result = new StringBuilder(text);
        for (int i = 0; i < result.Length; i++)
        {
            if (i == 0 || result[i - 1] == ' ')
                result[i] = char.ToUpper(result[i], CultureInfo.InvariantCulture);
        }

        return result.ToString();
    }

    private static string Pad(string text, int before, int after) =>
        text.Length == 0 ? text : new string(' ', before) + text + new string(' ', after);

    private static string Truncate(string text, int length) => text.Length < length ? text : text[..length];
}

/// <summary>The verbs of Go's fmt that formats use: %s %v %q %d %t %x %f %%, with flags, width and precision.</summary>
internal static class GoFormat
{
    public static string Apply(string format, IReadOnlyList<object?> arguments)
    {
        var output = new StringBuilder();
        int used = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            int start = ++i;
            while (i < format.Length - 1 && format[i] is '-' or '+' or '0' or '#' or ' ' or '.' or (>= '1' and <= '9'))
                i++;

            char verb = format[i];
            if (verb == '%')
                output.Append('%');
            else if (used >= arguments.Count)
                output.Append("%!").Append(verb).Append("(MISSING)");
            else
                output.Append(One(format[start..i], verb, arguments[used++]));
        }

        return output.ToString();
    }

    private static string One(string options, char verb, object? value)
    {
        int digits = options.AsSpan().IndexOfAnyInRange('1', '9');
        string flags = digits < 0 ? options : options[..digits];
        string[] sizes = (digits < 0 ? "" : options[digits..]).Split('.');
        int precision = options.Contains('.', StringComparison.Ordinal) && int.TryParse(options.AsSpan(options.IndexOf('.') + 1), out int p) ? p : -1;
        _ = int.TryParse(sizes[0], out int width);
        string text = (verb, value) switch
        {
            ('q', string s) => TemplateFunctions.Json(s),
            ('x', long n) => n.ToString("x", CultureInfo.InvariantCulture),
            ('x', string s) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(s)),
            ('f', double d) => d.ToString("F" + (precision < 0 ? 6 : precision), CultureInfo.InvariantCulture),
            ('s', string s) when precision >= 0 && precision < s.Length => s[..precision],
            ('d', string s) => $"%!d(string={s})",
            _ => TemplateValues.Format(value),
        };
        if (flags.Contains('-', StringComparison.Ordinal))
            return text.PadRight(width);

        return flags.Contains('0', StringComparison.Ordinal) && value is long or double ? text.PadLeft(width, '0') : text.PadLeft(width);
    }
}
