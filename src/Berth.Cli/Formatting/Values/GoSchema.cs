namespace Berth.Cli.Formatting.Values;

/// <summary>
/// The types that the stock docker CLI has for the engine's answers. A template sees these, not the JSON: their names, defaults and order
/// decide what <c>{{.HostConfig}}</c> prints and what <c>{{json .}}</c> keeps.
/// </summary>
internal static class GoSchema
{
    private static readonly Dictionary<string, GoType> Types = new(StringComparer.Ordinal);
    private static Dictionary<string, string>? lines;

    /// <summary>A type by its expression in Go, such as <c>*container.State</c> or <c>map[string][]string</c>.</summary>
    public static GoType Get(string expression)
    {
        if (!Types.TryGetValue(expression, out GoType? type))
        {
            type = Build(expression);
            Types[expression] = type;
        }

        return type;
    }

    private static GoType Build(string text)
    {
        if (text[0] == '*')
            return new GoType(Name(text), GoKind.Pointer) { Element = Get(text[1..]) };

        if (text[0] == '[')
        {
            int close = text.IndexOf(']');
            GoType element = Get(text[(close + 1)..]);
            return new GoType(Name(text), GoKind.Slice) { Element = element, Length = close > 1 ? text[1] - '0' : -1 };
        }

        if (text.StartsWith("map[", StringComparison.Ordinal))
        {
            int close = text.IndexOf(']');
            return GoType.MapOf(Get(text[4..close]), Get(text[(close + 1)..]));
        }

        return text switch
        {
            "string" => GoType.String,
            "bool" => GoType.Bool,
            "int" => GoType.Int,
            "int64" => new GoType(text, GoKind.Int),
            "uint8" or "uint16" or "uint32" or "uint64" or "uint" => new GoType(text, GoKind.Uint),
            "any" => GoType.Any,
            "struct{}" => new GoType("struct {}", GoKind.Struct),
            "time.Time" => GoType.Time,
            "time.Duration" => GoType.Duration,
            "fs.FileMode" => GoType.FileMode,
            _ => BuildNamed(text),
        };
    }

    private static GoType BuildNamed(string name)
    {
        lines ??= ReadLines();
        if (!lines.TryGetValue(name, out string? line))
            return new GoType(name, GoKind.String) { IsNamed = true }; // the API's enumerations

        if (line.StartsWith("= ", StringComparison.Ordinal))
        {
            GoType alias = Get(line[2..]);
            return new GoType(name, alias.Kind) { Element = alias.Element, Key = alias.Key, IsNamed = true };
        }

        return new GoType(name, GoKind.Struct) { Fields = [.. line.Split(' ').Select(ReadField)], IsNamed = true };
    }

    /// <summary><c>Name[=jsonName]:type[?]</c>, or <c>+type</c> for an embedded structure; a question mark where JSON leaves empty values out.</summary>
    private static GoField ReadField(string text)
    {
        if (text[0] == '+')
        {
            string embedded = text[1..];
            return new GoField(embedded[(embedded.LastIndexOf('.') + 1)..], "", new Lazy<GoType>(() => Get(embedded)), OmitEmpty: false, IsEmbedded: true);
        }

        int colon = text.IndexOf(':');
        int equals = text.IndexOf('=', 0, colon);
        string name = equals < 0 ? text[..colon] : text[..equals];
        string wireName = equals < 0 ? name : text[(equals + 1)..colon];
        bool omit = text[^1] == '?';
        string type = omit ? text[(colon + 1)..^1] : text[(colon + 1)..];
        return new GoField(name, wireName, new Lazy<GoType>(() => Get(type)), omit, IsEmbedded: false);
    }

    private static string Name(string expression) => expression.Replace("struct{}", "struct {}", StringComparison.Ordinal).Replace("any", "interface {}", StringComparison.Ordinal);

    private static Dictionary<string, string> ReadLines()
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string block in (ReadOnlySpan<string>)[GoSchemaText.Objects, GoSchemaText.Engine])
        {
            foreach (string line in block.ReplaceLineEndings("\n").Split("\n\n"))
            {
                string flat = line.ReplaceLineEndings(" ");
                int space = flat.IndexOf(' ');
                result[flat[..space]] = flat[(space + 1)..];
            }
        }

        return result;
    }
}
