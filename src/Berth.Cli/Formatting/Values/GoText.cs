using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>Strings as Go sees them: bytes of UTF-8, and quoted the way strconv does.</summary>
internal static class GoText
{
    public static int ByteLength(string text) => Encoding.UTF8.GetByteCount(text);

    /// <summary>Bytes <paramref name="from"/> up to <paramref name="to"/>; a character cut through becomes U+FFFD.</summary>
    public static string Bytes(string text, int from, int to)
    {
        if (Ascii.IsValid(text))
            return text[from..to];

        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text).AsSpan(from, to - from));
    }

    public static int RuneCount(string text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes())
            count++;

        return count;
    }

    /// <summary>In double quotes, with what cannot be printed escaped.</summary>
    public static string Quote(string text)
    {
        var output = new StringBuilder("\"");
        foreach (Rune rune in text.EnumerateRunes())
            AppendEscaped(output, rune, '"');

        return output.Append('"').ToString();
    }

    /// <summary>A character in single quotes.</summary>
    public static string QuoteRune(long code)
    {
        var output = new StringBuilder("'");
        AppendEscaped(output, code is >= 0 and <= int.MaxValue && Rune.IsValid((int)code) ? new Rune((int)code) : Rune.ReplacementChar, '\'');
        return output.Append('\'').ToString();
    }

    /// <summary>A string literal's value; null when it is malformed.</summary>
    public static string? Unquote(string literal)
    {
        char quote = literal[0];
        if (quote == '`')
            return literal[1..^1].Replace("\r", "", StringComparison.Ordinal);

        var bytes = new List<byte>();
        string inner = literal[1..^1];
        Span<byte> buffer = stackalloc byte[4];
        for (int i = 0; i < inner.Length;)
        {
            int length;
            if (inner[i] == '\n')
                return null;

            if (inner[i] != '\\')
            {
                Rune.DecodeFromUtf16(inner.AsSpan(i), out Rune rune, out int used);
                length = rune.EncodeToUtf8(buffer);
                bytes.AddRange(buffer[..length]);
                i += used;
            }
            else if (!ReadEscape(inner, ref i, quote, bytes))
            {
                return null;
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static bool ReadEscape(string text, ref int position, char quote, List<byte> bytes)
    {
        if (position + 1 >= text.Length)
            return false;

        char c = text[position + 1];
        int simple = c switch { 'a' => 7, 'b' => 8, 'f' => 12, 'n' => 10, 'r' => 13, 't' => 9, 'v' => 11, '\\' => '\\', _ when c == quote => quote, _ => -1 };
        if (simple >= 0)
        {
            bytes.Add((byte)simple);
            position += 2;
            return true;
        }

        (int digits, int radix) = c switch { 'x' => (2, 16), 'u' => (4, 16), 'U' => (8, 16), >= '0' and <= '7' => (3, 8), _ => (0, 0) };
        int start = radix == 8 ? position + 1 : position + 2;
        if (digits == 0 || start + digits > text.Length)
            return false;

        long code = 0;
        foreach (char digit in text.AsSpan(start, digits))
        {
            if (!char.IsAsciiHexDigit(digit) || (radix == 8 && digit > '7'))
                return false;

            code = code * radix + Convert.ToInt32(digit.ToString(), 16);
        }

        position = start + digits;
        if (c is 'u' or 'U')
        {
            if (code > int.MaxValue || !Rune.IsValid((int)code))
                return false;

            bytes.AddRange(Encoding.UTF8.GetBytes(new Rune((int)code).ToString()));
            return true;
        }

        bytes.Add((byte)code);
        return code <= 255;
    }

    private static void AppendEscaped(StringBuilder output, Rune rune, char quote)
    {
        int code = rune.Value;
        if (code == quote || code == '\\')
        {
            output.Append('\\').Append((char)code);
            return;
        }

        string? simple = code switch { 7 => "\\a", 8 => "\\b", 12 => "\\f", 10 => "\\n", 13 => "\\r", 9 => "\\t", 11 => "\\v", _ => null };
        if (simple is not null)
            output.Append(simple);
        else if (IsPrintable(rune))
            output.Append(rune.ToString());
        else if (code < 0x80)
            output.Append("\\x").Append(code.ToString("x2", CultureInfo.InvariantCulture));
        else
            output.Append(code > 0xffff ? "\\U" : "\\u").Append(code.ToString(code > 0xffff ? "x8" : "x4", CultureInfo.InvariantCulture));
    }

    /// <summary>Whether a character shows as itself in quotes; of all spaces only the plain one does.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
