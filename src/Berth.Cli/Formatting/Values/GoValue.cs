namespace Berth.Cli.Formatting.Values;

/// <summary>A value with its Go type, as reflection in Go would show it.</summary>
/// <param name="Type">The static type: an interface keeps what it holds as another <see cref="GoValue"/>.</param>
/// <param name="Data">
/// By kind: bool, long, ulong, double (of complex numbers the imaginary part, as formats can make no other), string; a <c>GoValue[]</c> for slices, arrays and structures; a
/// <see cref="GoEntry"/> array sorted by key for maps; a <see cref="GoValue"/> for what pointers and interfaces lead to; a
/// <see cref="GoTime"/> for times and an <see cref="IFieldSource"/> for rows; null for nil.
/// </param>
internal sealed record GoValue(GoType Type, object? Data)
{
    public static GoValue Of(string text) => new(GoType.String, text);

    public static GoValue Of(bool value) => new(GoType.Bool, value);

    public static GoValue Of(long value) => new(GoType.Int, value);

    public static GoValue Of(IFieldSource source) => new(new GoType(source.TypeName, GoKind.Pointer), source);

    public GoKind Kind => Type.Kind;

    public bool IsNil => Data is null;

    public IReadOnlyList<GoValue> Items => (GoValue[]?)Data ?? [];

    public IReadOnlyList<GoEntry> Entries => (GoEntry[]?)Data ?? [];

    public string Text => (string?)Data ?? "";

    public long Int => (long)Data!; // the kind was checked

    public ulong Uint => (ulong)Data!; // the kind was checked

    public double Float => (double)Data!; // the kind was checked

    /// <summary>What pointers and interfaces lead to, through all of them; null when one is nil.</summary>
    public GoValue? Indirect()
    {
        GoValue value = this;
        while (value.Kind is GoKind.Pointer or GoKind.Interface && value.Data is not IFieldSource)
        {
            if (value.Data is not GoValue inner)
                return null;

            value = inner;
        }

        return value;
    }

    /// <summary>The dynamic value of an interface; null for a nil interface. Any other value is itself.</summary>
    public GoValue? Unwrap()
    {
        GoValue? value = this;
        while (value is { Kind: GoKind.Interface })
            value = value.Data as GoValue;

        return value;
    }

    /// <summary>Go's zero value of a type.</summary>
    public static GoValue Zero(GoType type) => new(type, type.Kind switch
    {
        _ when type == GoType.Time => GoTime.Zero,
        GoKind.Bool => false,
        GoKind.Int => 0L,
        GoKind.Uint => 0UL,
        GoKind.Float or GoKind.Complex => 0.0,
        GoKind.String => "",
        GoKind.Slice when type.Length >= 0 => Enumerable.Repeat(Zero(type.Element!), type.Length).ToArray(), // arrays have elements
        GoKind.Struct => type.Fields.Select(field => Zero(field.Type.Value)).ToArray(),
        _ => null,
    });

    /// <summary>text/template's truth: not zero, not nil, not empty; structures always.</summary>
    public static bool IsTrue(GoValue? value) => value is not null && value.Kind switch
    {
        GoKind.Bool => (bool)value.Data!, // bools have data
        GoKind.Int => value.Int != 0,
        GoKind.Uint => value.Uint != 0,
        GoKind.Float or GoKind.Complex => value.Float != 0,
        GoKind.String => value.Text.Length > 0,
        GoKind.Slice => value.Items.Count > 0,
        GoKind.Map => value.Entries.Count > 0,
        GoKind.Struct => true,
        _ => !value.IsNil,
    };
}

/// <summary>One entry of a map.</summary>
internal readonly record struct GoEntry(GoValue Key, GoValue Value);

/// <summary>A value with named members computed on demand, such as a row of a table.</summary>
internal interface IFieldSource
{
    /// <summary>The name that error messages give this kind of value.</summary>
    string TypeName { get; }

    /// <summary>How many arguments a member takes; -1 when there is no such member.</summary>
    int ArgumentsOf(string name);

    /// <summary>The value of a member that exists; null for Go's nil.</summary>
    string? GetField(string name, string argument);

    /// <summary>The names of all members without arguments, sorted; what <c>json .</c> writes.</summary>
    IEnumerable<string> FieldNames { get; }
}
