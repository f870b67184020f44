using System.Text;

namespace Berth.Cli.Formatting;

/// <summary>How many columns of a terminal a character takes.</summary>
internal static class TextWidth
{
    /// <summary>The columns of a whole text.</summary>
    public static int Of(string text)
    {
        int columns = 0;
        foreach (Rune rune in text.EnumerateRunes())
            columns += Of(rune);

        return columns;
    }

    /// <summary>2 for the wide and fullwidth characters of East Asia (Unicode annex 11), 1 for all others.</summary>
    public static int Of(Rune rune) => rune.Value switch
    {
        < 0x1100 => 1,
        <= 0x115f or (>= 0x2e80 and <= 0x303e) or (>= 0x3041 and <= 0x33ff) or (>= 0x3400 and <= 0x4dbf) or (>= 0x4e00 and <= 0xa4cf)
            or (>= 0xa960 and <= 0xa97c) or (>= 0xac00 and <= 0xd7a3) or (>= 0xf900 and <= 0xfaff) or (>= 0xfe10 and <= 0xfe19)
            or (>= 0xfe30 and <= 0xfe6b) or (>= 0xff01 and <= 0xff60) or (>= 0xffe0 and <= 0xffe6) or (>= 0x16fe0 and <= 0x18cff)
            or (>= 0x1b000 and <= 0x1b2ff) or (>= 0x1f300 and <= 0x1f64f) or (>= 0x1f680 and <= 0x1f6ff) or (>= 0x1f900 and <= 0x1f9ff)
            or (>= 0x20000 and <= 0x3fffd) => 2,
        _ => 1,
    };
}
