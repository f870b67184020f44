using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>A build stage: FROM and what follows it.</summary>
public sealed record Stage
{
    /// <summary>Its place in the file, counted from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The FROM.</summary>
    public required InstructionNode Node { get; init; }

    /// <summary>The image, the stage or <c>scratch</c> it begins with, as written.</summary>
    public required string BaseName { get; init; }

    /// <summary>Its name in lower case, or null.</summary>
    public string? Name { get; init; }

    /// <summary>The value of <c>--platform</c> as written, or null.</summary>
    public string? Platform { get; init; }

    /// <summary>What follows, in order.</summary>
    public IReadOnlyList<Instruction> Instructions { get; init; } = [];

    /// <summary>The lines of FROM.</summary>
    public SourceRange Range => Node.Range;
}

/// <summary>A Dockerfile with its meaning.</summary>
/// <param name="Syntax">What it was read from.</param>
/// <param name="GlobalArgs">The ARGs before the first FROM.</param>
/// <param name="Stages">The stages, in order; at least one.</param>
public sealed record ParsedDockerfile(DockerfileSyntax Syntax, IReadOnlyList<ArgInstruction> GlobalArgs, IReadOnlyList<Stage> Stages)
{
    /// <summary>
    /// The stage of a name (in whatever case) or a number, of those before <paramref name="before"/>; of several with one name the last. Null where there is none: then it is
    /// an image or a context.
    /// </summary>
    public Stage? FindStage(string name, int before = int.MaxValue)
    {
        string wanted = name.ToLowerInvariant();
        Stage? named = Stages.LastOrDefault(stage => stage.Index < before && stage.Name == wanted);
        if (named is not null || !int.TryParse(name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int index))
        {
            return named;
        }

        return index < Stages.Count && index < before ? Stages[index] : null;
    }
}
