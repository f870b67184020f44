namespace Berth.Runtime.State;

/// <summary>The id of a container on the command line, which is also the name of its folder: letters, digits and <c>_ + , - .</c>, as runc has it.</summary>
public readonly record struct ContainerName
{
    private const int MaxBytes = 255; // NAME_MAX

    private readonly string? text;

    private ContainerName(string text) => this.text = text;

    /// <summary>Checks it.</summary>
    /// <exception cref="StateException">It is none.</exception>
    public static ContainerName Parse(string text)
    {
        if (text.Length == 0)
            throw new StateException("container id cannot be empty");
        if (text.Length > MaxBytes || text is "." or ".." || !text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or ',' or '-' or '.'))
            throw new StateException("invalid container ID format");
        return new ContainerName(text);
    }

    /// <inheritdoc/>
    public override string ToString() => text ?? throw new InvalidOperationException("an empty container name has no value");
}
