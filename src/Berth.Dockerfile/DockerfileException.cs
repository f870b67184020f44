using Berth.Model;

namespace Berth.Dockerfile;

/// <summary>What kind of rule a Dockerfile breaks; it decides how the message begins.</summary>
public enum DockerfileErrorKind
{
    /// <summary>The text cannot be split into instructions and arguments, or is beyond a limit.</summary>
    Syntax,

    /// <summary>One instruction is wrong by itself: unknown, arguments missing, a flag it does not have.</summary>
    Instruction,

    /// <summary>The instructions do not fit together: no stage, an empty file.</summary>
    Structure,

    /// <summary>A variable cannot be put in, or what comes out is no value of the instruction.</summary>
    Expansion,

    /// <summary>A check failed that the file, or who builds it, has made an error.</summary>
    Check,
}

/// <summary>The one error of the Dockerfile language. The message is what dockerd says, on one line and printable.</summary>
public sealed class DockerfileException : Exception
{
    /// <param name="kind">What kind of rule is broken.</param>
    /// <param name="reason">The broken rule, without the place.</param>
    /// <param name="range">The lines to show; none where it is the whole file.</param>
    public DockerfileException(DockerfileErrorKind kind, string reason, SourceRange range = default)
        : base(Text(kind, PrintableText.Of(reason), range))
    {
        Kind = kind;
        Reason = PrintableText.Of(reason);
        Range = range;
    }

    /// <summary>What kind of rule is broken.</summary>
    public DockerfileErrorKind Kind { get; }

    /// <summary>The broken rule, without the place.</summary>
    public string Reason { get; }

    /// <summary>The lines of the offending instruction, for <see cref="DockerfileSource.Excerpt"/>; none where it is the whole file.</summary>
    public SourceRange Range { get; }

    private static string Text(DockerfileErrorKind kind, string reason, SourceRange range) => kind switch
    {
        DockerfileErrorKind.Syntax => "failed to parse Dockerfile: " + reason,
        DockerfileErrorKind.Instruction => $"dockerfile parse error line {range.First}: {reason}",
        _ => reason,
    };
}
