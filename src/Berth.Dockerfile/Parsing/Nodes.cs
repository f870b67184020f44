namespace Berth.Dockerfile.Parsing;

/// <summary>A parser directive, <c># name=value</c> before everything else. The name is in lower case: syntax, escape or check.</summary>
public sealed record Directive(string Name, string Value, int Line);

/// <summary>A name and its value, as written (quotes and variables are still in them).</summary>
/// <param name="Name">The part before the equals sign.</param>
/// <param name="Value">The part after it.</param>
/// <param name="IsLegacy">Whether a space stood between them instead of an equals sign.</param>
public sealed record KeyValue(string Name, string Value, bool IsLegacy = false);

/// <summary>A here-document.</summary>
/// <param name="Name">The word that ends it, without quotes.</param>
/// <param name="IsExpanded">Whether variables in it are put in: the word was not quoted.</param>
/// <param name="StripsTabs">Whether tabs at the beginnings of lines are removed: <c>&lt;&lt;-</c>.</param>
/// <param name="FileDescriptor">The number before <c>&lt;&lt;</c>; 0 without one.</param>
/// <param name="Content">The lines as they are in the file, each with its end.</param>
public sealed record Heredoc(string Name, bool IsExpanded, bool StripsTabs, int FileDescriptor, string Content)
{
    /// <summary>The lines, without tabs at their beginnings if <see cref="StripsTabs"/>.</summary>
    public string Text => StripsTabs ? HeredocReader.StripTabs(Content) : Content;
}

/// <summary>An instruction as the grammar sees it: words, not yet what they mean.</summary>
public sealed record InstructionNode
{
    /// <summary>The instruction's name as written.</summary>
    public required string Keyword { get; init; }

    /// <summary>The flags before the arguments, each with its dashes, without quotes.</summary>
    public required IReadOnlyList<string> Flags { get; init; }

    /// <summary>The arguments, split as this instruction's are; of a trigger its own name comes first.</summary>
    public required IReadOnlyList<string> Words { get; init; }

    /// <summary>The arguments of ENV and LABEL.</summary>
    public IReadOnlyList<KeyValue> Pairs { get; init; } = [];

    /// <summary>Whether the arguments were a JSON array.</summary>
    public bool IsJson { get; init; }

    /// <summary>The instruction on one line, continuations joined, without here-documents.</summary>
    public required string Original { get; init; }

    /// <summary>The lines of the file, with its here-documents.</summary>
    public SourceRange Range { get; init; }

    /// <summary>The here-documents, in order.</summary>
    public IReadOnlyList<Heredoc> Heredocs { get; init; } = [];

    /// <summary>The comments directly above, without number signs.</summary>
    public IReadOnlyList<string> Comments { get; init; } = [];

    /// <summary>The line that ends a continuation with empty lines in it; 0 where there are none.</summary>
    public int EmptyContinuationLine { get; init; }

    /// <summary>The instruction behind ONBUILD.</summary>
    public InstructionNode? Trigger { get; init; }
}

/// <summary>A file, split into instructions.</summary>
/// <param name="Source">Its lines.</param>
/// <param name="Escape">The character that escapes and continues lines: a backslash or a backtick.</param>
/// <param name="Directives">The directives, in order, none twice.</param>
/// <param name="Nodes">The instructions, in order; at least one.</param>
public sealed record DockerfileSyntax(DockerfileSource Source, char Escape, IReadOnlyList<Directive> Directives, IReadOnlyList<InstructionNode> Nodes)
{
    /// <summary>The directive's value, or null.</summary>
    public string? GetDirective(string name) => Directives.FirstOrDefault(directive => directive.Name == name)?.Value;
}
