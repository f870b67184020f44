using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>The daemon is killed and started again.</summary>
public sealed class NetworkCrashTests
{
    [Fact]
    public async Task What_runs_keeps_its_network()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "--ipv6", "net")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "echo", "--network", "net", "--network-alias", "other", "-p", "7000:7", "busybox", "nc", "-ll", "-p", "7", "-e", "cat")).Expect();
        await host.RunServerAsync("web", "--network", "net", "-p", "127.0.0.1:8080:80", "-p", "80");
        await host.RunServerAsync("default", "-p", "8081:80");
        await host.RunSleepingAsync("user", "--network", "net");
        string[] names = ["echo", "web", "default", "user"];
        string[] before = await SettingsAsync();
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        using Socket connection = NamespaceSocket.Open(daemon.NamespacePath, AddressFamily.InterNetwork, ProtocolType.Tcp);
        connection.Connect(IPAddress.Loopback, 7000);
        Assert.Equal("before", connection.Echo("before"));
        string kernel = await host.KernelAsync();

        await daemon.KillAsync();
        Assert.Equal("while it is gone", connection.Echo("while it is gone"));
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        await daemon.StartAsync();
        Assert.Equal("after", connection.Echo("after"));
        await host.ExpectKernelAsync(kernel);
        Assert.Equal(before, await SettingsAsync());
        string address = await host.AddressAsync("echo", "net");
        await Poll.UntilAsync(async () => string.Join(' ', await host.LookUpAsync("user", "other")) == address, "names again");
        foreach (string url in (string[])["127.0.0.1:8080", "127.0.0.1:8081", "[::1]:8081"])
        {
            Assert.Equal(url.EndsWith('1') ? "default" : "web", await host.FetchAsync($"http://{url}/hostname"));
        }

        // Nobody gets an address, or a port, that somebody has.
        for (int i = 0; i < 3; i++)
        {
            await host.RunSleepingAsync($"new{i}", "--network", "net");
        }

        string[] addresses = await Task.WhenAll(((string[])["echo", "web", "user", "new0", "new1", "new2"]).Select(name => host.AddressAsync(name, "net")));
        Assert.Equal(addresses.Length, addresses.Distinct().Count());
        Assert.Contains("port is already allocated", (await cli.RunAsync("run", "-d", "-p", "7000:7", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        Assert.Contains("active endpoints", (await cli.RunAsync("network", "rm", "net")).Expect(1).Error, StringComparison.Ordinal);
        await daemon.RemoveEverythingAsync();
        (await cli.RunAsync("network", "rm", "net")).Expect();

        async Task<string[]> SettingsAsync() => await Task.WhenAll(names.Select(async name => (await host.InspectAsync(name))["NetworkSettings"]!.ToJsonString())); // an answer has them
    }

    [Fact]
    public async Task A_container_that_ended_meanwhile_gives_everything_back()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "--subnet", "10.77.0.0/24", "net")).Expect();
        string before = await host.KernelAsync();
        await host.RunServerAsync("gone", "--network", "net", "--ip", "10.77.0.9", "-p", "8080:80");
        await host.RunSleepingAsync("user", "--network", "net");
        Assert.Equal("gone", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        int pid = (int)(await host.InspectAsync("gone"))["State"]!["Pid"]!; // it runs
        await daemon.KillAsync();
        RunningDaemon.Signal(pid, "KILL");
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{pid}"), "the container's end");
        await daemon.StartAsync();
        await Poll.UntilAsync(async () => (string?)(await host.InspectAsync("gone"))["State"]!["Status"] == "exited", "that the end is known");
        Assert.Equal("", await host.AddressAsync("gone", "net"));
        Assert.Empty(await host.LookUpAsync("user", "gone"));
        await host.RunServerAsync("next", "--network", "net", "--ip", "10.77.0.9", "-p", "8080:80");
        Assert.Equal("next", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        Assert.Equal(["10.77.0.9"], await host.LookUpAsync("user", "next"));
        await daemon.RemoveEverythingAsync();
        await host.ExpectKernelAsync(before);
    }

    /// <summary>At whatever moment of <c>network create</c> and <c>network connect</c> the daemon dies: records and kernel agree when it is there again.</summary>
    [Fact]
    public async Task What_was_not_acknowledged_is_there_as_a_whole_or_not_at_all()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        await host.RunSleepingAsync("user");
        string before = await host.KernelAsync();
        var random = new Random(7);
        for (int i = 0; i < 8; i++)
        {
            string name = $"net{i}";
            Task work = Task.Run(async () =>
            {
                await daemon.Api.PostTextAsync("/networks/create", $$"""{"Name":"{{name}}"}""");
                await daemon.Api.PostTextAsync($"/networks/{name}/connect", """{"Container":"user"}""");
            });
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 12)); // any moment of these is one that has to be survived
            await daemon.KillAsync();
            _ = await Record.ExceptionAsync(() => work); // a connection that broke, mostly
            await daemon.StartAsync();
            bool isThere = (await daemon.Api.GetAsync("/networks/" + name)).Status == HttpStatusCode.OK;
            bool isInside = isThere && (await host.EndpointAsync("user", name)) is not null;
            Assert.Equal(isInside ? 3 : 2, (await host.ExecAsync("user", "ls", "/sys/class/net")).Expect().Line.Split('\n').Length);
            if (isInside)
            {
                (await daemon.Api.PostTextAsync($"/networks/{name}/disconnect", """{"Container":"user"}""")).Expect(HttpStatusCode.OK);
            }

            if (isThere)
            {
                (await daemon.Api.DeleteAsync("/networks/" + name)).Expect(HttpStatusCode.NoContent);
            }

            await host.ExpectKernelAsync(before);
        }

        await daemon.RemoveEverythingAsync();
    }
}
