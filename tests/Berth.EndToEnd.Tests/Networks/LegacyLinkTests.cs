using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Docker's <c>--link</c> on the default network.</summary>
public sealed class LegacyLinkTests
{
    [Fact]
    public async Task ALinkedContainerIsKnownByNameAndVariablesAndReachedWithoutTraffic()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork, "--icc=false");
        foreach (string client in Clients.Names)
        {
            Cli cli = daemon.Client(client);
            const string serve = "mkdir /www; echo found >/www/index.html; exec httpd -f -h /www";
            (await cli.RunAsync("run", "-d", "--name", "db", "--hostname", "dbhost", "--expose", "80", "-e", "KEY=value", "busybox", "sh", "-c", serve)).Expect();
            (await cli.RunAsync("run", "-d", "--name", "web", "--link", "db:my-db", "busybox", "sleep", "1000")).Expect();
            Assert.Equal("[/db:/web/my-db]", (await cli.RunAsync("inspect", "-f", "{{.HostConfig.Links}}", "web")).Expect().Line);
            string first = await AddressAsync(cli, "db");
            Assert.Equal($"{first}\tmy-db dbhost db", (await cli.RunAsync("exec", "web", "grep", "my-db", "/etc/hosts")).Expect().Line);
            string variables = (await cli.RunAsync("exec", "web", "env")).Expect().Output;
            foreach (string variable in (string[])[$"MY_DB_PORT=tcp://{first}:80", $"MY_DB_PORT_80_TCP_ADDR={first}", "MY_DB_PORT_80_TCP_PORT=80", "MY_DB_PORT_80_TCP_PROTO=tcp", "MY_DB_NAME=/web/my-db", "MY_DB_ENV_KEY=value"])
            {
                Assert.Contains(variable + "\n", variables, StringComparison.Ordinal);
            }

            await ReachesAsync(cli, "web", "my-db");
            (await cli.RunAsync("run", "-d", "--name", "stranger", "busybox", "sleep", "1000")).Expect();
            Assert.DoesNotContain("found", await AskAsync(cli, "stranger", first), StringComparison.Ordinal);

            // It comes back with another address, as its own is taken meanwhile.
            (await cli.RunAsync("stop", "-t", "0", "db")).Expect();
            (await cli.RunAsync("run", "-d", "--name", "taker", "busybox", "sleep", "1000")).Expect();
            (await cli.RunAsync("start", "db")).Expect();
            string second = await AddressAsync(cli, "db");
            Assert.NotEqual(first, second);
            Assert.Equal($"{second}\tmy-db dbhost db", (await cli.RunAsync("exec", "web", "grep", "my-db", "/etc/hosts")).Expect().Line);
            await ReachesAsync(cli, "web", "my-db");

            (await cli.RunAsync("stop", "-t", "0", "web", "db")).Expect();
            Assert.Contains("Cannot link to a non running container: /db AS /web/my-db", (await cli.RunAsync("start", "web")).Expect(1).Error, StringComparison.Ordinal);
            (await cli.RunAsync("rm", "-f", "web", "db", "stranger", "taker")).Expect();
        }
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task OnANetworkOfUsersALinkIsAName(string client)
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        Cli cli = daemon.Client(client);
        (await cli.RunAsync("network", "create", "front")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "db", "--network", "front", "busybox", "sleep", "1000")).Expect();
        Assert.Contains("bytes from", (await cli.RunAsync("run", "--rm", "--network", "front", "--link", "db:alias", "busybox", "ping", "-c", "1", "-W", "5", "alias")).Expect().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhenTheMachineComesBackTheLinkedOnesAreStartedFirst()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        Cli cli = daemon.Client(Clients.Berth);
        const int length = 6;
        for (int i = 0; i < length; i++)
        {
            string[] link = i == 0 ? [] : ["--link", $"c{i - 1}:before"];
            (await cli.RunAsync(["run", "-d", "--name", $"c{i}", "--restart", "always", .. link, "busybox", "sleep", "1000"], stdin: null)).Expect();
        }

        for (int round = 0; round < 3; round++)
        {
            await daemon.KillAsync();
            foreach (int pid in Leftovers.Processes(daemon))
            {
                RunningDaemon.Signal(pid, "KILL"); // as if the machine had been switched off
            }

            await daemon.StartAsync();
            for (int i = 0; i < length; i++)
            {
                string name = $"c{i}";
                await Poll.UntilAsync(async () => (await cli.RunAsync("inspect", "-f", "{{.State.Status}}", name)).Expect().Line == "running", $"{name} runs again\n{daemon.Log}", 10);
                Assert.True(i == 0 || (await cli.RunAsync("exec", name, "grep", "before", "/etc/hosts")).Expect().Line.StartsWith(await AddressAsync(cli, $"c{i - 1}"), StringComparison.Ordinal));
            }
        }
    }

    private static async Task<string> AddressAsync(Cli cli, string container) =>
        (await cli.RunAsync("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", container)).Expect().Line;

    // The server needs a moment until it listens.
    private static Task ReachesAsync(Cli cli, string from, string name) =>
        Poll.UntilAsync(async () => (await AskAsync(cli, from, name)).Contains("found", StringComparison.Ordinal), $"an answer of {name}");

    private static async Task<string> AskAsync(Cli cli, string from, string to) =>
        (await cli.RunAsync("exec", from, "sh", "-c", $"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {to} 80")).Output;
}
