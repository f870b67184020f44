using System.Text;
using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>What RUN, CMD and ENTRYPOINT run.</summary>
/// <param name="Words">The words of the exec form; the one line of the shell form.</param>
/// <param name="IsShell">Whether it is the shell form: a shell is put in front.</param>
/// <param name="Heredocs">The here-documents of the line.</param>
public sealed record CommandLine(IReadOnlyList<string> Words, bool IsShell, IReadOnlyList<Heredoc> Heredocs)
{
    /// <summary>Whether the line is nothing but a here-document, whose text then is the script.</summary>
    public bool IsScript => IsShell && Heredocs.Count == 1 && Words is [var line] && HeredocReader.Parse(line) is not null;

    /// <summary>Whether the script names its own interpreter: it is run as a file, not by the shell.</summary>
    public bool HasInterpreter => IsScript && Heredocs[0].Text.StartsWith("#!", StringComparison.Ordinal);

    /// <summary>What the shell gets: the script, or the line with its here-documents behind it, for the shell to read.</summary>
    public string ToShellText()
    {
        if (IsScript)
        {
            return Heredocs[0].Text;
        }

        var text = new StringBuilder(string.Join(' ', Words));
        foreach (Heredoc heredoc in Heredocs)
        {
            text.Append('\n').Append(heredoc.Content).Append(heredoc.Name);
        }

        return text.ToString();
    }
}
