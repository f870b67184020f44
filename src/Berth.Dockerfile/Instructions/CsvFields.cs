using System.Text;

namespace Berth.Dockerfile.Instructions;

/// <summary>Fields with commas between them, one line of RFC 4180: in double quotes a comma is none, and two quotes are one.</summary>
internal static class CsvFields
{
    public static List<string> Split(string text, SourceRange range)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        int at = 0;
        while (true)
        {
            field.Clear();
            if (at < text.Length && text[at] == '"')
            {
                at = ReadQuoted(text, at + 1, field, range);
            }
            else
            {
                int end = text.IndexOf(',', at);
                end = end < 0 ? text.Length : end;
                field.Append(text, at, end - at);
                at = end;
                if (field.ToString().Contains('"', StringComparison.Ordinal))
                {
                    throw RunMount.Wrong("failed to parse csv mounts: bare \" in non-quoted field", range);
                }
            }

            fields.Add(field.ToString());
            if (at >= text.Length)
            {
                return fields;
            }

            at++; // the comma
        }
    }

    private static int ReadQuoted(string text, int at, StringBuilder field, SourceRange range)
    {
        for (; at < text.Length; at++)
        {
            if (text[at] != '"')
            {
                field.Append(text[at]);
            }
            else if (at + 1 < text.Length && text[at + 1] == '"')
            {
                field.Append(text[at++]);
            }
            else if (at + 1 < text.Length && text[at + 1] != ',')
            {
                break;
            }
            else
            {
                return at + 1;
            }
        }

        throw RunMount.Wrong("failed to parse csv mounts: extraneous or missing \" in quoted-field", range);
    }
}
