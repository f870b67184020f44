using System.Globalization;
using System.Text;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>A function: the types of its arguments, that of any further ones, and what it does (null for <c>and</c>, <c>or</c> and <c>call</c>).</summary>
internal sealed record TemplateFunction(IReadOnlyList<GoType> Parameters, GoType? Rest, Func<IReadOnlyList<GoValue?>, GoValue?>? Invoke);

/// <summary>text/template's own functions and those that docker adds (docs.docker.com/go/formatting).</summary>
internal static class TemplateFunctions
{
    /// <summary>The type of arguments that may be anything.</summary>
    public static readonly GoType AnyValue = GoType.Any;

    private static readonly GoType[] Any = [GoType.Any];
    private static readonly GoType[] TwoAny = [GoType.Any, GoType.Any];
    private static readonly GoType[] Text = [GoType.String];
    private static readonly GoType[] TwoTexts = [GoType.String, GoType.String];

    public static bool Exists(string name) => Find(name) is not null;

    /// <summary>A function that exists.</summary>
    public static TemplateFunction Get(string name, bool forHeader) =>
        (forHeader ? FindForHeader(name) : null) ?? Find(name) ?? throw new ArgumentException($"function {name} is not defined", nameof(name));

    private static TemplateFunction? Find(string name) => name switch
    {
        "and" or "or" or "call" => new TemplateFunction(Any, AnyValue, null),
        "not" => new TemplateFunction(Any, null, values => GoValue.Of(!GoValue.IsTrue(values[0]?.Unwrap()))),
        "len" => new TemplateFunction(Any, null, values => GoValue.Of(TemplateIndexing.Length(values[0]))),
        "index" => new TemplateFunction(Any, AnyValue, TemplateIndexing.Index),
        "slice" => new TemplateFunction(Any, AnyValue, TemplateIndexing.Slice),
        "print" => new TemplateFunction([], AnyValue, values => GoValue.Of(GoPrintf.Print(values))),
        "println" => new TemplateFunction([], AnyValue, values => GoValue.Of(GoPrintf.PrintLine(values))),
        "printf" => new TemplateFunction(Text, AnyValue, values => GoValue.Of(GoPrintf.Format(values[0]!.Text, [.. values.Skip(1)]))), // texts are never nil
        "html" => new TemplateFunction([], AnyValue, values => GoValue.Of(TemplateEscaping.Html(Joined(values)))),
        "js" => new TemplateFunction([], AnyValue, values => GoValue.Of(TemplateEscaping.JavaScript(Joined(values)))),
        "urlquery" => new TemplateFunction([], AnyValue, values => GoValue.Of(TemplateEscaping.Query(Joined(values)))),
        "eq" => new TemplateFunction(Any, AnyValue, values => GoValue.Of(TemplateComparison.EqualsAny(values))),
        "ne" => new TemplateFunction(TwoAny, null, values => GoValue.Of(!TemplateComparison.EqualsAny(values))),
        "lt" => new TemplateFunction(TwoAny, null, values => GoValue.Of(TemplateComparison.Less(values[0], values[1]))),
        "le" => new TemplateFunction(TwoAny, null, values => GoValue.Of(TemplateComparison.Less(values[0], values[1]) || TemplateComparison.EqualsAny(values))),
        "gt" => new TemplateFunction(TwoAny, null, values => GoValue.Of(!(TemplateComparison.Less(values[0], values[1]) || TemplateComparison.EqualsAny(values)))),
        "ge" => new TemplateFunction(TwoAny, null, values => GoValue.Of(!TemplateComparison.Less(values[0], values[1]))),
        _ => FindDockers(name),
    };

    private static TemplateFunction? FindDockers(string name) => name switch
    {
        "json" => new TemplateFunction(Any, null, values => GoValue.Of(GoJson.Encode(values[0]))),
        "split" => new TemplateFunction(TwoTexts, null, values => Split(values[0]!.Text, values[1]!.Text)), // texts are never nil
        "join" => new TemplateFunction([GoType.Strings, GoType.String], null, values =>
            GoValue.Of(string.Join(values[1]!.Text, values[0]?.Items.Select(item => item.Text) ?? []))), // texts are never nil
        "title" => new TemplateFunction(Text, null, values => GoValue.Of(Title(values[0]!.Text))), // texts are never nil
        "lower" => new TemplateFunction(Text, null, values => GoValue.Of(values[0]!.Text.ToLowerInvariant())), // texts are never nil
        "upper" => new TemplateFunction(Text, null, values => GoValue.Of(values[0]!.Text.ToUpperInvariant())), // texts are never nil
        "pad" => new TemplateFunction([GoType.String, GoType.Int, GoType.Int], null, values => GoValue.Of(Pad(values[0]!.Text, values[1]!.Int, values[2]!.Int))), // never nil
        "truncate" => new TemplateFunction([GoType.String, GoType.Int], null, values => GoValue.Of(Truncate(values[0]!.Text, values[1]!.Int))), // never nil
        _ => null,
    };

    private static TemplateFunction? FindForHeader(string name) => name switch
    {
        "json" or "title" or "lower" or "upper" => new TemplateFunction(Text, null, values => values[0]),
        "split" or "join" => new TemplateFunction(TwoTexts, null, values => values[0]),
        "truncate" => new TemplateFunction([GoType.String, GoType.Int], null, values => values[0]),
        _ => null,
    };

    private static string Joined(IReadOnlyList<GoValue?> values) =>
        GoPrintf.Print([.. values.Select(value => value?.Unwrap() is { Kind: GoKind.Pointer } pointer ? pointer.Indirect() : value?.Unwrap())]);

    private static GoValue Split(string text, string separator)
    {
        IEnumerable<string> parts = separator.Length == 0 ? text.EnumerateRunes().Select(rune => rune.ToString()) : text.Split(separator);
        return new GoValue(GoType.Strings, parts.Select(GoValue.Of).ToArray());
    }

    /// <summary>Words begin after anything that is no letter, digit or underscore.</summary>
    private static string Title(string text)
    {
        var result = new StringBuilder(text);
        for (int i = 0; i < result.Length; i++)
        {
            char before = i == 0 ? ' ' : result[i - 1];
            bool separates = before < 0x80 ? !char.IsAsciiLetterOrDigit(before) && before != '_' : char.IsWhiteSpace(before);
            if (separates)
                result[i] = char.ToUpper(result[i], CultureInfo.InvariantCulture);
        }

        return result.ToString();
    }

    private static string Pad(string text, long before, long after)
    {
        if (text.Length == 0)
            return text;

        if (before < 0 || after < 0)
            throw new FunctionException("strings: negative Repeat count");

        return new string(' ', (int)before) + text + new string(' ', (int)after);
    }

    private static string Truncate(string text, long length)
    {
        if (length < 0)
            throw new FunctionException($"runtime error: slice bounds out of range [:{length}]");

        return GoText.ByteLength(text) < length ? text : GoText.Bytes(text, 0, (int)length);
    }
}
