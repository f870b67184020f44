using System.Text;

namespace Berth.Architecture.Tests;

/// <summary>One source file: as it is, and with comments and the contents of strings blanked out so that rules see code alone.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    private string? code;

    /// <summary>The project's name, from the path.</summary>
    public string Project => Path.Split('/')[1];

    /// <summary>The text without comments and string contents; line breaks stay.</summary>
    public string Code => code ??= Strip(Text);

    public int Lines => Text.Count(static c => c == '\n');

    /// <summary>Path and line of an offset in <see cref="Code"/>, for messages.</summary>
    public string At(int offset) => $"{Path}:{Code.AsSpan(0, offset).Count('\n') + 1}";

    private static string Strip(string text)
    {
        var result = new StringBuilder(text.Length);
        int i = 0;
        while (i < text.Length)
        {
            int end = EndOfHidden(text, i);
            if (end == i)
            {
                result.Append(text[i++]);
                continue;
            }

            for (; i < end; i++)
            {
                result.Append(text[i] == '\n' ? '\n' : ' ');
            }
        }

        return result.ToString();
    }

    // Where the comment or literal that begins at i ends; i itself when none begins there.
    private static int EndOfHidden(string text, int i)
    {
        ReadOnlySpan<char> rest = text.AsSpan(i);
        if (rest.StartsWith("//"))
        {
            return EndAfter(text, "\n", i, keep: 1);
        }

        if (rest.StartsWith("/*"))
        {
            return EndAfter(text, "*/", i + 2, keep: 0);
        }

        int quotes = 0;
        while (quotes < rest.Length && rest[quotes] == '"')
        {
            quotes++;
        }

        if (quotes >= 3)
        {
            return EndAfter(text, new string('"', quotes), i + quotes, keep: 0);
        }

        bool isVerbatim = i > 0 && (text[i - 1] == '@' || (i > 1 && text[i - 1] == '$' && text[i - 2] == '@'));
        return rest[0] is '"' or '\'' ? EndOfLiteral(text, i, isVerbatim && rest[0] == '"') : i;
    }

    private static int EndOfLiteral(string text, int start, bool isVerbatim)
    {
        char quote = text[start];
        for (int i = start + 1; i < text.Length; i++)
        {
            if (text[i] == '\\' && !isVerbatim)
            {
                i++;
            }
            else if (text[i] == quote)
            {
                if (!isVerbatim || i + 1 == text.Length || text[i + 1] != quote)
                {
                    return i + 1;
                }

                i++;
            }
        }

        return text.Length;
    }

    private static int EndAfter(string text, string mark, int from, int keep)
    {
        int at = text.IndexOf(mark, from, StringComparison.Ordinal);
        return at < 0 ? text.Length : at + mark.Length - keep;
    }
}
