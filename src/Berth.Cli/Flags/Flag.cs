namespace Berth.Cli.Flags;

/// <summary>One flag of a command.</summary>
/// <param name="Name">Long name without dashes.</param>
/// <param name="Shorthand">One letter, or null.</param>
/// <param name="Type">What help shows as the value; empty for switches.</param>
/// <param name="Usage">What help says.</param>
/// <param name="Default">What help shows as the default, already quoted; null for the type's zero value.</param>
/// <param name="Set">Takes the value; throws <see cref="FlagValueException"/>.</param>
internal sealed record Flag(string Name, char? Shorthand, string Type, string Usage, string? Default, Action<string> Set)
{
    /// <summary>Works, but help leaves it out.</summary>
    public bool IsHidden { get; init; }

    /// <summary>May stand without a value, which then is true.</summary>
    public bool IsSwitch => Type.Length == 0;
}
