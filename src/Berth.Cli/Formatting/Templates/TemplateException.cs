namespace Berth.Cli.Formatting.Templates;

/// <summary>A template that cannot be parsed or executed; the message is in the form of Go's text/template.</summary>
internal sealed class TemplateException : Exception
{
    public TemplateException(string message, bool isSyntax)
        : base(message) => IsSyntax = isSyntax;

    /// <summary>True when the template itself is wrong, false when it does not fit the value.</summary>
    public bool IsSyntax { get; }
}

/// <summary>A function's refusal of its arguments; where it was called is added by the caller.</summary>
internal sealed class FunctionException : Exception
{
    public FunctionException(string message)
        : base(message)
    {
    }
}
