using System.Text;

namespace Berth.Dockerfile.Parsing;

/// <summary>The grammar of lines: directives, comments, continuations, here-documents. What the instructions mean is read by <c>InstructionReader</c>.</summary>
public sealed class DockerfileParser
{
    private readonly DockerfileSource _source;
    private readonly DockerfileLimits _limits;
    private readonly DirectiveReader _directives = new();
    private readonly List<InstructionNode> _nodes = [];
    private readonly List<string> _comments = [];
    private int _next;
    private int _heredocs;

    private DockerfileParser(DockerfileSource source, DockerfileLimits limits)
    {
        _source = source;
        _limits = limits;
    }

    /// <summary>Splits a file into its instructions.</summary>
    /// <exception cref="DockerfileException">Of the kind syntax: with the rule that is broken and the lines.</exception>
    public static DockerfileSyntax Parse(DockerfileSource source, DockerfileLimits? limits = null)
    {
        var parser = new DockerfileParser(source, limits ?? DockerfileLimits.Default);
        while (parser._next < source.Lines.Length)
        {
            parser.ReadInstruction();
        }

        return parser._nodes.Count == 0
            ? throw new DockerfileException(DockerfileErrorKind.Syntax, "file with no instructions")
            : new DockerfileSyntax(source, parser._directives.Escape, parser._directives.Found, parser._nodes);
    }

    private void ReadInstruction()
    {
        int first = _next + 1;
        SourceLine line = _source.Lines[_next++];
        string text = line.Text.TrimEnd('\r').TrimStart();
        if (SkipAsCommentOrEmpty(text, first))
        {
            return;
        }

        CheckText(line, first);
        (string joined, int emptyLine) = Join(text);
        var range = new SourceRange(first, _next);
        InstructionNode node = ArgumentReader.Read(joined, _directives.Escape, range);
        List<Heredoc> heredocs = MayHaveHeredocs(node) ? ReadHeredocs(joined, first) : [];
        if (_nodes.Count == _limits.MaxInstructions)
        {
            throw new DockerfileException(DockerfileErrorKind.Syntax, $"more than {_limits.MaxInstructions} instructions", range);
        }

        _nodes.Add(node with { Range = range with { Last = _next }, Heredocs = heredocs, Comments = [.. _comments], EmptyContinuationLine = emptyLine });
        _comments.Clear();
    }

    private bool SkipAsCommentOrEmpty(string text, int line)
    {
        bool isDirective = _directives.Read(text, line);
        if (text.Length > 0 && text[0] != '#')
        {
            return false;
        }

        string comment = text.TrimStart('#').Trim();
        if (comment.Length == 0)
        {
            _comments.Clear(); // what stands apart does not describe the next instruction
        }
        else if (!isDirective)
        {
            _comments.Add(comment);
        }

        return true;
    }

    /// <summary>Appends the lines that continue this one. Comments among them are left out; so are empty lines, which is reported.</summary>
    private (string Joined, int EmptyLine) Join(string text)
    {
        var joined = new StringBuilder();
        bool isEmptyFound = false;
        bool isContinued = AppendWithoutContinuation(joined, text);
        while (isContinued && _next < _source.Lines.Length)
        {
            SourceLine line = _source.Lines[_next++];
            string next = line.Text.TrimEnd('\r');
            string trimmed = next.TrimStart();
            if (trimmed.StartsWith('#'))
            {
                continue;
            }

            CheckText(line, _next);
            isEmptyFound |= trimmed.Length == 0;
            if (trimmed.Length > 0)
            {
                isContinued = AppendWithoutContinuation(joined, next);
            }
        }

        return (joined.ToString(), isEmptyFound ? _next : 0);
    }

    // An escaped escape character at the end is one that the instruction gets.
    private bool AppendWithoutContinuation(StringBuilder joined, string line)
    {
        string text = line.TrimEnd(' ', '\t');
        bool isContinued = text.EndsWith(_directives.Escape) && !(text.Length > 1 && text[^2] == _directives.Escape);
        joined.Append(isContinued ? text.AsSpan(0, text.Length - 1) : line);
        return isContinued;
    }

    private static bool MayHaveHeredocs(InstructionNode node)
    {
        InstructionNode holder = node.Trigger ?? node;
        return !holder.IsJson && holder.Keyword.ToUpperInvariant() is ("RUN" or "COPY" or "ADD");
    }

    private List<Heredoc> ReadHeredocs(string joined, int first)
    {
        List<Heredoc> found = HeredocReader.Find(joined);
        for (int i = 0; i < found.Count; i++)
        {
            if (++_heredocs > _limits.MaxHeredocs)
            {
                throw new DockerfileException(DockerfileErrorKind.Syntax, $"more than {_limits.MaxHeredocs} here-documents", new SourceRange(first, _next));
            }

            found[i] = found[i] with { Content = ReadContent(found[i], first) };
        }

        return found;
    }

    private string ReadContent(Heredoc heredoc, int first)
    {
        var content = new StringBuilder();
        while (_next < _source.Lines.Length)
        {
            SourceLine line = _source.Lines[_next++];
            CheckText(line, _next);
            string text = line.Text.TrimEnd('\r');
            if ((heredoc.StripsTabs ? text.TrimStart('\t') : text) == heredoc.Name)
            {
                return content.ToString();
            }

            content.Append(line.Text).Append(line.IsEnded ? "\n" : "");
        }

        throw new DockerfileException(DockerfileErrorKind.Syntax, "unterminated heredoc", new SourceRange(first, _next));
    }

    private static void CheckText(SourceLine line, int number)
    {
        if (line.Error is { } error)
        {
            throw new DockerfileException(DockerfileErrorKind.Syntax, $"line {number} {error}", new SourceRange(number, number));
        }
    }
}
