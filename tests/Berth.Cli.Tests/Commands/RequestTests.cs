using System.Text;
using System.Text.RegularExpressions;
using Berth.Cli.Terminal;
using Berth.Cli.Tests.Formatting;
using Berth.Cli.Tests.Support;

namespace Berth.Cli.Tests.Commands;

/// <summary>
/// What commands ask of the daemon, print and end with, beside the stock CLI: recorded by it over the same answers. UPDATE_GOLDEN=1 records anew where the
/// stock CLI is installed; a new case is a line with its command.
/// </summary>
public sealed partial class RequestTests
{
    [Theory]
    [InlineData("networks")]
    [InlineData("create-network")]
    [InlineData("ports")]
    [InlineData("prune")]
    [InlineData("registries")]
    public async Task Asks_what_the_stock_CLI_asked(string name)
    {
        using var engine = new EngineReplay();
        string file = Path.Combine(EngineReplay.AnswerFolder(), "..", "..", "Requests", name + ".txt");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1" && FormatCase.StockCli is not null)
        {
            FormatCase.Write(file, FormatCase.Read(file).Select(item =>
            {
                FormatOutcome outcome = FormatCase.RunStock(item.Arguments, engine.Host);
                return item with { Outcome = Whole(outcome) with { Error = Program().Replace(outcome.Error, "berth"), Requests = engine.TakeRequests() } };
            }).ToList());
        }

        var differences = new StringBuilder();
        List<FormatCase> cases = FormatCase.Read(file);
        foreach (FormatCase item in cases)
        {
            FormatOutcome own = await FormatCase.RunOwnAsync(item.Arguments, engine.Host);
            FormatTests.Compare(item.Arguments, item.Outcome, Whole(own) with { Requests = engine.TakeRequests() }, differences);
        }

        Assert.NotEmpty(cases);
        Assert.True(differences.Length == 0, differences.ToString());
    }

    [Theory]
    [InlineData("y\n", true)]
    [InlineData(" Y ", true)]
    [InlineData("yes\n", false)]
    [InlineData("\ny\n", false)]
    public async Task Questions_are_answered_by_one_line(string answer, bool isYes)
    {
        using var engine = new EngineReplay();
        using var output = new MemoryStream();
        var text = new TextOutput(output);
        Assert.Equal(0, await CommandLine.RunAsync(["-H", engine.Host, "network", "prune"], text, text, new MemoryStream(Encoding.UTF8.GetBytes(answer))));
        text.Flush();
        Assert.Equal(isYes ? "POST /networks/prune\n" : "", engine.TakeRequests());
        Assert.EndsWith(isYes ? "[y/N] Deleted Networks:\na\nb\n\n" : "[y/N] ", Encoding.UTF8.GetString(output.ToArray()), StringComparison.Ordinal);
    }

    // A question has no end of line, which the files could not tell.
    private static FormatOutcome Whole(FormatOutcome outcome) =>
        outcome.Output.Length == 0 || outcome.Output.EndsWith('\n') ? outcome : outcome with { Output = outcome.Output + "(no end of line)\n" };

    [GeneratedRegex("\\bdocker(?=[ :'])")]
    private static partial Regex Program();
}
