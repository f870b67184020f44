using System.Text;
using Berth.Model;

namespace Berth.Engine.Images;

/// <summary>Words of a Dockerfile instruction (Dockerfile reference, "Environment replacement" and "ENV").</summary>
internal static class ChangeWords
{
    /// <summary>Splits at white space outside quotes; quotes and backslashes stay as they are.</summary>
    public static List<string> Split(string text)
    {
        var words = new List<string>();
        int start = -1;
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                if (start >= 0)
                {
                    words.Add(text[start..i]);
                    start = -1;
                }

                continue;
            }

            start = start < 0 ? i : start;
            if (c == '\\' && quote != '\'')
            {
                i++;
            }
            else if (quote == '\0' ? c is '"' or '\'' : c == quote)
            {
                quote = quote == '\0' ? c : '\0';
            }
        }

        if (start >= 0)
        {
            words.Add(text[start..]);
        }

        return words;
    }

    /// <summary>Takes quotes and backslashes away and puts in the values of variables; an unset one is empty.</summary>
    /// <param name="word">The word as it was written; white space in it stays.</param>
    /// <param name="env"><c>NAME=value</c>.</param>
    /// <exception cref="EngineException">InvalidArgument for a quote that is not closed; NotImplemented for other forms than $NAME and ${NAME}.</exception>
    public static string Evaluate(string word, IEnumerable<string> env)
    {
        var result = new StringBuilder(word.Length);
        char quote = '\0';
        for (int i = 0; i < word.Length; i++)
        {
            char c = word[i];
            if (c == '\\' && quote != '\'' && i + 1 < word.Length)
            {
                // Between double quotes a backslash is one, unless what follows would mean something.
                i++;
                result.Append(quote == '"' && word[i] is not ('"' or '$' or '\\') ? "\\" : "").Append(word[i]);
            }
            else if (quote == '\0' ? c is '"' or '\'' : c == quote)
            {
                quote = quote == '\0' ? c : '\0';
            }
            else if (c == '$' && quote != '\'')
            {
                string name = VariableAt(word, ref i);
                result.Append(name.Length == 0 ? "$" : ValueOf(name, env));
            }
            else
            {
                result.Append(c);
            }
        }

        return quote == '\0'
            ? result.ToString()
            : throw new EngineException(ErrorKind.InvalidArgument,
                $"failed to process \"{word}\": unexpected end of statement while looking for matching {(quote == '"' ? "double" : "single")}-quote");
    }

    // The name behind the dollar sign at position; position is left on the last character that belongs to it.
    private static string VariableAt(string word, ref int position)
    {
        int start = position + 1;
        bool isBraced = start < word.Length && word[start] == '{';
        start += isBraced ? 1 : 0;
        int end = start;
        while (end < word.Length && (char.IsAsciiLetterOrDigit(word[end]) || word[end] == '_'))
        {
            end++;
        }

        if (isBraced && (end == start || end == word.Length || word[end] != '}'))
        {
            throw new EngineException(ErrorKind.NotImplemented, $"the substitution in \"{word}\" is not supported yet: only $NAME and ${{NAME}} are");
        }

        position = isBraced ? end : end - 1;
        return word[start..end];
    }

    private static string ValueOf(string name, IEnumerable<string> env) =>
        env.LastOrDefault(entry => entry.Length > name.Length && entry[name.Length] == '=' && entry.StartsWith(name, StringComparison.Ordinal)) is { } found ? found[(name.Length + 1)..] : "";
}
