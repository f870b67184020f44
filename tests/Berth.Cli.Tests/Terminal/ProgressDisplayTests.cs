using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Terminal;

namespace Berth.Cli.Tests.Terminal;

/// <summary>Steps of a pull beside what the stock CLI drew of the same ones (Golden/Progress): on terminals of three widths, and into a file.</summary>
public sealed class ProgressDisplayTests
{
    [Theory]
    [InlineData(200, "terminal-200")]
    [InlineData(100, "terminal-100")]
    [InlineData(50, "terminal-50")]
    [InlineData(null, "file")]
    public void Draws_what_the_stock_CLI_draws(int? width, string recorded)
    {
        using var output = new MemoryStream();
        var display = new ProgressDisplay(new TextOutput(output), width is { } columns ? () => columns : null);
        foreach (string line in Golden.Lines("Progress/steps"))
            display.Show(Step(line));

        Assert.Equal(string.Join('\n', Golden.Lines("Progress/" + recorded)), Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Replace('\r', '\n'));
    }

    [Fact]
    public void A_failure_ends_it_in_the_daemons_words()
    {
        using var output = new MemoryStream();
        var display = new ProgressDisplay(new TextOutput(output), width: null);
        display.Show(Step("""{"status":"a","id":"q"}"""));
        CommandFailedException failure = Assert.Throws<CommandFailedException>(() => display.Show(Step("""{"errorDetail":{"message":"no space"},"error":"no space"}""")));
        Assert.Equal(("no space", 1, true), (failure.Message, failure.ExitCode, failure.IsOfEngine));
        Assert.Equal("q: a\n", Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void Others_words_control_no_terminal()
    {
        using var output = new MemoryStream();
        var display = new ProgressDisplay(new TextOutput(output), static () => 100);
        display.Show(Step("""{"status":"a\u001b[2Jb","id":"q\r\nz","progressDetail":{}}"""));
        display.Show(Step("""{"stream":"one\u009b2J\n\ttwo\u202e\n"}"""));
        Assert.Equal("\n\e[1A\e[2K\rq  z: a [2Jb \r\e[1Bone 2J\n\ttwo \n", Encoding.UTF8.GetString(output.ToArray()));
    }

    [Theory]
    [InlineData(1, 4, 10, 51, "    1B/4B 30s")]
    [InlineData(1, 4, 10, 50, "    1B/4B")]
    [InlineData(1, 101, 36, 100, "    1B/101B 1h0m0s")]
    [InlineData(1, 3, 45, 100, "    1B/3B 1m30s")]
    [InlineData(4, 4, 10, 100, "    4B/4B")]
    public void The_time_that_is_left_follows_from_the_pace(long current, long total, int elapsed, int width, string text)
    {
        DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(1_000_000);
        var progress = new JsonProgress { Current = current, Total = total, Start = 1_000_000 - elapsed };
        Assert.Equal(text.TrimStart(), ProgressBar.Render(progress, width, now).TrimStart());
    }

    private static JsonMessage Step(string line) => JsonSerializer.Deserialize(line, ApiJson.Context.JsonMessage)!; // a line is an object
}
