using System.Globalization;
using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>From create to removal, as a user of either client sees it.</summary>
public sealed class LifecycleTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private static readonly string[] Quiet = ["run", "--rm", "--network", "none"];

    [DockerFact]
    public void TheStockClientIsTestedToo() => Assert.Contains(Clients.Docker, Clients.Names);

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunShowsOutputAndErrorsApart(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync([.. Quiet, "busybox", "sh", "-c", "echo out; echo err >&2"]);
        result.Expect();
        Assert.Equal("out\n", result.Output);
        Assert.Equal("err\n", result.Error);
    }

    [Theory, MemberData(nameof(Clients.Statuses), MemberType = typeof(Clients))]
    public async Task RunEndsWithTheContainersStatus(string client, int status) =>
        (await fixture.Client(client).RunAsync([.. Quiet, "busybox", "sh", "-c", "exit " + status.ToString(CultureInfo.InvariantCulture)])).Expect(status);

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunOfAnUnknownImageEndsWith125(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync("run", "--rm", "--pull", "never", "nosuch:image", "true")).Expect(125);
        Assert.Contains("nosuch:image", result.Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunOfAnUnknownFlagEndsWith125(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync("run", "--no-such-flag", "busybox")).Expect(125);
        Assert.Contains("unknown flag: --no-such-flag", result.Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunOfAFileThatCannotBeExecutedEndsWith126(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync([.. Quiet, "busybox", "/etc/passwd"])).Expect(126);
        Assert.Contains("/etc/passwd", result.Error, StringComparison.Ordinal);
        Assert.Contains("permission denied", result.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RunOfAMissingCommandEndsWith127(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync([.. Quiet, "busybox", "no-such-program"])).Expect(127);
        Assert.Contains("no-such-program", result.Error, StringComparison.Ordinal);
        Assert.Contains("executable file not found in $PATH", result.Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task InputIsPipedUntilItsEnd(string client)
    {
        byte[] input = new byte[3_000_000];
        new Random(1).NextBytes(input);
        CommandResult result = (await fixture.Client(client).RunAsync([.. Quiet, "-i", "busybox", "cat"], input)).Expect();
        Assert.Equal(input, result.OutputBytes);
    }

    /// <summary>The end of input reaches the process while its output still flows.</summary>
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task OutputGoesOnAfterTheEndOfInput(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync([.. Quiet, "-i", "busybox", "sh", "-c", "wc -c; sleep 0.3; echo after"], Encoding.UTF8.GetBytes("12345"))).Expect();
        Assert.Equal("5\nafter\n", result.Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task RemovalOnExitLeavesNothing(string client)
    {
        string name = fixture.NewName();
        (await fixture.Client(client).RunAsync([.. Quiet, "--name", name, "busybox", "true"])).Expect();
        Assert.DoesNotContain(name, (await fixture.Client(client).RunAsync("ps", "-a", "--format", "{{.Names}}")).Expect().Output.Split('\n'));
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ADetachedContainerIsListedInspectedAndStopped(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        string id = (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.05; done")).Expect().Line;
        Assert.Matches("^[0-9a-f]{64}$", id);
        Assert.Contains($"{id[..12]} busybox {name}", (await cli.RunAsync("ps", "--format", "{{.ID}} {{.Image}} {{.Names}}")).Expect().Output, StringComparison.Ordinal);
        string[] state = (await cli.RunAsync("inspect", "-f", "{{.State.Running}} {{.State.Pid}} {{.Name}}", id[..8])).Expect().Line.Split(' ');
        Assert.Equal(("true", "/" + name), (state[0], state[2]));
        Assert.True(File.Exists($"/proc/{state[1]}/status"), "inspect names a process that exists");
        await Task.Delay(200); // the shell needs a moment until its trap is set
        Assert.Equal(name, (await cli.RunAsync("stop", name)).Expect().Line);
        Assert.Equal("exited 7", (await cli.RunAsync("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)).Expect().Line);
        Assert.Equal(name, (await cli.RunAsync("rm", name)).Expect().Line);
        Assert.Contains("No such", (await cli.RunAsync("inspect", name)).Expect(1).Error, StringComparison.OrdinalIgnoreCase);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task StopKillsWhatIgnoresTheSignal(string client)
    {
        Cli cli = fixture.Client(client);
        string name = await SleeperAsync(cli);
        (await cli.RunAsync("stop", "-t", "1", name)).Expect();
        Assert.Equal("137", (await cli.RunAsync("inspect", "-f", "{{.State.ExitCode}}", name)).Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task KillAndForcedRemoval(string client)
    {
        Cli cli = fixture.Client(client);
        string name = await SleeperAsync(cli);
        Assert.Contains("running", (await cli.RunAsync("rm", name)).Expect(1).Error, StringComparison.Ordinal);
        (await cli.RunAsync("kill", name)).Expect();
        Assert.Equal("137", (await cli.RunAsync("wait", name)).Expect().Line);
        Assert.Contains("is not running", (await cli.RunAsync("kill", name)).Expect(1).Error, StringComparison.Ordinal);
        (await cli.RunAsync("start", name)).Expect();
        Assert.Equal(name, (await cli.RunAsync("rm", "-f", name)).Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WaitReturnsTheStatusWhenTheContainerEnds(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c", "sleep 0.4; exit 3")).Expect();
        Assert.Equal("3", (await cli.RunAsync("wait", name)).Expect().Line);
        Assert.Equal("3", (await cli.RunAsync("wait", name)).Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task NamesAreUnique(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("create", "--network", "none", "--name", name, "busybox", "true")).Expect();
        CommandResult second = (await cli.RunAsync("run", "--network", "none", "--name", name, "busybox", "true")).Expect(125);
        Assert.Contains("is already in use by container", second.Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AContainerKeepsItsFilesBetweenRuns(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("create", "--network", "none", "--name", name, "busybox", "sh", "-c", "echo x >>/count; wc -l </count")).Expect();
        Assert.Equal("1", (await cli.RunAsync("start", "-a", name)).Expect().Line.Trim());
        Assert.Equal("2", (await cli.RunAsync("start", "-a", name)).Expect().Line.Trim());
        Assert.Equal("1\n2\n", (await cli.RunAsync("logs", name)).Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task EnvironmentUserFolderAndHostNameArriveInside(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync(
            [.. Quiet, "-e", "COLOUR=blue", "-u", "nobody", "-w", "/var", "-h", "box", "busybox", "sh", "-c", "echo $COLOUR $(id -u):$(id -g) $(pwd) $(hostname)"]);
        Assert.Equal("blue 65534:65534 /var box", result.Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AttachFollowsARunningContainer(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "-i", "--network", "none", "--name", name, "busybox", "sh", "-c", "read line; echo got $line; exit 5")).Expect();
        await using CliSession session = cli.Start("attach", name);
        await Task.Delay(300);
        await session.WriteAsync("hello\n");
        Assert.Equal("got hello\n", (await session.WaitAsync()).Expect(5).Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task SignalsToTheClientReachTheContainer(string client)
    {
        await using CliSession session = fixture.Client(client).Start([.. Quiet, "busybox", "sh", "-c", "trap 'echo term; exit 9' TERM; echo ready; while true; do sleep 0.05; done"]);
        await session.ExpectAsync("ready");
        RunningDaemon.Signal(session.Pid, "TERM");
        Assert.Equal("ready\nterm\n", (await session.WaitAsync()).Expect(9).Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task VersionAndInfoSpeakOfBothSides(string client)
    {
        Cli cli = fixture.Client(client);
        Assert.Equal("1.51", (await cli.RunAsync("version", "--format", "{{.Server.APIVersion}}")).Expect().Line);
        Assert.Equal("linux", (await cli.RunAsync("info", "--format", "{{.OSType}}")).Expect().Line);
    }

    private async Task<string> SleeperAsync(Cli cli)
    {
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000")).Expect();
        return name;
    }
}
