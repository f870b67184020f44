using System.Globalization;
using System.Text;

namespace Berth.Model;

/// <summary>Others' words in messages of ours: they end up on terminals and in logs.</summary>
public static class PrintableText
{
    private const int MaxText = 2000;

    /// <summary>The text on one line: what controls a terminal, breaks or turns lines, or is invisible becomes a space; after 2000 characters it is cut.</summary>
    public static string Of(string? text)
    {
        string cut = text is null ? "" : text.Length > MaxText ? text[..MaxText] + "…" : text;
        var shown = new StringBuilder(cut.Length);
        foreach (Rune rune in cut.EnumerateRunes())
        {
            bool isShown = Rune.GetUnicodeCategory(rune)
                is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            shown.Append(isShown ? rune.ToString() : " ");
        }

        return shown.ToString();
    }
}
