namespace Berth.Cli.Formatting.Templates;

/// <summary>A template that cannot be parsed or executed; the message is in the form of Go's text/template.</summary>
internal sealed class TemplateException : Exception
{
    public TemplateException(string message, bool isSyntax)
        : base(message) => IsSyntax = isSyntax;

    /// <summary>True when the template itself is wrong, false when it does not fit the value.</summary>
    public bool IsSyntax { get; }
}

/// <summary>A value with named members computed on demand, such as a row of a table.</summary>
internal interface IFieldSource
{
    /// <summary>The name that error messages give this kind of value.</summary>
    string TypeName { get; }

    /// <summary>A member's value; false when there is no such member.</summary>
    bool TryGetField(string name, IReadOnlyList<object?> arguments, out object? value);

    /// <summary>Every member without arguments, sorted by name; what <c>json .</c> writes.</summary>
    IEnumerable<KeyValuePair<string, object?>> AllFields { get; }
}
