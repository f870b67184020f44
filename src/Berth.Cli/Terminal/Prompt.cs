using System.Text;
using Berth.Linux.Terminal;

namespace Berth.Cli.Terminal;

/// <summary>What the user answers on standard input.</summary>
internal static class Prompt
{
    private const int LongestInput = 1 << 20;

    /// <summary>Whether somebody is there to answer.</summary>
    public static bool IsPossible(CliContext context) => context.Answers is null ? LocalTerminal.IsTerminal(0) : context.Answers != Stream.Null;

    /// <summary>Asks for a line; empty at the end of the input.</summary>
    public static string Ask(CliContext context, string question)
    {
        context.Out.Write(question);
        context.Out.Flush();
        return ReadLine(context);
    }

    /// <summary>Asks for a line that a terminal does not show.</summary>
    public static string AskSecret(CliContext context, string question)
    {
        context.Out.Write(question);
        context.Out.Flush();
        using (context.Answers is null && LocalTerminal.IsTerminal(0) ? RawTerminal.EnterSilent() : null)
        {
            string answer = ReadLine(context);
            context.Out.WriteLine();
            return answer;
        }
    }

    /// <summary>The whole input as text.</summary>
    /// <exception cref="CommandFailedException">It is longer than any secret.</exception>
    public static string ReadAll(CliContext context)
    {
        using Stream? stdin = context.Answers is null ? new StandardStream(0) : null;
        Stream input = context.Answers ?? stdin!; // one of them is there
        using var text = new MemoryStream();
        byte[] buffer = new byte[4096];
        for (int count; (count = input.Read(buffer)) > 0;)
        {
            text.Write(buffer, 0, count);
            if (text.Length > LongestInput)
                throw new CommandFailedException("the standard input is longer than 1 MiB", exitCode: 1);
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    /// <summary>A line without its end and without space around it, read byte by byte so that what follows is left to the next reader.</summary>
    public static string ReadLine(CliContext context)
    {
        using Stream? stdin = context.Answers is null ? new StandardStream(0) : null;
        Stream input = context.Answers ?? stdin!; // one of them is there
        var answer = new List<byte>();
        Span<byte> letter = stackalloc byte[1];
        while (input.Read(letter) == 1 && letter[0] != '\n')
            answer.Add(letter[0]);

        return Encoding.UTF8.GetString([.. answer]).Trim();
    }
}
