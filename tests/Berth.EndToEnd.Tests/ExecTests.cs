using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Further processes in a running container.</summary>
public sealed class ExecTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>, IAsyncLifetime
{
    private string name = "";

    public async Task InitializeAsync()
    {
        name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000")).Expect();
    }

    public async Task DisposeAsync() => (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task OutputErrorsAndStatus(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync("exec", name, "sh", "-c", "echo out; echo err >&2; exit 4")).Expect(4);
        Assert.Equal(("out\n", "err\n"), (result.Output, result.Error));
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task InputIsPipedUntilItsEnd(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync(["exec", "-i", name, "sh", "-c", "cat; echo end"], Encoding.UTF8.GetBytes("hello\n"));
        Assert.Equal("hello\nend\n", result.Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task UserFolderAndEnvironment(string client)
    {
        Cli cli = fixture.Client(client);
        Assert.Equal("65534 /var blue", (await cli.RunAsync("exec", "-u", "nobody", "-w", "/var", "-e", "COLOUR=blue", name, "sh", "-c", "echo $(id -u) $(pwd) $COLOUR")).Expect().Line);
        Assert.Equal("7 8", (await cli.RunAsync("exec", "-u", "7:8", name, "sh", "-c", "echo $(id -u) $(id -g)")).Expect().Line);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ItIsTheSameContainer(string client)
    {
        Cli cli = fixture.Client(client);
        Assert.Contains("sleep 1000", (await cli.RunAsync("exec", name, "ps")).Expect().Output, StringComparison.Ordinal);
        (await cli.RunAsync("exec", name, "touch", "/mark")).Expect();
        (await cli.RunAsync("exec", name, "test", "-e", "/mark")).Expect();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WhatCannotBeExecutedIsToldApart(string client)
    {
        Cli cli = fixture.Client(client);
        (await cli.RunAsync("exec", name, "/etc/passwd")).Expect(126);
        CommandResult missing = await cli.RunAsync("exec", name, "no-such-program");
        Assert.InRange(missing.ExitCode, 126, 127); // docker's engines differ here between releases
        Assert.Contains("executable file not found in $PATH", missing.Output + missing.Error, StringComparison.Ordinal);
        (await cli.RunAsync("exec", "-w", "/no/such/folder", name, "true")).Expect(126);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task DetachedProcessesRunOn(string client)
    {
        Cli cli = fixture.Client(client);
        string mark = "/" + fixture.NewName();
        (await cli.RunAsync("exec", "-d", name, "sh", "-c", $"sleep 0.2; touch {mark}")).Expect();
        await Poll.UntilAsync(async () => (await cli.RunAsync("exec", name, "test", "-e", mark)).ExitCode == 0, "the detached process made its file");
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AStoppedContainerTakesNoProcesses(string client)
    {
        Cli cli = fixture.Client(client);
        string stopped = fixture.NewName();
        (await cli.RunAsync("run", "--network", "none", "--name", stopped, "busybox", "true")).Expect();
        Assert.Contains("is not running", (await cli.RunAsync("exec", stopped, "true")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("No such container", (await cli.RunAsync("exec", "no-such-container", "true")).Expect(1).Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ManyAtOnceAllEndWithTheirOwnStatus(string client)
    {
        Cli cli = fixture.Client(client);
        CommandResult[] results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => cli.RunAsync("exec", name, "sh", "-c", $"exit {i}")));
        for (int i = 0; i < results.Length; i++)
        {
            results[i].Expect(i);
        }
    }
}
