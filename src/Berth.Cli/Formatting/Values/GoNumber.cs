using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>Floating-point numbers as Go's strconv writes them.</summary>
internal static class GoNumber
{
    /// <summary>A number by a verb of fmt (<c>e E f F g G v</c>); a negative precision is the verb's default.</summary>
    public static string Format(double value, char verb, int precision)
    {
        if (!double.IsFinite(value))
            return double.IsNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";

        switch (verb)
        {
            case 'f' or 'F':
                return value.ToString("F" + (precision < 0 ? 6 : precision), CultureInfo.InvariantCulture);
            case 'e' or 'E':
                string scientific = value.ToString("E" + (precision < 0 ? 6 : precision), CultureInfo.InvariantCulture);
                return Exponent(scientific, verb);
            default:
                return General(value, verb == 'G' ? 'E' : 'e', precision, precision < 0 ? 6 : Math.Max(precision, 1));
        }
    }

    /// <summary>A number in JSON: the shortest text that reads back as the same.</summary>
    public static string Json(double value)
    {
        double size = Math.Abs(value);
        if (size != 0 && (size < 1e-6 || size >= 1e21))
        {
            (string digits, int exponent) = Shortest(value);
            return Scientific(value < 0, digits, exponent, 'e').Replace("e-0", "e-", StringComparison.Ordinal);
        }

        (string all, int point) = Shortest(value);
        return Plain(value < 0 || (value == 0 && double.IsNegative(value)), all, point);
    }

    private static string General(double value, char letter, int precision, int bound)
    {
        (string digits, int exponent) = precision < 0 ? Shortest(value) : Rounded(value, Math.Max(precision, 1));
        bool negative = value < 0 || (value == 0 && double.IsNegative(value));
        return exponent < -4 || exponent >= bound ? Scientific(negative, digits, exponent, letter) : Plain(negative, digits, exponent);
    }

    /// <summary>Significant digits without trailing zeros and the exponent of the first.</summary>
    private static (string Digits, int Exponent) Shortest(double value) => Split(Normal(Math.Abs(value).ToString("R", CultureInfo.InvariantCulture)));

    private static (string Digits, int Exponent) Rounded(double value, int digits) => Split(Math.Abs(value).ToString("E" + (digits - 1), CultureInfo.InvariantCulture));

    /// <summary>A plain or scientific number as <c>d.dddE±n</c>.</summary>
    private static string Normal(string text)
    {
        int letter = text.IndexOf('E');
        int exponent = letter < 0 ? 0 : int.Parse(text.AsSpan(letter + 1), CultureInfo.InvariantCulture);
        string mantissa = letter < 0 ? text : text[..letter];
        int point = mantissa.IndexOf('.');
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        exponent += (point < 0 ? digits.Length : point) - 1;
        string trimmed = digits.TrimStart('0');
        return trimmed.Length == 0 ? "0E0" : $"{trimmed[0]}.{trimmed[1..]}E{exponent - (digits.Length - trimmed.Length)}";
    }

    private static (string Digits, int Exponent) Split(string text)
    {
        int letter = text.IndexOf('E');
        string digits = text[..letter].Replace(".", "", StringComparison.Ordinal).TrimEnd('0');
        return (digits.Length == 0 ? "0" : digits, int.Parse(text.AsSpan(letter + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
    }

    private static string Plain(bool negative, string digits, int exponent)
    {
        var output = new StringBuilder(negative ? "-" : "");
        if (exponent < 0)
            return output.Append("0.").Append('0', -exponent - 1).Append(digits).ToString();

        if (digits.Length <= exponent + 1)
            return output.Append(digits).Append('0', exponent + 1 - digits.Length).ToString();

        return output.Append(digits.AsSpan(0, exponent + 1)).Append('.').Append(digits.AsSpan(exponent + 1)).ToString();
    }

    private static string Scientific(bool negative, string digits, int exponent, char letter)
    {
        string mantissa = digits.Length > 1 ? digits[0] + "." + digits[1..] : digits;
        string size = Math.Abs(exponent).ToString("D2", CultureInfo.InvariantCulture);
        return (negative ? "-" : "") + mantissa + letter + (exponent < 0 ? '-' : '+') + size;
    }

    /// <summary>.NET writes three digits of the exponent, Go two or as many as needed.</summary>
    private static string Exponent(string text, char letter)
    {
        int at = text.IndexOf('E');
        int exponent = int.Parse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return text[..at] + letter + (exponent < 0 ? '-' : '+') + Math.Abs(exponent).ToString("D2", CultureInfo.InvariantCulture);
    }
}
