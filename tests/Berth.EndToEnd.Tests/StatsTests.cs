using System.Text.RegularExpressions;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary><c>berth stats</c> with containers that use something.</summary>
public sealed partial class StatsTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task One_look_shows_what_is_used(string client)
    {
        string name = await StartAsync("while :; do :; done");
        Cli cli = fixture.Client(client);
        CommandResult table = (await cli.RunAsync("stats", "--no-stream", name)).Expect();
        string[] lines = table.Output.TrimEnd('\n').Split('\n');
        Assert.Matches(Title(), lines[0]);
        Assert.Matches(Row(), lines[1]);
        Assert.Equal($"{name} 1", (await cli.RunAsync("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name)).Expect().Line);
        string share = (await cli.RunAsync("stats", "--no-stream", "--format", "{{.CPUPerc}}", name)).Expect().Line;
        Assert.True(double.Parse(share.TrimEnd('%'), System.Globalization.CultureInfo.InvariantCulture) > 5, share);
        Assert.Equal(64, (await cli.RunAsync("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}}", name)).Expect().Line.Length);
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
    }

    [DockerFact]
    public async Task Both_clients_print_the_same()
    {
        string name = await StartAsync("sleep 1000"), ended = await StartAsync("true");
        (await fixture.Berth.RunAsync("wait", ended)).Expect();
        foreach (string[] arguments in (string[][])
            [["--no-stream", "--format", "json", name], ["--no-stream", "--format", "table {{.Name}}\\t{{.Container}}\\t{{.PIDs}}", name, ended], ["--no-stream", "nope"],
             ["--no-stream", name, "nope"], ["--no-stream", "--format", "{{.Bogus}}", name], ["--no-stream", "--format", "{{", name], ["--no-stream", ended],
             ["--no-stream", "-a", "--format", "{{.Name}}"], ["--bogus"]])
        {
            CommandResult stock = await fixture.Client(Clients.Docker).RunAsync(["stats", .. arguments]);
            CommandResult own = await fixture.Berth.RunAsync(["stats", .. arguments]);
            Assert.Equal((stock.ExitCode, Steady(stock.Output), Steady(stock.Error)), (own.ExitCode, Steady(own.Output), Steady(own.Error)));
        }

        (await fixture.Berth.RunAsync("rm", "-f", name, ended)).Expect();
    }

    [Fact]
    public async Task A_live_table_follows_containers_that_come_and_go()
    {
        string first = await StartAsync("sleep 1000");
        await using CliSession session = fixture.Berth.Start("stats", "--format", "<{{.Name}} {{.PIDs}}>");
        await session.ExpectAsync($"<{first} 1>");
        string second = await StartAsync("sleep 1000");
        await session.ExpectAsync($"<{second} 1>");
        (await fixture.Berth.RunAsync("rm", "-f", first)).Expect();
        await Poll.UntilAsync(
            () => session.Output.Split("\u001b[H") is [.., var frame, _] && frame.Contains(second, StringComparison.Ordinal) && !frame.Contains(first, StringComparison.Ordinal),
            "a table without the removed container");
        Assert.EndsWith("\u001b[J", session.Output.Split("\u001b[H")[^2], StringComparison.Ordinal);
        session.Kill();
        (await fixture.Berth.RunAsync("rm", "-f", second)).Expect();
    }

    [Fact]
    public async Task A_live_table_ends_with_the_last_container_that_was_asked_for()
    {
        string name = await StartAsync("sleep 1000");
        await using CliSession session = fixture.Berth.Start("stats", name);
        await session.ExpectAsync(name);
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
        (await session.WaitAsync()).Expect();
    }

    /// <summary>The board asks for a container until it is removed: a restart, and a stop with a later start, only change what it shows.</summary>
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_live_table_goes_on_over_restarts(string client)
    {
        string name = await StartAsync("if [ -e /again ]; then sleep 1000 & fi; touch /again; sleep 1001 & wait");
        await using CliSession session = fixture.Client(client).Start("stats", "--format", "<{{.Name}} {{.PIDs}}>", name);
        await session.ExpectAsync($"<{name} 2>");
        (await fixture.Berth.RunAsync("restart", "-t", "0", name)).Expect();
        await session.ExpectAsync($"<{name} 3>");
        (await fixture.Berth.RunAsync("stop", "-t", "0", name)).Expect();
        int shown = session.Output.Length;
        await Poll.UntilAsync(() => session.Output[shown..].Contains($"<{name} 0>", StringComparison.Ordinal), "the container is shown without processes");
        (await fixture.Berth.RunAsync("start", name)).Expect();
        shown = session.Output.Length;
        await Poll.UntilAsync(() => session.Output[shown..].Contains($"<{name} 3>", StringComparison.Ordinal), "the processes of the next run are shown");
        session.Kill();
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
    }

    private async Task<string> StartAsync(string script)
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", script)).Expect();
        return name;
    }

    private static string Steady(string text) => Numbers().Replace(text.Replace("berth", "docker", StringComparison.Ordinal), "N");

    [GeneratedRegex("^CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS$")]
    private static partial Regex Title();

    [GeneratedRegex(@"^[0-9a-f]{12} +\S+ +[0-9.]+% +[0-9.]+[KMG]?i?B / [0-9.]+[KMG]iB +[0-9.]+% +0B / 0B +[0-9.]+[kMG]?B / [0-9.]+[kMG]?B +1$")]
    private static partial Regex Row();

    [GeneratedRegex(@"[0-9.]+(%|[kKMG]?i?B)")]
    private static partial Regex Numbers();
}
