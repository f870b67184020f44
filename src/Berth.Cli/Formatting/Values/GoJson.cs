using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>Values to JSON on one line, as Go's encoding/json writes them.</summary>
internal static class GoJson
{
    /// <summary>A value as the function <c>json</c> writes it: nothing is escaped for HTML, but inside rows.</summary>
    public static string Encode(GoValue? value)
    {
        var output = new StringBuilder();
        Write(output, value);
        return output.ToString();
    }

    private static void Write(StringBuilder output, GoValue? value)
    {
        switch (value)
        {
            case null:
                output.Append("null");
                break;
            case { Data: IFieldSource row }:
                WriteRow(output, row);
                break;
            case { Data: GoTime time }:
                WriteString(output, time.ToRfc3339(), escapeHtml: false);
                break;
            case { Data: null, Type.IsNilable: true }:
                output.Append("null");
                break;
            case { Kind: GoKind.Pointer or GoKind.Interface }:
                Write(output, (GoValue?)value.Data);
                break;
            case { Type.Name: "json.Number" }:
                output.Append(value.Text);
                break;
            case { Kind: GoKind.String }:
                WriteString(output, value.Text, escapeHtml: false);
                break;
            case { Kind: GoKind.Slice }:
                WriteSlice(output, value);
                break;
            case { Kind: GoKind.Map }:
                WriteObject(output, value.Entries.Select(entry => (entry.Key.Text, entry.Value)));
                break;
            case { Type.Name: "registry.ServiceConfig" }:
                WriteSorted(output, value);
                break;
            case { Kind: GoKind.Struct }:
                WriteObject(output, Members(value));
                break;
            case { Kind: GoKind.Float }:
                output.Append(GoNumber.Json(value.Float));
                break;
            default:
                output.Append(GoFormatter.Format(value with { Type = value.Kind == GoKind.Int ? GoType.Int : value.Kind == GoKind.Uint ? GoSchema.Get("uint64") : value.Type }));
                break;
        }
    }

    private static void WriteSlice(StringBuilder output, GoValue value)
    {
        if (value.Type.Element!.Name == "uint8") // slices have elements
        {
            output.Append('"').Append(Convert.ToBase64String([.. value.Items.Select(item => (byte)item.Uint)])).Append('"');
            return;
        }

        output.Append('[');
        for (int i = 0; i < value.Items.Count; i++)
        {
            output.Append(i > 0 ? "," : "");
            Write(output, value.Items[i]);
        }

        output.Append(']');
    }

    private static void WriteObject(StringBuilder output, IEnumerable<(string Name, GoValue Value)> members)
    {
        output.Append('{');
        string separator = "";
        foreach ((string name, GoValue value) in members)
        {
            output.Append(separator);
            WriteString(output, name, escapeHtml: false);
            output.Append(':');
            Write(output, value);
            separator = ",";
        }

        output.Append('}');
    }

    private static IEnumerable<(string Name, GoValue Value)> Members(GoValue value)
    {
        for (int i = 0; i < value.Type.Fields.Count; i++)
        {
            GoField field = value.Type.Fields[i];
            GoValue item = value.Items[i];
            if (field.IsEmbedded)
            {
                if (item.Indirect() is { } embedded)
                {
                    foreach ((string, GoValue) member in Members(embedded))
                        yield return member;
                }
            }
            else if (field.JsonName != "-" && !(field.OmitEmpty && IsEmpty(item)))
            {
                yield return (field.JsonName, item);
            }
        }
    }

    private static bool IsEmpty(GoValue value) => value.Kind != GoKind.Struct ? !GoValue.IsTrue(value) : value.Data is GoTime { IsZero: true };

    /// <summary>The CLI passes this one through a map, so that its members and those of its indexes come sorted.</summary>
    private static void WriteSorted(StringBuilder output, GoValue value)
    {
        IEnumerable<(string, GoValue)> members = Members(value).Select(member => member.Name == "IndexConfigs"
            ? (member.Name, member.Value with { Data = member.Value.Entries.Select(entry => entry with { Value = AsMap(entry.Value) }).ToArray() })
            : member);
        WriteObject(output, members.OrderBy(member => member.Item1, StringComparer.Ordinal));
    }

    private static GoValue AsMap(GoValue value) => value.Indirect() is { } inner
        ? new GoValue(GoType.AnyMap, Members(inner).OrderBy(member => member.Name, StringComparer.Ordinal).Select(member => new GoEntry(GoValue.Of(member.Name), member.Value)).ToArray())
        : value;

    private static void WriteRow(StringBuilder output, IFieldSource row)
    {
        output.Append('{');
        string separator = "";
        foreach (string name in row.FieldNames)
        {
            output.Append(separator).Append('"').Append(name).Append("\":");
            if (row.GetField(name, "") is { } text)
                WriteString(output, text, escapeHtml: true);
            else
                output.Append("null");

            separator = ",";
        }

        output.Append('}');
    }

    private static void WriteString(StringBuilder output, string text, bool escapeHtml)
    {
        output.Append('"');
        foreach (char c in text)
        {
            bool escape = c < ' ' || c is '\u2028' or '\u2029' || (escapeHtml && c is '<' or '>' or '&');
            _ = c switch
            {
                '"' or '\\' => output.Append('\\').Append(c),
                '\n' => output.Append("\\n"),
                '\r' => output.Append("\\r"),
                '\t' => output.Append("\\t"),
                '\b' => output.Append("\\b"),
                '\f' => output.Append("\\f"),
                _ when escape => output.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture)),
                _ => output.Append(c),
            };
        }

        output.Append('"');
    }
}
