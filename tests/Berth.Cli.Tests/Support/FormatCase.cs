using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Berth.Cli.Terminal;

namespace Berth.Cli.Tests.Support;

/// <summary>What a command printed and how it ended.</summary>
internal sealed record FormatOutcome(int Status, string Output, string Error)
{
    /// <summary>What it asked of the daemon, a line each; empty when that was not looked at.</summary>
    public string Requests { get; init; } = "";
}

/// <summary>A command line with what the stock CLI made of it, as recorded in Golden/Formats.</summary>
internal sealed partial record FormatCase(IReadOnlyList<string> Arguments, FormatOutcome Outcome)
{
    /// <summary>
    /// Reads a file of cases: <c>$</c> and the arguments separated by <c>¦</c>, then <c>= status</c>, the lines of stdout after <c>&gt;</c>,
    /// those of stderr after <c>!</c> and the requests after <c>&lt;</c>. In an argument ↵ stands for the end of a line.
    /// </summary>
    public static List<FormatCase> Read(string file)
    {
        var cases = new List<FormatCase>();
        foreach (string line in File.ReadAllLines(file))
        {
            FormatOutcome? last = cases.Count > 0 ? cases[^1].Outcome : null;
            if (line.StartsWith("$ ", StringComparison.Ordinal))
                cases.Add(new FormatCase([.. line[2..].Split('¦').Select(argument => argument.Replace('↵', '\n'))], new FormatOutcome(0, "", "")));
            else if (line.StartsWith('='))
                cases[^1] = cases[^1] with { Outcome = last! with { Status = int.Parse(line[2..]) } }; // follows a command
            else if (line.StartsWith('>'))
                cases[^1] = cases[^1] with { Outcome = last! with { Output = last.Output + line[1..] + "\n" } }; // follows a command
            else if (line.StartsWith('!'))
                cases[^1] = cases[^1] with { Outcome = last! with { Error = last.Error + line[1..] + "\n" } }; // follows a command
            else if (line.StartsWith('<'))
                cases[^1] = cases[^1] with { Outcome = last! with { Requests = last.Requests + line[1..] + "\n" } }; // follows a command
        }

        return cases;
    }

    public static void Write(string file, IEnumerable<FormatCase> cases)
    {
        var text = new StringBuilder();
        foreach (FormatCase item in cases)
        {
            text.Append("$ ").AppendJoin('¦', item.Arguments.Select(argument => argument.Replace('\n', '↵'))).Append('\n');
            if (item.Outcome.Status != 0)
                text.Append("= ").Append(item.Outcome.Status).Append('\n');

            Append(text, '>', item.Outcome.Output);
            Append(text, '!', item.Outcome.Error);
            Append(text, '<', item.Outcome.Requests);
        }

        File.WriteAllText(file, text.ToString());
    }

    /// <summary>The stock CLI in PATH; null where there is none.</summary>
    public static string? StockCli { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, "docker")).FirstOrDefault(File.Exists);

    /// <summary>Runs the stock CLI against a daemon.</summary>
    public static FormatOutcome RunStock(IReadOnlyList<string> arguments, string host)
    {
        var start = new ProcessStartInfo(StockCli!, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true }; // callers checked
        start.Environment["DOCKER_HOST"] = host;
        start.Environment["DOCKER_CONFIG"] = "/nonexistent";
        start.Environment["DOCKER_CLI_HINTS"] = "false";
        start.Environment["TZ"] = "UTC";
        using Process process = Process.Start(start)!; // throws if it cannot start
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new FormatOutcome(process.ExitCode, Steady(output), error.Result);
    }

    /// <summary>Runs this project's CLI in this process against a daemon.</summary>
    public static async Task<FormatOutcome> RunOwnAsync(IReadOnlyList<string> arguments, string host)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var outText = new TextOutput(output);
        var errorText = new TextOutput(error);
        int status = await CommandLine.RunAsync(["-H", host, "--config", "/nonexistent", .. arguments], outText, errorText, Stream.Null);
        outText.Flush();
        errorText.Flush();
        return new FormatOutcome(status, Steady(Encoding.UTF8.GetString(output.ToArray())), Encoding.UTF8.GetString(error.ToArray()));
    }

    /// <summary>Without the times of answers that are always young, and the years since those that are not.</summary>
    private static string Steady(string text) => Years().Replace(RecentTime().Replace(text, "DATE TIME"), "SOME years ago");

    [GeneratedRegex("20(2[6-9]|[3-9][0-9])-[0-9]{2}-[0-9]{2} [0-9:]{8}")]
    private static partial Regex RecentTime();

    [GeneratedRegex("[0-9]+ years ago")]
    private static partial Regex Years();

    private static void Append(StringBuilder text, char mark, string lines)
    {
        if (lines.Length == 0)
            return;

        foreach (string line in lines.TrimEnd('\n').Split('\n'))
            text.Append(mark).Append(line).Append('\n');

        for (int i = lines.Length - 1; i > 0 && lines[i] == '\n' && lines[i - 1] == '\n'; i--)
            text.Append(mark).Append('\n');
    }
}
