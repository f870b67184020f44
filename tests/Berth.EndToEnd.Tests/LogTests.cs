using System.Globalization;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>What a container printed, afterwards and while it prints.</summary>
public sealed class LogTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task StreamsStayApartAndTailCutsFromTheEnd(string client)
    {
        Cli cli = fixture.Client(client);
        string name = await RunAsync(cli, "for i in 1 2 3 4 5; do echo out $i; done; echo err >&2");
        CommandResult all = (await cli.RunAsync("logs", name)).Expect();
        Assert.Equal("out 1\nout 2\nout 3\nout 4\nout 5\n", all.Output);
        Assert.Equal("err\n", all.Error);
        CommandResult tail = (await cli.RunAsync("logs", "--tail", "2", name)).Expect();
        Assert.Equal("out 5\nerr\n", tail.Output + tail.Error);
        Assert.Equal("", (await cli.RunAsync("logs", "--tail", "0", name)).Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task LabelsAndVariablesGoWithEveryRecordWhenAskedFor(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync(
            "run", "--name", name, "--network", "none", "--label", "who=me & <you>", "--label", "not=asked", "-e", "WHERE=here", "--log-opt", "labels=who,none", "--log-opt", "env=WHERE", "--log-opt",
            "max-size=1k", "--log-opt", "max-file=5", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7; do echo line $i; done; echo error >&2; printf unended")).Expect();
        CommandResult details = (await cli.RunAsync("logs", "--details", "-n", "3", name)).Expect();
        Assert.Equal("WHERE=here,who=me+%26+%3Cyou%3E line 7\nWHERE=here,who=me+%26+%3Cyou%3E unended", details.Output);
        Assert.Equal("WHERE=here,who=me+%26+%3Cyou%3E error\n", details.Error);
        Assert.Equal("line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\nunended", (await cli.RunAsync("logs", name)).Expect().Output);
        string id = (await cli.RunAsync("inspect", "-f", "{{.Id}}", name)).Expect().Line;
        string[] files = Directory.GetFiles(Path.Combine(fixture.Daemon.DataRoot, "containers", id), "*-json.log*");
        Assert.True(files.Length > 1, "the log was not rotated");
        foreach (string line in files.SelectMany(File.ReadLines))
        {
            JsonObject record = JsonNode.Parse(line)!.AsObject(); // a line is an object
            Assert.Equal(("here", "me & <you>"), ((string?)record["attrs"]!["WHERE"], (string?)record["attrs"]!["who"]));
            Assert.Equal(TimeSpan.Zero, DateTimeOffset.Parse((string)record["time"]!, CultureInfo.InvariantCulture).Offset);
        }
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task TimestampsAreTimesAndSinceCutsByThem(string client)
    {
        Cli cli = fixture.Client(client);
        string name = await RunAsync(cli, "echo first; sleep 0.3; echo second");
        string[] lines = (await cli.RunAsync("logs", "-t", name)).Expect().Line.Split('\n');
        Assert.Equal(["first", "second"], lines.Select(static line => line.Split(' ')[1]));
        DateTimeOffset[] times = [.. lines.Select(static line => DateTimeOffset.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture))];
        Assert.InRange((times[1] - times[0]).TotalSeconds, 0.2, 5);
        Assert.InRange((DateTimeOffset.UtcNow - times[1]).TotalSeconds, 0, 30);
        string between = (times[0] + TimeSpan.FromMilliseconds(100)).ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        Assert.Equal("second\n", (await cli.RunAsync("logs", "--since", between, name)).Expect().Output);
        Assert.Equal("first\n", (await cli.RunAsync("logs", "--until", between, name)).Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task FollowingShowsLinesAsTheyComeAndEndsWithTheContainer(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "-i", "--network", "none", "--name", name, "busybox", "sh", "-c", "echo one; while [ ! -e /go ]; do sleep 0.02; done; echo two")).Expect();
        await using CliSession follow = cli.Start("logs", "-f", name);
        await follow.ExpectAsync("one\n");
        Assert.False(follow.HasEnded);
        (await cli.RunAsync("exec", name, "touch", "/go")).Expect();
        Assert.Equal("one\ntwo\n", (await follow.WaitAsync()).Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task BytesComeBackAsTheyWentOut(string client)
    {
        // Long lines are cut into parts in the file and must be whole again; the last line has no end.
        Cli cli = fixture.Client(client);
        string name = await RunAsync(cli, "head -c 50000 /dev/zero | tr '\\0' 'x'; echo; printf 'quote \" back \\\\ tab \\t bell \\007 umlaut \\303\\274'");
        Assert.Equal(new string('x', 50000) + "\nquote \" back \\ tab \t bell \a umlaut ü", (await cli.RunAsync("logs", name)).Expect().Output);
    }

    /// <summary>A container may print for ever: the log is cut into three files of 10 MB, and what is kept has no gap.</summary>
    [Fact]
    public async Task ALongLogIsRotatedWithoutAGap()
    {
        const int Lines = 400_000;
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync(["run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c",
            $"seq {Lines} | awk '{{ printf \"%08d %092d\\n\", $1, 0 }}'"], stdin: null)).Expect();
        Assert.Equal("0", (await fixture.Berth.RunAsync(["wait", name], null, TimeSpan.FromSeconds(120))).Expect().Line);

        string id = (await fixture.Berth.RunAsync("inspect", "-f", "{{.Id}}", name)).Expect().Line;
        FileInfo[] files = [.. Directory.EnumerateFiles(Path.Combine(fixture.Daemon.DataRoot, "containers", id), "*-json.log*").Select(static path => new FileInfo(path))];
        Assert.Equal(3, files.Length);
        Assert.All(files, static file => Assert.InRange(file.Length, 1, 10_500_000));

        string[] lines = (await fixture.Berth.RunAsync(["logs", name], null, TimeSpan.FromSeconds(60))).Expect().Line.Split('\n');
        int first = int.Parse(lines[0].AsSpan(0, 8), CultureInfo.InvariantCulture);
        Assert.InRange(lines.Length, 100_000, 250_000);
        Assert.Equal(Lines, first + lines.Length - 1);
        for (int i = 0; i < lines.Length; i++)
        {
            Assert.Equal(first + i, int.Parse(lines[i].AsSpan(0, 8), CultureInfo.InvariantCulture));
        }
    }

    /// <summary>The file is docker's: tools that read it go on working.</summary>
    [Fact]
    public async Task TheFileIsInDockersFormat()
    {
        string name = await RunAsync(fixture.Berth, "echo hello");
        string path = (await fixture.Berth.RunAsync("inspect", "-f", "{{.LogPath}}", name)).Expect().Line;
        JsonNode entry = JsonNode.Parse(Assert.Single(await File.ReadAllLinesAsync(path)))!; // the line is no JSON null
        Assert.Equal(("hello\n", "stdout"), (entry["log"]!.GetValue<string>(), entry["stream"]!.GetValue<string>())); // the format's members
        Assert.EndsWith("Z", entry["time"]!.GetValue<string>(), StringComparison.Ordinal); // as above
    }

    private async Task<string> RunAsync(Cli cli, string script)
    {
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c", script)).Expect();
        Assert.Equal("0", (await cli.RunAsync("wait", name)).Expect().Line);
        return name;
    }
}
