using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Containers with a terminal, driven through a terminal.</summary>
public sealed class TerminalTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string CtrlC = "\x03";
    private const string CtrlD = "\x04";
    private const string CtrlPCtrlQ = "\x10\x11";

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AShellIsUsedAsAtAKeyboard(string client)
    {
        await using var terminal = new PtySession(fixture.Client(client), ["run", "--rm", "-it", "--network", "none", "busybox", "sh"]);
        await terminal.ExpectAsync("#");
        terminal.Send("tty; echo $((6*7))\r");
        await terminal.ExpectAsync("/dev/pts/0");
        await terminal.ExpectAsync("42");
        terminal.Send("exit 6\r");
        Assert.Equal(6, await terminal.WaitAsync());
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task TheSizeIsTheUsersAndFollowsIt(string client)
    {
        await using var terminal = new PtySession(fixture.Client(client), ["run", "--rm", "-it", "--network", "none", "busybox", "sh"], rows: 31, columns: 97);
        await terminal.ExpectAsync("#");
        await EventuallyAsync(terminal, "stty size\r", "31 97");
        terminal.Resize(40, 111);
        await EventuallyAsync(terminal, "stty size\r", "40 111");
        terminal.Send(CtrlD);
        await terminal.WaitAsync();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task CtrlCInterruptsTheProcessInside(string client)
    {
        await using var terminal = new PtySession(fixture.Client(client), ["run", "--rm", "-it", "--network", "none", "busybox", "sh"]);
        await terminal.ExpectAsync("#");
        terminal.Send("sleep 1000 || echo in''terrupted\r");
        await Task.Delay(300);
        terminal.Send(CtrlC);
        await Task.Delay(100);
        terminal.Send("echo sta''tus $?\r");
        await terminal.ExpectAsync("status 130");
        terminal.Send("exit\r");
        await terminal.WaitAsync();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task TheDetachKeysLeaveTheContainerRunning(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        await using (var first = new PtySession(cli, ["run", "-it", "--network", "none", "--name", name, "busybox", "sh"]))
        {
            await first.ExpectAsync("#");
            first.Send(CtrlPCtrlQ);
            Assert.Equal(0, await first.WaitAsync());
        }

        Assert.Equal("true", (await cli.RunAsync("inspect", "-f", "{{.State.Running}}", name)).Expect().Line);
        await using var second = new PtySession(cli, ["attach", "--detach-keys", "a,b", name]);
        await Task.Delay(300);
        second.Send("echo back $((20+3))\r");
        await second.ExpectAsync("back 23");
        second.Send("ab");
        await second.WaitAsync();
        Assert.Equal("true", (await cli.RunAsync("inspect", "-f", "{{.State.Running}}", name)).Expect().Line);
        (await cli.RunAsync("rm", "-f", name)).Expect();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ExecWithATerminal(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000")).Expect();
        await using var terminal = new PtySession(cli, ["exec", "-it", name, "sh"], rows: 33, columns: 99);
        await terminal.ExpectAsync("#");
        await EventuallyAsync(terminal, "stty size\r", "33 99");
        terminal.Send("exit 8\r");
        Assert.Equal(8, await terminal.WaitAsync());
        (await cli.RunAsync("rm", "-f", name)).Expect();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WithoutATerminalTheRequestForOneIsRefused(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync("run", "--rm", "-it", "--network", "none", "busybox", "true");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("TTY", result.Error, StringComparison.OrdinalIgnoreCase);
    }

    // Clients send the size after the start, so the first answers may still show the old one.
    private static async Task EventuallyAsync(PtySession terminal, string typed, string wanted)
    {
        for (int i = 0; i < 20 && !terminal.Screen.Contains(wanted, StringComparison.Ordinal); i++)
        {
            terminal.Send(typed);
            await Task.Delay(150);
        }

        await terminal.ExpectAsync(wanted, seconds: 1);
    }
}
