using System.Diagnostics;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherClients;

/// <summary>Debian's docker-compose 1.29 as the client, with services that need no network of the project's.</summary>
[NeedsFile("/usr/bin/docker-compose", "docker-compose")]
public sealed class ComposeTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Python = "/usr/bin/python3"; // the one that the package is for
    private const string Program = "/usr/bin/docker-compose";

    [ClientFact]
    public async Task AProjectLives()
    {
        await ComposeAsync("life", "up", "-d");

        // It was started after the probe of the other had found it well.
        Assert.Equal("healthy", await InspectAsync("life_base_1", "{{.State.Health.Status}}"));
        Assert.Equal("some text", await InspectAsync("life_base_1", "{{index .Config.Labels \"own.label\"}}"));
        Assert.Equal("life", await InspectAsync("life_base_1", "{{index .Config.Labels \"com.docker.compose.project\"}}"));
        await Poll.UntilAsync(async () => await InspectAsync("life_failing_1", "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}") == "2 exited 3", "two restarts");

        string list = await ComposeAsync("life", "ps");
        Assert.Matches("life_base_1 .* Up \\(healthy\\)", list);
        Assert.Matches("life_user_1 .* Up ", list);
        Assert.Matches("life_failing_1 .* Exit 3", list);
        string id = (await ComposeAsync("life", "ps", "-q", "base")).TrimEnd('\n');
        Assert.Equal(await InspectAsync("life_base_1", "{{.Id}}"), id);

        string[] logs = (await ComposeAsync("life", "logs", "--no-color")).Split('\n');
        Assert.Single(logs, static line => line == "base_1     | base of compose");
        Assert.Single(logs, static line => line == "user_1     | user");
        Assert.Equal(3, logs.Count(static line => line == "failing_1  | attempt"));

        Assert.Equal("compose\n", await ComposeAsync("life", "exec", "-T", "base", "sh", "-c", "echo $WHO"));
        Assert.Equal("nobody /tmp\n", await ComposeAsync("life", "exec", "-T", "user", "sh", "-c", "echo $(id -un) $(pwd)"));
        Assert.Contains("sleep 1000", await ComposeAsync("life", "top", "base"), StringComparison.Ordinal);

        await ComposeAsync("life", "stop");
        Assert.DoesNotContain(" Up", await ComposeAsync("life", "ps"), StringComparison.Ordinal);
        await ComposeAsync("life", "start");
        Assert.Equal("running", await InspectAsync("life_base_1", "{{.State.Status}}"));
        string before = await InspectAsync("life_user_1", "{{.State.Pid}}");
        await ComposeAsync("life", "restart", "-t", "0");
        Assert.Equal("running", await InspectAsync("life_user_1", "{{.State.Status}}"));
        Assert.NotEqual(before, await InspectAsync("life_user_1", "{{.State.Pid}}"));

        await ComposeAsync("life", "rm", "-f", "-s", "user");
        Assert.Equal("", await ComposeAsync("life", "ps", "-q", "user"));
        await ComposeAsync("life", "down", "-t", "0");
        Assert.Equal("", await ComposeAsync("life", "ps", "-q"));
    }

    [ClientFact]
    public async Task WhatDidNotChangeIsKept()
    {
        await ComposeAsync("again", "up", "-d", "base");
        string first = await InspectAsync("again_base_1", "{{.Id}}");
        await ComposeAsync("again", "up", "-d", "base");
        Assert.Equal(first, await InspectAsync("again_base_1", "{{.Id}}"));

        await ComposeAsync("again", "pause", "base");
        Assert.Equal("paused", await InspectAsync("again_base_1", "{{.State.Status}}"));
        await ComposeAsync("again", "unpause", "base");
        await ComposeAsync("again", "kill", "base");
        await Poll.UntilAsync(async () => await InspectAsync("again_base_1", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137", "killed");
        await ComposeAsync("again", "down");
    }

    // From API 1.45 on images are told without what compose 1.29 looks for in them.
    [ClientFact]
    public async Task ContainersAreMadeAnew()
    {
        await ComposeAsync("anew", "up", "-d", "base");
        string first = await InspectAsync("anew_base_1", "{{.Id}}");
        await ComposeAsync("anew", "up", "-d", "--force-recreate", "-t", "0", "base");
        Assert.NotEqual(first, await InspectAsync("anew_base_1", "{{.Id}}"));
        await ComposeAsync("anew", "down", "-t", "0");
    }

    // Its terminal library attaches after it has started the container: what is written in the first moments nobody gets, with any engine.
    [ClientFact]
    public async Task ACommandIsRunOnce()
    {
        Assert.Equal("compose once\n", await ComposeAsync("once", "run", "--rm", "-T", "base", "sh", "-c", "sleep 2; echo $WHO once"));
        await ComposeAsync("once", "down", "-t", "0");
    }

    [ClientFact]
    public async Task ServicesAreScaled()
    {
        await ComposeAsync("few", "up", "-d", "--scale", "base=3", "base");
        Assert.Equal(3, (await ComposeAsync("few", "ps", "-q", "base")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        await ComposeAsync("few", "down", "-t", "0");
        Assert.Equal("", await ComposeAsync("few", "ps", "-q"));
    }

    private async Task<string> InspectAsync(string container, string format) =>
        (await fixture.Berth.RunAsync("inspect", "--type", "container", "-f", format, container)).Expect().Line;

    private async Task<string> ComposeAsync(string project, params string[] args)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "OtherClients", "docker-compose", "docker-compose.yml");
        var cli = new Cli(Program, fixture.Daemon.Host, fixture.Daemon.Home);
        ProcessStartInfo info = cli.Describe(Python, ["-B", "-s", Program, "-f", file, "-p", project, "--ansi", "never", .. args]);
        info.Environment["COMPOSE_INTERACTIVE_NO_CLI"] = "1"; // exec and run through the API, not through a docker CLI that may be there
        info.Environment["COMPOSE_API_VERSION"] = "1.41";
        info.Environment["BERTH_TEST_IMAGE"] = "busybox:latest";
        await using var session = new CliSession(info);
        session.CloseInput();
        return (await session.WaitAsync(seconds: 120)).Expect().Output;
    }
}
