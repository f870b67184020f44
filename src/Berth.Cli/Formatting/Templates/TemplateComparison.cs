using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>The comparisons of text/template: basic kinds with their like, integers with and without sign.</summary>
internal static class TemplateComparison
{
    private const string Incompatible = "incompatible types for comparison";
    private const string Invalid = "invalid type for comparison";

    /// <summary>Whether the first argument equals one of the others.</summary>
    public static bool EqualsAny(IReadOnlyList<GoValue?> arguments)
    {
        if (arguments.Count == 1)
            throw new FunctionException("missing argument for comparison");

        GoValue? first = arguments[0]?.Unwrap();
        foreach (GoValue? argument in arguments.Skip(1))
        {
            if (AreEqual(first, argument?.Unwrap()))
                return true;
        }

        return false;
    }

    public static bool Less(GoValue? left, GoValue? right)
    {
        GoValue? a = left?.Unwrap();
        GoValue? b = right?.Unwrap();
        if (!IsBasic(a) || !IsBasic(b))
            throw new FunctionException(Invalid);

        if (AsInteger(a!) is { } x && AsInteger(b!) is { } y) // basic values are not nil
            return x < y;

        if (a!.Kind != b!.Kind) // basic values are not nil
            throw new FunctionException(Incompatible);

        return a.Kind switch
        {
            GoKind.Float => a.Float < b.Float,
            GoKind.String => string.CompareOrdinal(a.Text, b.Text) < 0,
            _ => throw new FunctionException(Invalid),
        };
    }

    private static bool AreEqual(GoValue? a, GoValue? b)
    {
        if (a is null || b is null)
            return (a is null || IsNil(a)) && (b is null || IsNil(b));

        if (AsInteger(a) is { } x && AsInteger(b) is { } y)
            return x == y;

        if (IsBasic(a) || IsBasic(b))
            return a.Kind == b.Kind ? Equals(a.Data, b.Data) : throw new FunctionException(Incompatible);

        if (a.Kind != b.Kind)
            throw new FunctionException($"non-comparable types {GoFormatter.Format(a)}: {a.Type.Name}, {b.Type.Name}: {GoFormatter.Format(b)}");

        if (IsNil(a) || IsNil(b))
            return IsNil(a) == IsNil(b);

        if (b.Kind is GoKind.Slice or GoKind.Map)
            throw new FunctionException($"non-comparable type {GoFormatter.Format(b)}: {b.Type.Name}");

        return b.Kind == GoKind.Pointer ? ReferenceEquals(a.Data, b.Data) : GoJson.Encode(a) == GoJson.Encode(b) && a.Type.Name == b.Type.Name;
    }

    private static bool IsNil(GoValue value) => value.Type.IsNilable && value.IsNil;

    private static bool IsBasic(GoValue? value) => value?.Kind is GoKind.Bool or GoKind.Int or GoKind.Uint or GoKind.Float or GoKind.Complex or GoKind.String;

    private static Int128? AsInteger(GoValue value) => value.Kind switch
    {
        GoKind.Int => value.Int,
        GoKind.Uint => value.Uint,
        _ => null,
    };
}
