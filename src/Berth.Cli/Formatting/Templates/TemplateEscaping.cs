using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Templates;

/// <summary><c>html</c>, <c>js</c> and <c>urlquery</c>.</summary>
internal static class TemplateEscaping
{
    public static string Html(string text)
    {
        var output = new StringBuilder();
        foreach (char c in text)
            _ = c switch
            {
                '\0' => output.Append('\ufffd'),
                '"' => output.Append("&#34;"),
                '\'' => output.Append("&#39;"),
                '&' => output.Append("&amp;"),
                '<' => output.Append("&lt;"),
                '>' => output.Append("&gt;"),
                _ => output.Append(c),
            };

        return output.ToString();
    }

    public static string JavaScript(string text)
    {
        var output = new StringBuilder();
        foreach (char c in text)
        {
            if (c is '\\' or '\'' or '"')
                output.Append('\\').Append(c);
            else if (c is '<' or '>' or '&' or '=' or < ' ' || (c > '\x7f' && (char.IsControl(c) || char.IsWhiteSpace(c))))
                output.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
            else
                output.Append(c);
        }

        return output.ToString();
    }

    public static string Query(string text)
    {
        var output = new StringBuilder();
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' or (byte)'.' or (byte)'~')
                output.Append((char)b);
            else if (b == ' ')
                output.Append('+');
            else
                output.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return output.ToString();
    }
}
