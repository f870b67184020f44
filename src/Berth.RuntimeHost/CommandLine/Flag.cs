namespace Berth.RuntimeHost.CommandLine;

/// <summary>One flag of a verb: <c>--name</c>, perhaps with a short form.</summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Short">One letter, or null.</param>
/// <param name="Kind">What it takes.</param>
/// <param name="Text">For the help.</param>
/// <param name="Default">Shown in the help; the value when the flag is absent.</param>
internal sealed record Flag(string Name, string? Short, FlagKind Kind, string Text, string? Default = null);

/// <summary>What a flag takes.</summary>
internal enum FlagKind
{
    /// <summary>Nothing, or <c>=true</c> and <c>=false</c>.</summary>
    Switch,

    /// <summary>Text; the last one counts.</summary>
    Text,

    /// <summary>Text, any number of times.</summary>
    Texts,

    /// <summary>A number; the last one counts.</summary>
    Number,
}

/// <summary>A wrong call: its message goes to the log, the verb's help to the standard output.</summary>
internal sealed class UsageException : Exception
{
    public UsageException(string message, bool isArgumentCount = false)
        : base(message) => IsArgumentCount = isArgumentCount;

    public bool IsArgumentCount { get; }
}
