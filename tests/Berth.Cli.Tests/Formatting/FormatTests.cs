using System.Text;
using Berth.Cli.Tests.Support;

namespace Berth.Cli.Tests.Formatting;

/// <summary>
/// <c>--format</c> beside the stock CLI: the cases under Golden/Formats were recorded by it over recorded answers of a daemon. UPDATE_GOLDEN=1
/// records them anew where the stock CLI is installed; a new case is a line with its command, recorded the same way.
/// </summary>
public sealed class FormatTests
{
    [Theory]
    [InlineData("inspect")]
    [InlineData("syntax")]
    [InlineData("functions")]
    [InlineData("printf")]
    [InlineData("objects")]
    [InlineData("lists")]
    public async Task Prints_what_the_stock_CLI_printed(string name)
    {
        using var engine = new EngineReplay();
        string file = Path.Combine(Path.GetDirectoryName(EngineReplay.AnswerFolder())!, name + ".txt"); // Answers is in a folder
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1" && FormatCase.StockCli is not null)
            FormatCase.Write(file, FormatCase.Read(file).Select(item => item with { Outcome = FormatCase.RunStock(item.Arguments, engine.Host) }));

        var differences = new StringBuilder();
        List<FormatCase> cases = FormatCase.Read(file);
        foreach (FormatCase item in cases)
            Compare(item.Arguments, item.Outcome, await FormatCase.RunOwnAsync(item.Arguments, engine.Host), differences);

        Assert.NotEmpty(cases);
        Assert.True(differences.Length == 0, differences.ToString());
    }

    internal static void Compare(IReadOnlyList<string> arguments, FormatOutcome stock, FormatOutcome own, StringBuilder differences)
    {
        if (stock != own)
        {
            differences.Append($"\n$ {string.Join(' ', arguments)}\n");
            Append(differences, "status", stock.Status.ToString(), own.Status.ToString());
            Append(differences, "stdout", stock.Output, own.Output);
            Append(differences, "stderr", stock.Error, own.Error);
            Append(differences, "request", stock.Requests, own.Requests);
        }
    }

    private static void Append(StringBuilder differences, string what, string stock, string own)
    {
        string[] wanted = stock.Split('\n');
        string[] got = own.Split('\n');
        for (int i = 0; i < Math.Max(wanted.Length, got.Length); i++)
        {
            string left = i < wanted.Length ? wanted[i] : "(none)";
            string right = i < got.Length ? got[i] : "(none)";
            if (left != right)
                differences.Append($"  {what} {i}\n    stock {left}\n    own   {right}\n");
        }
    }
}
