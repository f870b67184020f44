using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Networks whose containers have links on a device of the host's: a cable to another host, made in the daemon's own namespace.</summary>
public sealed class MacvlanNetworks(ITestOutputHelper output)
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Containers_are_neighbours_of_what_is_behind_the_parent(string client)
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        Cli cli = daemon.Client(client);
        string before = await host.KernelAsync();
        (await cli.RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet", "192.168.50.0/24", "--gateway", OutsideHost.Address, "--ip-range", "192.168.50.128/25", "--aux-address", "printer=192.168.50.128", "lan")).Expect();
        await host.RunServerAsync("web", "--network", "lan", "--ip", "192.168.50.10", "--mac-address", "02:00:5e:10:00:07", "-p", "8080:80");
        (await cli.RunAsync("run", "-d", "--name", "user", "--network", "lan", "busybox", "sleep", "1000")).Expect();

        Assert.Equal("web", await host.FetchFromAsync("user", "http://web/hostname"));
        Assert.Equal("192.168.50.129", await host.AddressAsync("user", "lan"));
        Assert.Equal("outside", await host.FetchFromAsync("user", $"http://{OutsideHost.Address}/hostname"));
        Assert.Equal("web", await outside.FetchAsync("http://192.168.50.10/hostname"));
        Assert.Equal("02:00:5e:10:00:07", (await host.ExecAsync("web", "cat", "/sys/class/net/eth0/address")).Expect().Line);
        Assert.StartsWith($"default via {OutsideHost.Address} dev eth0", (await host.ExecAsync("user", "ip", "route")).Expect().Output, StringComparison.Ordinal);

        // As docker's drivers do, ports are not published; nothing tells of them.
        Assert.True(await host.IsClosedAsync("http://127.0.0.1:8080/hostname"));
        Assert.Equal("", (await cli.RunAsync("port", "web")).Expect().Output);
        Assert.Equal("", (await cli.RunAsync("ps", "--filter", "name=web", "--format", "{{.Ports}}")).Expect().Line);
        Assert.Equal("{}", (await host.InspectAsync("web"))["NetworkSettings"]!["Ports"]!.ToJsonString()); // an answer has them

        JsonNode network = JsonNode.Parse((await cli.RunAsync("network", "inspect", "lan")).Expect().Output)![0]!; // a list of one
        Assert.Equal(("macvlan", "local", """{"parent":"lan0"}"""), ((string?)network["Driver"], (string?)network["Scope"], network["Options"]!.ToJsonString())); // as above
        Assert.Equal(OutsideHost.Address, (string?)network["IPAM"]!["Config"]![0]!["Gateway"]); // it has one pool
        Assert.Equal(2, network["Containers"]!.AsObject().Count);
        Assert.Contains("active endpoints", (await cli.RunAsync("network", "rm", "lan")).Expect(1).Error, StringComparison.Ordinal);

        (await cli.RunAsync("rm", "-f", "web", "user")).Expect();
        (await cli.RunAsync("network", "rm", "lan")).Expect();
        await host.ExpectKernelAsync(before);
    }

    [Fact]
    public async Task Connections_outlive_the_daemon()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet", "192.168.50.0/24", "--gateway", OutsideHost.Address, "lan")).Expect();
        (await cli.RunAsync("network", "create", "-d", "macvlan", "alone")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "echo", "--network", "lan", "--ip", "192.168.50.10", "busybox", "nc", "-ll", "-p", "7", "-e", "cat")).Expect();
        await host.RunServerAsync("web", "--network", "lan");
        await host.RunServerAsync("hermit", "--network", "alone");
        await host.RunSleepingAsync("user", "--network", "lan", "--network", "alone");
        Assert.Equal("web", await host.FetchFromAsync("user", "http://web/hostname"));
        Assert.Equal("hermit", await host.FetchFromAsync("user", "http://hermit/hostname"));
        using Socket connection = NamespaceSocket.Open(outside.NamespacePath, AddressFamily.InterNetwork, ProtocolType.Tcp);
        connection.Connect(IPAddress.Parse("192.168.50.10"), 7);
        Assert.Equal("before", connection.Echo("before"));
        string kernel = await host.KernelAsync();
        string[] settings = await SettingsAsync();

        await daemon.KillAsync();
        Assert.Equal("while it is gone", connection.Echo("while it is gone"));
        await daemon.StartAsync();
        Assert.Equal("after", connection.Echo("after"));
        await host.ExpectKernelAsync(kernel);
        Assert.Equal(settings, await SettingsAsync());
        Assert.Equal("web", await host.FetchFromAsync("user", "http://web/hostname"));
        Assert.Equal("hermit", await host.FetchFromAsync("user", "http://hermit/hostname"));
        await host.RunSleepingAsync("new", "--network", "lan");
        string[] addresses = await Task.WhenAll(((string[])["echo", "web", "user", "new"]).Select(name => host.AddressAsync(name, "lan")));
        Assert.Equal(addresses.Length, addresses.Distinct().Count());
        await daemon.RemoveEverythingAsync();
        (await cli.RunAsync("network", "rm", "lan", "alone")).Expect();
        Assert.Equal(["berth0", "lan0", "lo"], await LinksAsync(host));

        async Task<string[]> SettingsAsync() => await Task.WhenAll(((string[])["echo", "web", "hermit", "user"]).Select(async name => (await host.InspectAsync(name))["NetworkSettings"]!.ToJsonString())); // an answer has them
    }

    [Fact]
    public async Task In_private_mode_containers_have_the_outside_alone()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        (await daemon.Client(Clients.Berth).RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "-o", "macvlan_mode=private", "--subnet", "192.168.50.0/24", "--gateway", OutsideHost.Address, "lan")).Expect();
        await host.RunServerAsync("web", "--network", "lan", "--ip", "192.168.50.10");
        await host.RunSleepingAsync("user", "--network", "lan");
        Assert.Equal("web", await outside.FetchAsync("http://192.168.50.10/hostname"));
        Assert.Equal("outside", await host.FetchFromAsync("user", $"http://{OutsideHost.Address}/hostname"));
        Assert.Equal(["192.168.50.10"], await host.LookUpAsync("user", "web"));
        Assert.True(await host.IsClosedFromAsync("user", "http://192.168.50.10/hostname"));
        await daemon.RemoveEverythingAsync();
    }

    [Fact]
    public async Task A_container_comes_into_such_a_network_and_leaves_it()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--subnet", "192.168.50.0/24", "--gateway", OutsideHost.Address, "lan")).Expect();
        (await cli.RunAsync("network", "create", "--subnet", "10.77.0.0/24", "net")).Expect();
        await host.RunServerAsync("web", "--network", "net", "-p", "8080:80");
        string[] alone = await LinksAsync(host);
        (await cli.RunAsync("network", "connect", "--ip", "192.168.50.10", "--gw-priority", "1", "lan", "web")).Expect();
        Assert.Equal("web", await outside.FetchAsync("http://192.168.50.10/hostname"));
        await LeadsAsync(OutsideHost.Address);
        Assert.Equal(alone, await LinksAsync(host));

        // Another daemon knows it, and nothing else that this one's death may have left.
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal("web", await outside.FetchAsync("http://192.168.50.10/hostname"));
        (await cli.RunAsync("network", "disconnect", "lan", "web")).Expect();
        await LeadsAsync("10.77.0.1");
        Assert.Equal("eth0\nlo", (await host.ExecAsync("web", "ls", "/sys/class/net")).Expect().Line);
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        await daemon.RemoveEverythingAsync();

        async Task LeadsAsync(string gateway) => Assert.StartsWith($"default via {gateway} ", (await host.ExecAsync("web", "ip", "route", "show", "default")).Expect().Line, StringComparison.Ordinal);
    }

    /// <summary>At whatever moment the daemon dies: records and kernel agree when it is there again.</summary>
    [Fact]
    public async Task What_was_not_acknowledged_is_there_as_a_whole_or_not_at_all()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        (await daemon.Client(Clients.Berth).RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "lan")).Expect();
        await host.RunSleepingAsync("user", "--network", "lan");
        string[] before = await LinksAsync(host);
        var random = new Random(7);
        for (int i = 0; i < 8; i++)
        {
            string name = $"net{i}";
            Task work = Task.Run(async () =>
            {
                await daemon.Api.PostTextAsync("/networks/create", $$"""{"Name":"{{name}}","Driver":"macvlan"}""");
                await daemon.Api.PostTextAsync($"/networks/{name}/connect", """{"Container":"user"}""");
            });
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 12)); // any moment of these is one that has to be survived
            await daemon.KillAsync();
            _ = await Record.ExceptionAsync(() => work); // a connection that broke, mostly
            await daemon.StartAsync();
            bool isThere = (await daemon.Api.GetAsync("/networks/" + name)).Status == HttpStatusCode.OK;
            bool isInside = isThere && (await host.EndpointAsync("user", name)) is not null;
            Assert.Equal(isInside ? "eth0\neth1\nlo" : "eth0\nlo", (await host.ExecAsync("user", "ls", "/sys/class/net")).Expect().Line);
            Assert.Equal(before.Length + (isThere ? 1 : 0), (await LinksAsync(host)).Length);
            if (isInside)
            {
                (await daemon.Api.PostTextAsync($"/networks/{name}/disconnect", """{"Container":"user"}""")).Expect(HttpStatusCode.OK);
            }

            if (isThere)
            {
                (await daemon.Api.DeleteAsync("/networks/" + name)).Expect(HttpStatusCode.NoContent);
            }

            Assert.Equal(before, await LinksAsync(host));
        }

        await daemon.RemoveEverythingAsync();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task What_is_wrong_is_said_as_docker_says_it(string client)
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        using OutsideHost outside = await OutsideHost.CreateAsync(host);
        Cli cli = daemon.Client(client);
        await RefusedAsync("requested macvlan mode 'nope' is not valid, 'bridge' mode is the macvlan driver default", "macvlan", "parent=lan0", "macvlan_mode=nope");
        await RefusedAsync("invalid subinterface vlan name nosuch, example formatting is eth0.10", "macvlan", "parent=nosuch");
        await RefusedAsync("loopback interface is not a valid macvlan parent link", "macvlan", "parent=lo");
        await RefusedAsync("vlan id must be between 1-4094, received: 5000", "macvlan", "parent=lan0.5000");
        await RefusedAsync("requested ipvlan mode 'nope' is not valid, 'l2' mode is the ipvlan driver default", "ipvlan", "parent=lan0", "ipvlan_mode=nope");
        await RefusedAsync("requested ipvlan flag 'nope' is not valid, 'bridge' is the ipvlan driver default", "ipvlan", "parent=lan0", "ipvlan_flag=nope");
        await RefusedAsync("loopback interface is not a valid ipvlan parent link", "ipvlan", "parent=lo");
        await RefusedAsync("the network option com.docker.network.bridge.name is not supported by the driver macvlan", "macvlan", "parent=lan0", "com.docker.network.bridge.name=b");
        (await cli.RunAsync("network", "create", "-d", "macvlan", "-o", "parent=lan0", "-o", "macvlan_mode=passthru", "single")).Expect();
        await RefusedAsync("is already using parent interface lan0 in mode passthru", "macvlan", "parent=lan0");
        (await cli.RunAsync("network", "rm", "single")).Expect();

        bool hasIpvlan = (await host.RunAsync("ip", "link", "add", "link", "lan0", "name", "probe0", "type", "ipvlan")).ExitCode == 0;
        output.WriteLine(hasIpvlan ? "this kernel has ipvlan: the network is tested" : "this kernel has no ipvlan: that this is told is tested");
        if (!hasIpvlan)
        {
            await RefusedAsync("this kernel has no ipvlan (CONFIG_IPVLAN)", "ipvlan", "parent=lan0");
            Assert.Equal(["berth0", "lan0", "lo"], await LinksAsync(host));
            return;
        }

        (await host.RunAsync("ip", "link", "del", "probe0")).Expect();
        (await cli.RunAsync("network", "create", "-d", "ipvlan", "-o", "parent=lan0", "--subnet", "192.168.50.0/24", "--gateway", OutsideHost.Address, "lan")).Expect();
        await host.RunServerAsync("web", "--network", "lan");
        await host.RunSleepingAsync("user", "--network", "lan");
        Assert.Equal("web", await host.FetchFromAsync("user", "http://web/hostname"));
        Assert.Equal("outside", await host.FetchFromAsync("user", $"http://{OutsideHost.Address}/hostname"));
        await daemon.RemoveEverythingAsync();

        async Task RefusedAsync(string message, string driver, params string[] options)
        {
            CommandResult result = (await cli.RunAsync(["network", "create", "-d", driver, .. options.SelectMany(static option => (string[])["-o", option]), "wrong"])).Expect(1);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.NotFound, (await daemon.Api.GetAsync("/networks/wrong")).Status);
        }
    }

    private static async Task<string[]> LinksAsync(HostNamespace host) =>
        [.. (await host.RunAsync("ip", "-brief", "link")).Expect().Output.Split('\n').Select(static line => line.Split(' ', '@')[0]).Where(static name => name.Length > 0 && name is not ("sit0" or "ip6tnl0" or "tunl0")).Order(StringComparer.Ordinal)];
}
