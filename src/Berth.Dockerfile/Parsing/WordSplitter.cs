using System.Text;

namespace Berth.Dockerfile.Parsing;

/// <summary>The ways in which instructions split their arguments.</summary>
internal static class WordSplitter
{
    private static readonly char[] Spaces = ['\t', '\v', '\f', '\r', ' '];

    /// <summary>Splits off the first word; the rest begins after the spaces behind it.</summary>
    public static (string First, string? Tail) Cut(string text)
    {
        int end = text.IndexOfAny(Spaces);
        return end < 0 ? (text, null) : (text[..end], text[end..].TrimStart(Spaces));
    }

    /// <summary>Splits at spaces alone.</summary>
    public static IReadOnlyList<string> AtSpaces(string text) => text.Length == 0 ? [] : text.Split(Spaces, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Splits at spaces outside quotes; quotes and escapes stay in the words.</summary>
    public static List<string> KeepingQuotes(string text, char escape)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                Flush(words, word);
                continue;
            }

            if (c == escape && quote != '\'')
            {
                if (i + 1 < text.Length) // at the end it is dropped
                {
                    word.Append(c).Append(text[++i]);
                }

                continue;
            }

            quote = quote == '\0' && (c is '\'' or '"') ? c : c == quote ? '\0' : quote;
            word.Append(c);
        }

        Flush(words, word);
        return words;
    }

    /// <summary>Takes the words that begin with two dashes, without their quotes; <c>--</c> alone ends them.</summary>
    public static (IReadOnlyList<string> Flags, string Tail) Flags(string text, char escape)
    {
        var flags = new List<string>();
        int at = 0;
        while (true)
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }

            if (!text.AsSpan(at).StartsWith("--", StringComparison.Ordinal))
            {
                return (flags, text[at..].Trim());
            }

            string flag = Unquoted(text, ref at, escape);
            if (flag == "--")
            {
                return (flags, text[at..].Trim());
            }

            flags.Add(flag);
        }
    }

    private static string Unquoted(string text, ref int at, char escape)
    {
        var word = new StringBuilder();
        char quote = '\0';
        for (; at < text.Length && (quote != '\0' || !char.IsWhiteSpace(text[at])); at++)
        {
            char c = text[at];
            if (c == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && (c is '\'' or '"'))
            {
                quote = c;
            }
            else if (c != escape)
            {
                word.Append(c);
            }
            else if (at + 1 < text.Length)
            {
                word.Append(text[++at]);
            }
        }

        return word.ToString();
    }

    private static void Flush(List<string> words, StringBuilder word)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString());
            word.Clear();
        }
    }
}
