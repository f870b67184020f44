using System.Globalization;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Formatting.Templates;

/// <summary>Number and character constants with the types that text/template gives them.</summary>
internal static class TemplateNumber
{
    public static GoValue Read(Token token, Func<string, TemplateException> error)
    {
        string text = token.Text;
        if (token.Kind == TokenKind.Character)
        {
            string value = (text == "''" ? null : GoText.Unquote(text)) ?? throw error("invalid syntax");
            return GoText.RuneCount(value) == 1 ? GoValue.Of(char.ConvertToUtf32(value, 0)) : throw error($"malformed character constant: {text}");
        }

        if (text[^1] == 'i')
            return TryFloat(text[..^1], out double imaginary) ? new GoValue(GoType.Complex, imaginary) : throw error($"illegal number syntax: {GoText.Quote(text)}");

        bool hex = text.TrimStart('+', '-').StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (!(hex ? text.AsSpan().ContainsAny("pP.") : text.AsSpan().ContainsAny(".eE")))
        {
            return TryInteger(text, out long integer)
                ? GoValue.Of(integer)
                : throw error($"{(TryFloat(text, out _) ? "integer overflow" : "illegal number syntax")}: {GoText.Quote(text)}");
        }

        return TryFloat(text, out double number) ? new GoValue(GoType.Float, number) : throw error($"illegal number syntax: {GoText.Quote(text)}");
    }

    private static bool TryFloat(string text, out double number)
    {
        string plain = text.Replace("_", "", StringComparison.Ordinal);
        int digits = plain[0] is '+' or '-' ? 1 : 0;
        return plain.AsSpan(digits).StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? TryHexadecimal(plain.AsSpan(digits + 2), plain[0] == '-', out number)
            : double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Hexadecimal digits, perhaps with a point, then <c>p</c> and a power of two.</summary>
    private static bool TryHexadecimal(ReadOnlySpan<char> text, bool negative, out double number)
    {
        number = 0;
        int letter = text.IndexOfAny('p', 'P');
        if (letter <= 0 || !int.TryParse(text[(letter + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int exponent))
            return false;

        bool fraction = false;
        foreach (char c in text[..letter])
        {
            if (c == '.')
            {
                fraction = true;
                continue;
            }

            number = number * 16 + Convert.ToInt32(c.ToString(), 16);
            exponent -= fraction ? 4 : 0;
        }

        number = Math.ScaleB(negative ? -number : number, exponent);
        return true;
    }

    private static bool TryInteger(string text, out long number)
    {
        number = 0;
        Int128 size = 0;
        string digits = text.TrimStart('+', '-').Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
        int radix = digits switch
        {
            ['0', 'x', ..] => 16,
            ['0', 'o', ..] => 8,
            ['0', 'b', ..] => 2,
            ['0', _, ..] => 8,
            _ => 10,
        };
        string bare = digits.Length > 1 && char.IsAsciiLetter(digits[1]) ? digits[2..] : digits;
        foreach (char c in bare)
        {
            int digit = char.IsAsciiDigit(c) ? c - '0' : c - 'a' + 10;
            if (digit < 0 || digit >= radix)
                return false;

            size = size * radix + digit;
            if (size > (Int128)long.MaxValue + 1)
                return false;
        }

        size = text[0] == '-' ? -size : size;
        number = (long)Int128.Min(size, long.MaxValue);
        return bare.Length > 0 && size <= long.MaxValue;
    }
}
