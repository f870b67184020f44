namespace Berth.Cli.Formatting.Values;

/// <summary>The kinds of Go's types that formats meet.</summary>
internal enum GoKind
{
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    String,
    Slice,
    Map,
    Struct,
    Pointer,
    Interface,
}

/// <summary>A member of a structure.</summary>
/// <param name="Name">Its name in Go, which templates use.</param>
/// <param name="JsonName">Its name on the wire.</param>
/// <param name="Type">Its type; resolved at first use, as types refer to each other.</param>
/// <param name="OmitEmpty">JSON leaves it out when it is empty.</param>
/// <param name="IsEmbedded">Its own members also count as members of the structure around it.</param>
internal sealed record GoField(string Name, string JsonName, Lazy<GoType> Type, bool OmitEmpty, bool IsEmbedded);

/// <summary>A type of Go as far as it shows in templates: how it prints, which members it has, how error messages name it.</summary>
internal sealed class GoType
{
    public static readonly GoType Bool = new("bool", GoKind.Bool);
    public static readonly GoType Int = new("int", GoKind.Int);
    public static readonly GoType Byte = new("uint8", GoKind.Uint);
    public static readonly GoType Float = new("float64", GoKind.Float);
    public static readonly GoType Complex = new("complex128", GoKind.Complex);
    public static readonly GoType String = new("string", GoKind.String);
    public static readonly GoType JsonNumber = new("json.Number", GoKind.String);
    public static readonly GoType Any = new("interface {}", GoKind.Interface);
    public static readonly GoType Strings = SliceOf(String);
    public static readonly GoType AnySlice = SliceOf(Any);
    public static readonly GoType AnyMap = MapOf(String, Any);
    public static readonly GoType Time = new("time.Time", GoKind.Struct);
    public static readonly GoType Duration = new("time.Duration", GoKind.Int);
    public static readonly GoType FileMode = new("fs.FileMode", GoKind.Uint);

    public GoType(string name, GoKind kind)
    {
        Name = name;
        Kind = kind;
    }

    /// <summary>As Go's <c>%T</c> writes it.</summary>
    public string Name { get; }

    public GoKind Kind { get; }

    /// <summary>Of slices, maps and pointers: the type of what they hold.</summary>
    public GoType? Element { get; init; }

    /// <summary>Of maps.</summary>
    public GoType? Key { get; init; }

    /// <summary>Of arrays, whose length is part of the type; -1 for slices.</summary>
    public int Length { get; init; } = -1;

    /// <summary>Of structures.</summary>
    public IReadOnlyList<GoField> Fields { get; init; } = [];

    public bool IsNilable => Kind is GoKind.Slice or GoKind.Map or GoKind.Pointer or GoKind.Interface;

    /// <summary>Whether the type has a name of its own, so that it differs from others built alike.</summary>
    public bool IsNamed { get; init; }

    public static GoType SliceOf(GoType element) => new("[]" + element.Name, GoKind.Slice) { Element = element };

    public static GoType MapOf(GoType key, GoType element) => new($"map[{key.Name}]{element.Name}", GoKind.Map) { Key = key, Element = element };

    /// <summary>The member of that name, its own before those of embedded structures, with the path to it; null when there is none.</summary>
    public IReadOnlyList<GoField>? FindField(string name)
    {
        foreach (GoField field in Fields)
        {
            if (field.Name == name)
                return [field];
        }

        foreach (GoField field in Fields)
        {
            GoType type = field.Type.Value;
            if (field.IsEmbedded && (type.Kind == GoKind.Pointer ? type.Element! : type).FindField(name) is { } path) // a pointer has an element
                return [field, .. path];
        }

        return null;
    }

    /// <summary>Go's rule: equal types, or types built alike of which one has no name.</summary>
    public bool IsAssignableTo(GoType other) => Name == other.Name || other.Name == "interface {}"
        || (Kind == other.Kind && Kind is GoKind.Slice or GoKind.Map && (!IsNamed || !other.IsNamed)
            && Element!.Name == other.Element!.Name && Key?.Name == other.Key?.Name); // slices and maps have elements
}
