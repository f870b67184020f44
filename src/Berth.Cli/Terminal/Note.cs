using System.Text;

namespace Berth.Cli.Terminal;

/// <summary>A remark beside a command's output, as the stock CLI shows them.</summary>
internal static class Note
{
    private const string Indent = "         ";

    /// <summary>Writes a remark of several lines; a word that begins with two dashes is a flag.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="isTerminal">Whether it is shown in colours.</param>
    /// <param name="text">Without an end of line.</param>
    public static void Write(TextOutput output, bool isTerminal, string text)
    {
        string[] lines = text.Split('\n');
        var result = new StringBuilder("\n");
        result.Append(isTerminal ? "\e[1m\e[106m\e[30mi\e[0m\e[0m \e[96mInfo → \e[0m\e[0m" : " Info -> ");
        for (int i = 0; i < lines.Length; i++)
            result.Append(i == 0 ? "" : Indent).Append(isTerminal ? "\e[3m" + Decorate(lines[i]) + "\e[0m" : lines[i]).Append('\n');

        output.Write(result.ToString());
    }

    private static string Decorate(string line) => string.Join(' ', line.Split(' ').Select(static word =>
        word.StartsWith("--", StringComparison.Ordinal) ? $"\e[1m{word}\e[0m" : word.StartsWith("https://", StringComparison.Ordinal) ? $"\e[4m{word}\e[0m" : word));
}
