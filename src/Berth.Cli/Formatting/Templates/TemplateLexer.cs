using System.Text;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

internal enum TokenKind
{
    End,
    Error,
    Text,
    Open,
    Close,
    Space,
    Identifier,
    Keyword,
    Dot,
    Field,
    Variable,
    Boolean,
    Nil,
    Number,
    Character,
    String,
    RawString,
    Pipe,
    Declare,
    Assign,
    LeftParenthesis,
    RightParenthesis,
    Other,
}

/// <summary>A token with the line it is on; an error's text is its message.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Position, int Line)
{
    /// <summary>As error messages show it.</summary>
    public override string ToString() => Kind switch
    {
        TokenKind.End => "EOF",
        TokenKind.Error => Text,
        TokenKind.Keyword or TokenKind.Dot or TokenKind.Nil => $"<{Text}>",
        _ when GoText.RuneCount(Text) > 10 => GoText.Quote(string.Concat(Text.EnumerateRunes().Take(10).Select(rune => rune.ToString()))) + "...",
        _ => GoText.Quote(Text),
    };
}

/// <summary>Splits a template into tokens (text/template's grammar); the last one is the end or an error.</summary>
internal sealed class TemplateLexer
{
    private const string Spaces = " \t\r\n";

    private readonly string text;
    private readonly List<Token> tokens = [];
    private int position;
    private int line = 1;
    private int counted;

    private TemplateLexer(string text) => this.text = text;

    public static List<Token> Read(string text)
    {
        var lexer = new TemplateLexer(text);
        while (lexer.ReadText() && lexer.ReadAction())
        {
            // One text and one action at a time.
        }

        return lexer.tokens;
    }

    /// <summary>The text before the next action, without what its trim marker takes away; false at the end.</summary>
    private bool ReadText()
    {
        int open = text.IndexOf("{{", position, StringComparison.Ordinal);
        int end = open < 0 ? text.Length : open;
        string plain = text[position..end];
        bool trims = open >= 0 && HasLeftTrim(open + 2);
        int start = position;
        if (trims)
            plain = plain.TrimEnd(' ', '\t', '\r', '\n');

        if (plain.Length > 0)
            Add(TokenKind.Text, plain, start);

        position = end;
        if (open < 0)
        {
            Add(TokenKind.End, "", end);
            return false;
        }

        int inside = open + (trims ? 4 : 2);
        if (text.AsSpan(trims ? inside - 1 : inside).TrimStart(trims ? Spaces : "").StartsWith("/*"))
            return ReadComment(text.IndexOf("/*", inside - 1, StringComparison.Ordinal));

        Add(TokenKind.Open, "{{", open);
        position = trims ? inside - 1 : inside;
        return true;
    }

    private bool HasLeftTrim(int at) => at + 1 < text.Length && text[at] == '-' && Spaces.Contains(text[at + 1], StringComparison.Ordinal);

    private bool ReadComment(int start)
    {
        int end = text.IndexOf("*/", start + 2, StringComparison.Ordinal);
        if (end < 0)
            return Fail("unclosed comment", start);

        position = end + 2;
        if (!AtClose(out bool trims, out int length))
            return Fail("comment ends before closing delimiter", position);

        position += length;
        if (trims)
            SkipSpaces();

        return ReadText();
    }

    /// <summary>Whether a closing delimiter, perhaps with a trim marker, begins here.</summary>
    private bool AtClose(out bool trims, out int length)
    {
        trims = position + 3 < text.Length && Spaces.Contains(text[position], StringComparison.Ordinal)
            && string.CompareOrdinal(text, position + 1, "-}}", 0, 3) == 0;
        length = trims ? 4 : 2;
        return trims || string.CompareOrdinal(text, position, "}}", 0, 2) == 0;
    }

    private void SkipSpaces()
    {
        while (position < text.Length && Spaces.Contains(text[position], StringComparison.Ordinal))
            position++;
    }

    /// <summary>Reads one action up to its end; false after an error.</summary>
    private bool ReadAction()
    {
        int depth = 0;
        while (true)
        {
            if (AtClose(out bool trims, out int length))
            {
                if (depth > 0)
                    return Fail("unclosed left paren", position);

                Add(TokenKind.Close, "}}", position);
                position += length;
                if (trims)
                    SkipSpaces();

                return true;
            }

            if (position >= text.Length)
                return Fail("unclosed action", position);

            char c = text[position];
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth < 0)
                return Fail("unexpected right paren", position);

            if (!ReadToken(c))
                return false;
        }
    }

    private bool ReadToken(char c)
    {
        char next = position + 1 < text.Length ? text[position + 1] : '\0';
        switch (c)
        {
            case ' ' or '\t' or '\r' or '\n':
                return ReadSpaces();
            case '=':
                return Take(TokenKind.Assign, 1);
            case ':':
                return next == '=' ? Take(TokenKind.Declare, 2) : Fail("expected :=", position);
            case '|':
                return Take(TokenKind.Pipe, 1);
            case '(':
                return Take(TokenKind.LeftParenthesis, 1);
            case ')':
                return Take(TokenKind.RightParenthesis, 1);
            case '"':
                return ReadQuoted(TokenKind.String, "unterminated quoted string");
            case '\'':
                return ReadQuoted(TokenKind.Character, "unterminated character constant");
            case '`':
                int close = text.IndexOf('`', position + 1);
                return close < 0 ? Fail("unterminated raw quoted string", position) : Take(TokenKind.RawString, close + 1 - position);
            case '$':
                return ReadName(TokenKind.Variable);
            case '.' when !char.IsAsciiDigit(next):
                return ReadName(position + 1 < text.Length && !IsTerminator(position + 1) ? TokenKind.Field : TokenKind.Dot);
        }

        if (c is '+' or '-' or '.' || char.IsAsciiDigit(c))
            return ReadNumber();

        if (IsWord(c))
            return ReadWord();

        Rune.DecodeFromUtf16(text.AsSpan(position), out Rune rune, out _);
        return c is > ' ' and < '\x7f' ? Take(TokenKind.Other, 1) : Fail("unrecognized character in action: " + Describe(rune), position);
    }

    private bool ReadSpaces()
    {
        int end = position;
        while (end < text.Length && Spaces.Contains(text[end], StringComparison.Ordinal))
            end++;

        // The last space belongs to a trim marker after it.
        if (string.CompareOrdinal(text, end, "-}}", 0, 3) == 0)
            end--;

        return end == position || Take(TokenKind.Space, end - position);
    }

    private bool ReadQuoted(TokenKind kind, string problem)
    {
        char quote = text[position];
        for (int i = position + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] != '\n')
                i++;
            else if (text[i] == quote)
                return Take(kind, i + 1 - position);
        }

        return Fail(problem, position);
    }

    private bool ReadName(TokenKind kind)
    {
        int end = position + 1;
        while (end < text.Length && IsWord(text[end]))
            end++;

        return kind != TokenKind.Dot && !CheckEnd(end) ? false : Take(kind, end - position);
    }

    private bool ReadWord()
    {
        int end = position;
        while (end < text.Length && IsWord(text[end]))
            end++;

        if (!CheckEnd(end))
            return false;

        return Take(text[position..end] switch
        {
            "true" or "false" => TokenKind.Boolean,
            "nil" => TokenKind.Nil,
            "block" or "break" or "continue" or "define" or "else" or "end" or "if" or "range" or "template" or "with" => TokenKind.Keyword,
            _ => TokenKind.Identifier,
        }, end - position);
    }

    private bool CheckEnd(int end)
    {
        if (IsTerminator(end))
            return true;

        Rune.DecodeFromUtf16(text.AsSpan(end), out Rune rune, out _);
        return Fail("bad character " + Describe(rune), end);
    }

    private bool IsTerminator(int at) => at >= text.Length || " \t\r\n.,|:)(".Contains(text[at], StringComparison.Ordinal) || string.CompareOrdinal(text, at, "}}", 0, 2) == 0;

    private bool ReadNumber()
    {
        int end = position;
        if (text[end] is '+' or '-')
            end++;

        string digits = "0123456789_";
        if (end + 1 < text.Length && text[end] == '0')
        {
            digits = text[end + 1] switch { 'x' or 'X' => "0123456789abcdefABCDEF_", 'o' or 'O' => "01234567_", 'b' or 'B' => "01_", _ => digits };
            end += digits.Length == 11 && !char.IsAsciiLetter(text[end + 1]) ? 0 : text[end + 1] is 'x' or 'X' or 'o' or 'O' or 'b' or 'B' ? 2 : 0;
        }

        end = Run(end, digits);
        if (end < text.Length && text[end] == '.')
            end = Run(end + 1, digits);

        bool decimalDigits = digits.Length == 11;
        if (end < text.Length && ((decimalDigits && text[end] is 'e' or 'E') || (digits.Length > 11 && text[end] is 'p' or 'P')))
        {
            end++;
            end = Run(end < text.Length && text[end] is '+' or '-' ? end + 1 : end, "0123456789_");
        }

        if (end < text.Length && text[end] == 'i')
            end++;

        if (end < text.Length && IsWord(text[end]))
            return Fail("bad number syntax: " + GoText.Quote(text[position..(end + 1)]), position);

        return Take(TokenKind.Number, end - position);
    }

    private int Run(int at, string allowed)
    {
        while (at < text.Length && allowed.Contains(text[at], StringComparison.Ordinal))
            at++;

        return at;
    }

    private bool Take(TokenKind kind, int length)
    {
        Add(kind, text.Substring(position, length), position);
        position += length;
        return true;
    }

    private void Add(TokenKind kind, string value, int at)
    {
        line += text.AsSpan(counted, Math.Max(0, at - counted)).Count('\n');
        counted = Math.Max(counted, at);
        tokens.Add(new Token(kind, value, at, line));
    }

    private bool Fail(string message, int at)
    {
        Add(TokenKind.Error, message, at);
        return false;
    }

    private static string Describe(Rune rune) => GoText.IsPrintable(rune) ? $"U+{rune.Value:X4} '{rune}'" : $"U+{rune.Value:X4}";

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);
}
