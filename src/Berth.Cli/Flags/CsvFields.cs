using System.Text;

namespace Berth.Cli.Flags;

/// <summary>One line of comma-separated fields, as flags with several settings take it; quotation marks hold a field with commas together (RFC 4180).</summary>
internal static class CsvFields
{
    /// <exception cref="FlagValueException">A quotation mark in the wrong place.</exception>
    public static List<string> Split(string text)
    {
        var fields = new List<string>();
        int position = 0;
        while (true)
        {
            bool quoted = position < text.Length && text[position] == '"';
            fields.Add(quoted ? Quoted(text, ref position) : Plain(text, ref position));
            if (position >= text.Length)
                return fields;

            position++; // the comma
        }
    }

    private static string Plain(string text, ref int position)
    {
        int comma = text.IndexOf(',', position);
        int end = comma < 0 ? text.Length : comma;
        string field = text[position..end];
        if (field.Contains('"', StringComparison.Ordinal))
            throw new FlagValueException($"parse error on line 1, column {position + field.IndexOf('"', StringComparison.Ordinal) + 1}: bare \" in non-quoted-field");

        position = end;
        return field;
    }

    private static string Quoted(string text, ref int position)
    {
        var field = new StringBuilder();
        for (int i = position + 1; i < text.Length; i++)
        {
            if (text[i] != '"')
            {
                field.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == '"')
            {
                field.Append('"');
                i++;
            }
            else if (i + 1 == text.Length || text[i + 1] == ',')
            {
                position = i + 1;
                return field.ToString();
            }
            else
            {
                throw new FlagValueException($"parse error on line 1, column {i + 2}: extraneous or missing \" in quoted-field");
            }
        }

        throw new FlagValueException($"parse error on line 1, column {text.Length + 1}: extraneous or missing \" in quoted-field");
    }
}
