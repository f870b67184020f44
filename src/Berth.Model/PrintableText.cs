using System.Globalization;
using System.Text;

namespace Berth.Model;

/// <summary>Others' words in messages of ours, which end up on terminals and in logs: what would control a terminal, turn lines around or be invisible becomes a space.</summary>
public static class PrintableText
{
    private const int MaxText = 2000;

    /// <summary>The text on one line; after 2000 characters it is cut.</summary>
    public static string Of(string? text) => Line(text is { Length: > MaxText } ? text[..MaxText] + "…" : text);

    /// <summary>The text on one line, all of it.</summary>
    public static string Line(string? text) => Clean(text ?? "", keepsLines: false);

    /// <summary>The text with its ends of lines and tabulators, all of it.</summary>
    public static string Lines(string? text) => Clean(text ?? "", keepsLines: true);

    private static string Clean(string text, bool keepsLines)
    {
        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            shown.Append(IsShown(rune) || (keepsLines && rune.Value is ('\n' or '\t')) ? rune.ToString() : " ");
        }

        return shown.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
