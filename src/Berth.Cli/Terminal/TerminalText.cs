using System.Globalization;
using System.Text;

namespace Berth.Cli.Terminal;

/// <summary>Others' words on their way to a terminal: what would control it, turn lines around or be invisible becomes a space. Nothing is cut.</summary>
internal static class TerminalText
{
    /// <summary>The text on one line.</summary>
    public static string Line(string? text) => Clean(text ?? "", keepsLines: false);

    /// <summary>The text with its ends of lines and tabulators.</summary>
    public static string Lines(string? text) => Clean(text ?? "", keepsLines: true);

    private static string Clean(string text, bool keepsLines)
    {
        var shown = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            shown.Append(IsShown(rune) || (keepsLines && rune.Value is ('\n' or '\t')) ? rune.ToString() : " ");

        return shown.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
