using System.Text;

namespace Berth.Cli.Flags;

/// <summary>Lays out a command's flags for help: names left, explanations right, wrapped at a width.</summary>
internal static class FlagHelp
{
    // A line may be this much longer than the wrapping width when that saves a line.
    private const int Slop = 5;
    private const int MinimumColumn = 24;

    /// <summary>One line or more for each flag, sorted by name.</summary>
    public static string Render(IEnumerable<Flag> flags, int width)
    {
        var rows = new List<(string Left, string Right)>();
        foreach (Flag flag in flags.Where(flag => !flag.IsHidden).OrderBy(flag => flag.Name, StringComparer.Ordinal))
        {
            string left = flag.Shorthand is { } letter ? $"  -{letter}, --{flag.Name}" : $"      --{flag.Name}";
            if (flag.Type.Length > 0)
                left += " " + flag.Type;

            rows.Add((left, flag.Default is null ? flag.Usage : $"{flag.Usage} (default {flag.Default})"));
        }

        int column = rows.Count == 0 ? 0 : rows.Max(row => row.Left.Length) + 3;
        var output = new StringBuilder();
        foreach ((string left, string right) in rows)
            output.Append(left.PadRight(column)).Append(Wrap(right, column, width)).Append('\n');

        return output.ToString();
    }

    private static string Wrap(string text, int indent, int width)
    {
        int room = width - indent;
        string lineStart = "\n" + new string(' ', indent);
        if (room < MinimumColumn)
            return text.Replace("\n", lineStart, StringComparison.Ordinal);

        var lines = new List<string>();
        string? rest = text;
        while (rest is not null)
        {
            (string line, rest) = TakeLine(rest, room - Slop);
            lines.Add(line.Replace("\n", lineStart, StringComparison.Ordinal));
        }

        return string.Join(lineStart, lines);
    }

    private static (string Line, string? Remainder) TakeLine(string text, int width)
    {
        if (width + Slop > text.Length)
            return (text, null);

        int space = text.AsSpan(0, width).LastIndexOfAny(" \t\n");
        if (space <= 0)
            return (text, null);

        int newLine = text.LastIndexOf('\n', width - 1);
        int cut = newLine > 0 && newLine < space ? newLine : space;
        return (text[..cut], cut + 1 < text.Length ? text[(cut + 1)..] : null);
    }
}
