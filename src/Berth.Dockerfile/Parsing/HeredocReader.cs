using System.Globalization;
using System.Text;

namespace Berth.Dockerfile.Parsing;

/// <summary>Finds the here-documents that a line announces: words that are <c>&lt;&lt;NAME</c>, <c>&lt;&lt;-NAME</c> or have a quoted name.</summary>
internal static class HeredocReader
{
    // A shell's rules for words, whatever the escape directive says: the line goes to a shell.
    private const char Escape = '\\';

    /// <summary>The here-documents of a line, without their contents; none where a quote is not closed.</summary>
    public static List<Heredoc> Find(string line)
    {
        var found = new List<Heredoc>();
        foreach (string word in ShellWords(line))
        {
            if (Parse(word) is { } heredoc)
            {
                found.Add(heredoc);
            }
        }

        return found;
    }

    /// <summary>The here-document that a word announces, or null.</summary>
    public static Heredoc? Parse(string word)
    {
        int at = 0;
        while (at < word.Length && char.IsAsciiDigit(word[at]))
        {
            at++;
        }

        if (!word.AsSpan(at).StartsWith("<<", StringComparison.Ordinal)
            || !int.TryParse(at == 0 ? "0" : word[..at], NumberStyles.None, CultureInfo.InvariantCulture, out int descriptor))
        {
            return null;
        }

        bool stripsTabs = word.AsSpan(at + 2).StartsWith("-", StringComparison.Ordinal);
        string quoted = word[(at + (stripsTabs ? 3 : 2))..];
        (string name, bool isQuoted) = Unquote(quoted);
        return name.Length == 0 || quoted.Contains('<', StringComparison.Ordinal) ? null : new Heredoc(name, !isQuoted, stripsTabs, descriptor, "");
    }

    /// <summary>The text without tabs at the beginnings of its lines.</summary>
    public static string StripTabs(string text)
    {
        var stripped = new StringBuilder(text.Length);
        bool isStart = true;
        foreach (char c in text)
        {
            isStart = isStart && c == '\t';
            if (!isStart)
            {
                stripped.Append(c);
                isStart = c == '\n';
            }
        }

        return stripped.ToString();
    }

    private static List<string> ShellWords(string line)
    {
        var words = new List<string>();
        int start = -1;
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                if (start >= 0)
                {
                    words.Add(line[start..i]);
                }

                start = -1;
                continue;
            }

            start = start < 0 ? i : start;
            if (c == Escape && quote != '\'')
            {
                i++;
            }
            else if (quote == '\0')
            {
                quote = c is '\'' or '"' ? c : '\0';
            }
            else if (c == quote)
            {
                quote = '\0';
            }
        }

        if (start >= 0)
        {
            words.Add(line[start..]);
        }

        return quote == '\0' ? words : [];
    }

    private static (string Text, bool IsQuoted) Unquote(string word)
    {
        var text = new StringBuilder(word.Length);
        bool isQuoted = false;
        char quote = '\0';
        for (int i = 0; i < word.Length; i++)
        {
            char c = word[i];
            if (c == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && (c is '\'' or '"'))
            {
                (quote, isQuoted) = (c, true);
            }
            else if (c == Escape && quote != '\'' && i + 1 < word.Length)
            {
                text.Append(word[++i]);
            }
            else
            {
                text.Append(c);
            }
        }

        return (text.ToString(), isQuoted);
    }
}
