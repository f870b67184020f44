using System.Globalization;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>
/// Properties of a scope that a configuration gives itself, as annotations <c>org.systemd.property.NAME</c>: runc's way. Values are in the text form of
/// GVariant, as far as properties of units need it: texts, truths, numbers with or without their type, and lists of texts.
/// </summary>
internal static class PropertyAnnotations
{
    /// <summary>What their names begin with.</summary>
    public const string Prefix = "org.systemd.property.";

    private const int LeastName = 3;
    private const string Seconds = "Sec";

    /// <summary>The properties, in the order of their names. Those of whole or broken seconds (<c>TimeoutStopSec</c>) become microseconds (<c>TimeoutStopUSec</c>).</summary>
    /// <exception cref="ArgumentException">A name or a value has not the form; the message names it.</exception>
    public static IReadOnlyList<UnitProperty> Read(IReadOnlyDictionary<string, string>? annotations)
    {
        var properties = new List<UnitProperty>();
        foreach ((string annotation, string text) in (annotations ?? new Dictionary<string, string>()).OrderBy(static a => a.Key, StringComparer.Ordinal))
        {
            if (!annotation.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            string name = annotation[Prefix.Length..];
            if (name.Length < LeastName || !name.All(char.IsAsciiLetter))
                throw new ArgumentException($"annotation {annotation}: \"{name}\" is no name of a property: at least {LeastName} letters are wanted");
            properties.Add(Read(name, text.Trim()) ?? throw new ArgumentException(
                $"annotation {annotation}: \"{text}\" is no value: wanted a text in quotes, true or false, a number (with its type before it, as in uint64 5), or a list of texts"));
        }

        return properties;
    }

    private static UnitProperty? Read(string name, string text)
    {
        if (name.EndsWith(Seconds, StringComparison.Ordinal) && char.IsAsciiLetterLower(name[^(Seconds.Length + 1)]))
            return Microseconds(name[..^Seconds.Length] + "USec", text);
        if (text is "true" or "false")
            return UnitProperty.Of(name, text == "true");
        if (text.StartsWith('[') || text.StartsWith("@as ", StringComparison.Ordinal))
            return Texts(text) is { } list ? UnitProperty.Of(name, list) : null;
        return text.StartsWith('\'') || text.StartsWith('"')
            ? Text(text, out string rest) is { } value && rest.Length == 0 ? UnitProperty.Of(name, value) : null
            : Number(name, text);
    }

    private static UnitProperty? Microseconds(string name, string text)
    {
        const double PerSecond = 1_000_000;
        string number = text[(text.LastIndexOf(' ') + 1)..];
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds * PerSecond < long.MaxValue
            ? UnitProperty.Of(name, (ulong)Math.Round(seconds * PerSecond))
            : null;
    }

    // Without its type a number is an int32, and with a point a double: GVariant's rule.
    private static UnitProperty? Number(string name, string text)
    {
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        string type = space > 0 ? text[..space] : text.Contains('.', StringComparison.Ordinal) ? "double" : "int32";
        string number = text[(space + 1)..].Trim();
        const NumberStyles Whole = NumberStyles.AllowLeadingSign;
        CultureInfo plain = CultureInfo.InvariantCulture;
        return type switch
        {
            "int32" when int.TryParse(number, Whole, plain, out int value) => UnitProperty.OfNumber(name, "i", sizeof(int), (uint)value, value),
            "uint32" when uint.TryParse(number, Whole, plain, out uint value) => UnitProperty.OfNumber(name, "u", sizeof(uint), value, value),
            "int64" when long.TryParse(number, Whole, plain, out long value) => UnitProperty.OfNumber(name, "x", sizeof(long), (ulong)value, value),
            "uint64" when ulong.TryParse(number, Whole, plain, out ulong value) => UnitProperty.Of(name, value),
            "double" when double.TryParse(number, Whole | NumberStyles.AllowDecimalPoint, plain, out double value) =>
                UnitProperty.OfNumber(name, "d", sizeof(double), BitConverter.DoubleToUInt64Bits(value), value),
            _ => null,
        };
    }

    private static string[]? Texts(string text)
    {
        string rest = text[text.IndexOf('[', StringComparison.Ordinal)..];
        if (!rest.StartsWith('[') || !rest.EndsWith(']'))
            return null;
        rest = rest[1..^1].Trim();
        var list = new List<string>();
        while (rest.Length > 0)
        {
            if (Text(rest, out rest) is not { } one)
                return null;
            list.Add(one);
            if (rest.Length == 0)
                break;
            if (!rest.StartsWith(','))
                return null;
            rest = rest[1..].TrimStart();
        }

        return [.. list];
    }

    // A text in quotes of either kind, with a backslash before what would mean something else; and what follows it.
    private static string? Text(string text, out string rest)
    {
        rest = "";
        if (text.Length == 0 || text[0] is not ('\'' or '"'))
            return null;
        var value = new System.Text.StringBuilder();
        for (int i = 1; i < text.Length; i++)
        {
            if (text[i] == text[0])
            {
                rest = text[(i + 1)..].TrimStart();
                return value.ToString();
            }

            if (text[i] != '\\')
                value.Append(text[i]);
            else if (++i < text.Length)
                value.Append(Escaped(text[i]));
        }

        return null;
    }

    private static char Escaped(char letter) => letter switch { 'n' => '\n', 't' => '\t', 'r' => '\r', _ => letter };
}
