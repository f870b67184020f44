using Berth.Linux.Terminal;

namespace Berth.Cli.Commands;

/// <summary>What a prune operation removed.</summary>
/// <param name="Text">Lines with a title, or nothing.</param>
/// <param name="Bytes">Space that is free now.</param>
internal readonly record struct PruneReport(string Text, long Bytes);

/// <summary>Asks before something is removed.</summary>
internal static class Confirmation
{
    /// <summary>Whether the user says yes; everything else, also the end of the input, is a no.</summary>
    public static bool Ask(CliContext context, string question)
    {
        context.Out.Write(question + " [y/N] ");
        context.Out.Flush();
        using var stdin = new StandardStream(0);
        var answer = new List<byte>();
        Span<byte> letter = stackalloc byte[1];
        while (stdin.Read(letter) == 1 && letter[0] != '\n')
            answer.Add(letter[0]);

        return System.Text.Encoding.UTF8.GetString([.. answer]).Trim().Equals("y", StringComparison.OrdinalIgnoreCase);
    }
}
