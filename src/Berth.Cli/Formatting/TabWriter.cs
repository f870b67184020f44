using System.Text;

namespace Berth.Cli.Formatting;

/// <summary>
/// Aligns text at tabs: a column is a run of neighbouring lines that have a cell there that a tab ends, and is as wide as its widest cell plus
/// the padding, at least the minimum (Go's text/tabwriter with spaces). The last cell of a line is not padded.
/// </summary>
internal static class TabWriter
{
    private const int MinimumWidth = 10;
    private const int Padding = 3;

    /// <summary>Aligns docker's tables: columns at least 10 wide, 3 spaces between.</summary>
    public static string Align(string text) => Align(text, MinimumWidth, Padding);

    /// <summary>Aligns with another minimum width and padding.</summary>
    public static string Align(string text, int minimumWidth, int padding)
    {
        string[][] lines = [.. text.Split('\n').Select(line => line.Split('\t'))];
        int[][] widths = [.. lines.Select(cells => new int[cells.Length])];
        for (int line = 0; line < lines.Length; line++)
        {
            for (int column = 0; column < lines[line].Length - 1; column++)
            {
                if (widths[line][column] == 0)
                    SetColumnWidth(lines, widths, line, column, minimumWidth, padding);
            }
        }

        var output = new StringBuilder(text.Length * 2);
        for (int line = 0; line < lines.Length; line++)
        {
            string[] cells = lines[line];
            for (int column = 0; column < cells.Length; column++)
            {
                output.Append(cells[column]);
                if (column < cells.Length - 1)
                    output.Append(' ', widths[line][column] - Width(cells[column]));
            }

            if (line < lines.Length - 1)
                output.Append('\n');
        }

        return output.ToString();
    }

    private static void SetColumnWidth(string[][] lines, int[][] widths, int first, int column, int minimumWidth, int padding)
    {
        int end = first;
        int widest = 0;
        while (end < lines.Length && column < lines[end].Length - 1)
            widest = Math.Max(widest, Width(lines[end++][column]));

        // A column without any text takes no room.
        int width = widest == 0 ? 0 : Math.Max(widest + padding, minimumWidth);
        for (int line = first; line < end; line++)
            widths[line][column] = width;
    }

    private static int Width(string cell)
    {
        int width = 0;
        foreach (Rune rune in cell.EnumerateRunes())
            width += TextWidth.Of(rune);

        return width;
    }
}
