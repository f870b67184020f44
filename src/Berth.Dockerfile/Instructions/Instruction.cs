using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>An instruction with its meaning. Values are as written until <c>StageScope.Expand</c> has put the variables in.</summary>
/// <param name="Node">Where it comes from.</param>
public abstract record Instruction(InstructionNode Node)
{
    /// <summary>The instruction's name as written.</summary>
    public string Keyword => Node.Keyword;

    /// <summary>Its lines in the file.</summary>
    public SourceRange Range => Node.Range;

    /// <summary>The instruction on one line.</summary>
    public string Original => Node.Original;
}

/// <summary>A name that ARG declares, and its default.</summary>
public sealed record ArgDefinition(string Name, string? Default);

/// <summary><c>ARG name[=default] ...</c></summary>
public sealed record ArgInstruction(InstructionNode Node, IReadOnlyList<ArgDefinition> Args) : Instruction(Node);

/// <summary><c>ENV name=value ...</c> or <c>ENV name value</c></summary>
public sealed record EnvInstruction(InstructionNode Node, IReadOnlyList<KeyValue> Variables) : Instruction(Node);

/// <summary><c>LABEL name=value ...</c></summary>
public sealed record LabelInstruction(InstructionNode Node, IReadOnlyList<KeyValue> Labels) : Instruction(Node);

/// <summary><c>MAINTAINER name</c></summary>
public sealed record MaintainerInstruction(InstructionNode Node, string Name) : Instruction(Node);

/// <summary><c>WORKDIR path</c></summary>
public sealed record WorkdirInstruction(InstructionNode Node, string Path) : Instruction(Node);

/// <summary><c>USER user[:group]</c></summary>
public sealed record UserInstruction(InstructionNode Node, string User) : Instruction(Node);

/// <summary><c>VOLUME path ...</c></summary>
public sealed record VolumeInstruction(InstructionNode Node, IReadOnlyList<string> Paths) : Instruction(Node);

/// <summary><c>STOPSIGNAL signal</c>: a name or a number; who runs containers knows which there are.</summary>
public sealed record StopSignalInstruction(InstructionNode Node, string Signal) : Instruction(Node);

/// <summary><c>SHELL ["program", "argument"]</c></summary>
public sealed record ShellInstruction(InstructionNode Node, IReadOnlyList<string> Shell) : Instruction(Node);

/// <summary><c>CMD</c></summary>
public sealed record CmdInstruction(InstructionNode Node, CommandLine Command) : Instruction(Node);

/// <summary><c>ENTRYPOINT</c></summary>
public sealed record EntrypointInstruction(InstructionNode Node, CommandLine Command) : Instruction(Node);

/// <summary><c>ONBUILD instruction</c>. Whether the trigger is right is found where it is used, as in docker.</summary>
/// <param name="Node">Where it comes from.</param>
/// <param name="Trigger">The instruction's text with its here-documents, for the image's configuration and <c>InstructionReader.ReadTrigger</c>.</param>
public sealed record OnbuildInstruction(InstructionNode Node, string Trigger) : Instruction(Node);

/// <summary><c>HEALTHCHECK</c>. A null time or count stands for the engine's default.</summary>
/// <param name="Node">Where it comes from.</param>
/// <param name="Test">As in an image's configuration: <c>NONE</c>, <c>CMD</c> with words, or <c>CMD-SHELL</c> with a line.</param>
public sealed record HealthcheckInstruction(InstructionNode Node, IReadOnlyList<string> Test) : Instruction(Node)
{
    /// <summary>Time between checks.</summary>
    public TimeSpan? Interval { get; init; }

    /// <summary>Time after which a check has failed.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Time in which failures do not count.</summary>
    public TimeSpan? StartPeriod { get; init; }

    /// <summary>Time between checks in the start period.</summary>
    public TimeSpan? StartInterval { get; init; }

    /// <summary>Failures in a row that make a container unhealthy.</summary>
    public int? Retries { get; init; }
}

/// <summary>A file that COPY or ADD makes from a here-document.</summary>
public sealed record InlineFile(string Name, string Content, bool IsExpanded);

/// <summary>What COPY and ADD have in common.</summary>
public abstract record TransferInstruction(InstructionNode Node, IReadOnlyList<string> Sources, IReadOnlyList<InlineFile> Files, string Destination) : Instruction(Node)
{
    /// <summary>The owner, <c>user[:group]</c>, or null.</summary>
    public string? Chown { get; init; }

    /// <summary>The mode, octal or symbolic, or null.</summary>
    public string? Chmod { get; init; }

    /// <summary>Whether the files make a layer of their own, whatever lies below.</summary>
    public bool Link { get; init; }

    /// <summary>Patterns of paths that are left out, with the rules of .dockerignore.</summary>
    public IReadOnlyList<string> Excludes { get; init; } = [];
}

/// <summary><c>COPY source ... destination</c></summary>
public sealed record CopyInstruction(InstructionNode Node, IReadOnlyList<string> Sources, IReadOnlyList<InlineFile> Files, string Destination)
    : TransferInstruction(Node, Sources, Files, Destination)
{
    /// <summary>A stage's name or number, an image or a named context; null for the build context.</summary>
    public string? From { get; init; }

    /// <summary>Whether the sources' parent folders are made too.</summary>
    public bool Parents { get; init; }
}

/// <summary><c>ADD source ... destination</c></summary>
public sealed record AddInstruction(InstructionNode Node, IReadOnlyList<string> Sources, IReadOnlyList<InlineFile> Files, string Destination)
    : TransferInstruction(Node, Sources, Files, Destination)
{
    /// <summary>The digest that the downloaded file must have, or null.</summary>
    public string? Checksum { get; init; }

    /// <summary>Whether a repository comes with its <c>.git</c>.</summary>
    public bool KeepGitDir { get; init; }

    /// <summary>Whether archives are unpacked; null: those of the context are, downloaded ones are not.</summary>
    public bool? Unpack { get; init; }
}

/// <summary><c>EXPOSE port ...</c></summary>
public sealed record ExposeInstruction(InstructionNode Node, IReadOnlyList<string> Specs) : Instruction(Node);
