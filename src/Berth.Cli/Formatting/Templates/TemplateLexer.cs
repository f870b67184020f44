using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Templates;

internal enum TokenKind
{
    End,
    Word,
    Field,
    Dot,
    Variable,
    Literal,
    Symbol,
}

/// <summary>A token of an action; <see cref="Glued"/> when no space separates it from the one before.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Position, bool Glued, object? Value = null);

/// <summary>Splits the inside of one <c>{{ }}</c> into tokens (text/template's grammar).</summary>
internal static class TemplateLexer
{
    public static List<Token> Read(string text, int start, int end)
    {
        var tokens = new List<Token>();
        int position = start;
        bool glued = false;
        while (position < end)
        {
            char c = text[position];
            if (char.IsWhiteSpace(c))
            {
                position++;
                glued = false;
                continue;
            }

            Token token = ReadOne(text, position, end) with { Glued = glued };
            tokens.Add(token);
            position += token.Text.Length;
            glued = true;
        }

        tokens.Add(new Token(TokenKind.End, "", end, Glued: false));
        return tokens;
    }

    private static Token ReadOne(string text, int position, int end)
    {
        char c = text[position];
        switch (c)
        {
            case '"' or '`' or '\'':
                return ReadQuoted(text, position, end);
            case '|' or '(' or ')' or ',' or '=':
                return new Token(TokenKind.Symbol, c.ToString(), position, Glued: false);
            case ':' when position + 1 < end && text[position + 1] == '=':
                return new Token(TokenKind.Symbol, ":=", position, Glued: false);
            case '$':
                return new Token(TokenKind.Variable, text[position..WordEnd(text, position + 1, end)], position, Glued: false);
            case '.' when position + 1 >= end || !(IsWord(text[position + 1]) || char.IsAsciiDigit(text[position + 1])):
                return new Token(TokenKind.Dot, ".", position, Glued: false);
            case '.' when IsWord(text[position + 1]):
                return new Token(TokenKind.Field, text[position..WordEnd(text, position + 1, end)], position, Glued: false);
        }

        if (char.IsAsciiDigit(c) || c is '+' or '-' or '.')
            return ReadNumber(text, position, end);

        if (IsWord(c))
        {
            string word = text[position..WordEnd(text, position, end)];
            return word switch
            {
                "true" or "false" => new Token(TokenKind.Literal, word, position, Glued: false, word == "true"),
                _ => new Token(TokenKind.Word, word, position, Glued: false),
            };
        }

        throw new TemplateException($"template: :{Line(text, position)}: unexpected {Describe(c)} in command", isSyntax: true);
    }

    /// <summary>The 1-based line that a position is on.</summary>
    public static int Line(string text, int position) => text.AsSpan(0, position).Count('\n') + 1;

    private static string Describe(char c) => $"\"{c}\"";

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);

    private static int WordEnd(string text, int position, int end)
    {
        while (position < end && IsWord(text[position]))
            position++;

        return position;
    }

    private static Token ReadNumber(string text, int position, int end)
    {
        int stop = position + 1;
        while (stop < end && (IsWord(text[stop]) || text[stop] == '.' || (text[stop] is '+' or '-' && text[stop - 1] is 'e' or 'E')))
            stop++;

        string word = text[position..stop];
        object? value = null;
        if (long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
            value = whole;
        else if (word.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            && long.TryParse(word.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out whole))
            value = whole;
        else if (double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double fraction))
            value = fraction;

        return value is null
            ? throw new TemplateException($"template: :{Line(text, position)}: bad number syntax: \"{word}\"", isSyntax: true)
            : new Token(TokenKind.Literal, word, position, Glued: false, value);
    }

    private static Token ReadQuoted(string text, int position, int end)
    {
        char quote = text[position];
        var value = new StringBuilder();
        for (int i = position + 1; i < end; i++)
        {
            char c = text[i];
            if (c == quote)
            {
                if (quote == '\'' && value.Length != 1)
                    throw new TemplateException($"template: :{Line(text, position)}: malformed character constant: {text[position..(i + 1)]}", isSyntax: true);

                object result = quote == '\'' ? (long)value[0] : value.ToString();
                return new Token(TokenKind.Literal, text[position..(i + 1)], position, Glued: false, result);
            }

            if (c == '\\' && quote != '`' && i + 1 < end)
            {
                i++;
                value.Append(text[i] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', '0' => '\0', 'a' => '\a', var other => other });
            }
            else
            {
                value.Append(c);
            }
        }

        throw new TemplateException($"template: :{Line(text, position)}: unterminated quoted string", isSyntax: true);
    }
}
