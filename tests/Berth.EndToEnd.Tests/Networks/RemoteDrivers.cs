using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Networks that a plugin makes, and addresses that it gives. The calls that are expected are those that dockerd 20.10 was seen to send to such a plugin.</summary>
public sealed class RemoteDrivers : IAsyncLifetime
{
    private readonly string plugins = Directory.CreateTempSubdirectory("bp-").FullName;
    private RunningDaemon daemon = null!; // made before the test
    private HostNamespace host = null!; // as it
    private Cli cli = null!; // as it

    public async Task InitializeAsync()
    {
        daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork, "--plugin-folder", plugins);
        host = new HostNamespace(daemon);
        cli = daemon.Client(Clients.Berth);
    }

    public async Task DisposeAsync()
    {
        await daemon.DisposeAsync();
        Directory.Delete(plugins, recursive: true);
    }

    [Fact]
    public async Task A_network_and_a_container_live_as_dockerd_has_a_plugin_see_it()
    {
        using NetworkPlugin plugin = NewPlugin();
        (await cli.RunAsync("network", "create", "-d", "plug", "-o", "foo=bar", "--subnet", "10.95.0.0/16", "net")).Expect();
        (string Method, JsonNode? Body)[] calls = plugin.TakeCalls();
        Assert.Equal(["Plugin.Activate", "NetworkDriver.GetCapabilities", "NetworkDriver.CreateNetwork"], calls.Select(static call => call.Method));
        Same("""
            {"com.docker.network.enable_ipv4":true,"com.docker.network.enable_ipv6":false,"com.docker.network.generic":{"foo":"bar"}}
            """, calls[^1].Body!["Options"]);
        Same("""[{"AddressSpace":"LocalDefault","Pool":"10.95.0.0/16","Gateway":"10.95.0.1/16"}]""", calls[^1].Body!["IPv4Data"]);
        Same("[]", calls[^1].Body!["IPv6Data"]);
        string id = (string)calls[^1].Body!["NetworkID"]!;
        Assert.Equal(id, (await cli.RunAsync("network", "inspect", "-f", "{{.Id}}", "net")).Expect().Line);
        Assert.Equal("bridge host ipvlan macvlan null plug", string.Join(' ', (await cli.RunAsync("info", "-f", "{{join .Plugins.Network \" \"}}")).Expect().Line.Split(' ').Where(static name => name != "overlay")));

        (await cli.RunAsync("run", "-d", "--name", "one", "--network", "net", "-p", "18099:80", "busybox", "sleep", "1000")).Expect();
        calls = plugin.TakeCalls();
        Assert.Equal(
            ["NetworkDriver.CreateEndpoint", "NetworkDriver.Join", "NetworkDriver.EndpointOperInfo", "NetworkDriver.ProgramExternalConnectivity"],
            calls.Select(static call => call.Method));
        const string ports = """
            {"com.docker.network.endpoint.exposedports":[{"Proto":6,"Port":80}],
             "com.docker.network.portmap":[{"Proto":6,"IP":"","Port":80,"HostIP":"","HostPort":18099,"HostPortEnd":18099}]}
            """;
        Same("""{"Address":"10.95.0.2/16","AddressIPv6":"","MacAddress":""}""", calls[0].Body!["Interface"]);
        Same(ports, calls[0].Body!["Options"]);
        Same(ports, calls[1].Body!["Options"]);
        Same(ports, calls[3].Body!["Options"]);
        Assert.StartsWith("/proc/", (string)calls[1].Body!["SandboxKey"]!, StringComparison.Ordinal);
        JsonNode endpoint = (await host.EndpointAsync("one", "net"))!;
        Assert.All(calls, call => Assert.Equal((id, (string)endpoint["EndpointID"]!), ((string)call.Body!["NetworkID"]!, (string)call.Body!["EndpointID"]!)));
        Assert.Equal(("10.95.0.2", 16, "10.95.0.1"), ((string)endpoint["IPAddress"]!, (int)endpoint["IPPrefixLen"]!, (string)endpoint["Gateway"]!));

        string routes = (await host.ExecAsync("one", "ip", "route")).Expect().Output;
        Assert.Contains("default via 10.95.0.1 dev plug0", routes, StringComparison.Ordinal);
        Assert.Contains("10.98.0.0/16 via 10.95.0.1 dev plug0", routes, StringComparison.Ordinal);
        Assert.Contains("10.97.0.0/16 dev plug0 scope link", routes, StringComparison.Ordinal);
        (await host.ExecAsync("one", "ping", "-c", "1", "-W", "5", "10.95.0.1")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "two", "--network", "net", "--mac-address", "02:42:00:00:00:55", "--network-alias", "other", "busybox", "sleep", "1000")).Expect();
        calls = plugin.TakeCalls();
        Same("""{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[],"com.docker.network.endpoint.macaddress":"AkIAAABV"}""", calls[0].Body!["Options"]);
        Same("""{"Address":"10.95.0.3/16","AddressIPv6":"","MacAddress":"02:42:00:00:00:55"}""", calls[0].Body!["Interface"]);
        Assert.Contains("02:42:00:00:00:55", (await host.ExecAsync("two", "ip", "link", "show", "plug0")).Expect().Output, StringComparison.Ordinal);
        (await host.ExecAsync("one", "ping", "-c", "1", "-W", "5", "other")).Expect();

        (await cli.RunAsync("kill", "one")).Expect();
        string[] end = ["NetworkDriver.RevokeExternalConnectivity", "NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint"];
        await cli.RunAsync("wait", "one");
        await Poll.UntilAsync(async () => (await host.AddressAsync("one", "net")).Length == 0, "the end");
        Assert.Equal(end, plugin.TakeMethods());
        (await cli.RunAsync("rm", "-f", "one", "two")).Expect();
        Assert.Equal(end, plugin.TakeMethods());
        (await cli.RunAsync("network", "rm", "net")).Expect();
        Assert.Equal(["NetworkDriver.DeleteNetwork"], plugin.TakeMethods());
        await NothingLeftAsync();
    }

    [Fact]
    public async Task Connecting_and_disconnecting_move_the_link_and_the_way_out()
    {
        using NetworkPlugin plugin = NewPlugin();
        (await cli.RunAsync("network", "create", "-d", "plug", "net")).Expect();
        (await cli.RunAsync("network", "create", "zz")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "one", "--network", "zz", "busybox", "sleep", "1000")).Expect();
        plugin.TakeCalls();
        (await cli.RunAsync("network", "connect", "--driver-opt", "a=b", "net", "one")).Expect();
        (string Method, JsonNode? Body)[] calls = plugin.TakeCalls();
        Assert.Equal(
            ["NetworkDriver.CreateEndpoint", "NetworkDriver.Join", "NetworkDriver.EndpointOperInfo", "NetworkDriver.ProgramExternalConnectivity"],
            calls.Select(static call => call.Method));
        Assert.Equal("b", (string)calls[0].Body!["Options"]!["a"]!);
        Assert.Contains("the endpoint's driver option a is not supported", (await cli.RunAsync("network", "connect", "--driver-opt", "a=b", "bridge", "one")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("dev plug0", Default((await host.ExecAsync("one", "ip", "route")).Expect().Output), StringComparison.Ordinal);
        (await cli.RunAsync("network", "disconnect", "net", "one")).Expect();
        Assert.Equal(["NetworkDriver.RevokeExternalConnectivity", "NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint"], plugin.TakeMethods());
        Assert.Contains("dev eth0", Default((await host.ExecAsync("one", "ip", "route")).Expect().Output), StringComparison.Ordinal);
        Assert.DoesNotContain("plug0", (await host.ExecAsync("one", "ip", "link")).Expect().Output, StringComparison.Ordinal);
        (await cli.RunAsync("rm", "-f", "one")).Expect();
        (await cli.RunAsync("network", "rm", "net", "zz")).Expect();
        await NothingLeftAsync();

        static string Default(string routes) => routes.Split('\n').Single(static line => line.StartsWith("default", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_plugin_gives_addresses_to_networks_of_any_driver()
    {
        using NetworkPlugin plugin = NewPlugin(needsMac: true);
        (await cli.RunAsync("network", "create", "--ipam-driver", "plug", "--ipam-opt", "a=b", "--subnet", "10.99.0.0/16", "--ip-range", "10.99.8.0/24", "--aux-address", "x=10.99.0.7", "net")).Expect();
        (string Method, JsonNode? Body)[] calls = plugin.TakeCalls();
        Assert.Equal(
            ["Plugin.Activate", "IpamDriver.GetCapabilities", "IpamDriver.GetDefaultAddressSpaces", "IpamDriver.RequestPool", "IpamDriver.RequestAddress", "IpamDriver.RequestAddress"],
            calls.Select(static call => call.Method));
        Same("""{"AddressSpace":"here","Pool":"10.99.0.0/16","SubPool":"10.99.8.0/24","Options":{"a":"b"},"V6":false}""", calls[3].Body);
        Same("""{"PoolID":"pool 10.99.0.0/16","Address":"","Options":{"RequestAddressType":"com.docker.network.gateway"}}""", calls[4].Body);
        Same("""{"PoolID":"pool 10.99.0.0/16","Address":"10.99.0.7","Options":null}""", calls[5].Body);
        JsonNode ipam = JsonNode.Parse((await cli.RunAsync("network", "inspect", "-f", "{{json .IPAM}}", "net")).Expect().Line)!;
        Assert.Equal(("plug", "b"), ((string)ipam["Driver"]!, (string)ipam["Options"]!["a"]!));

        (await cli.RunAsync("run", "-d", "--name", "one", "--network", "net", "--ip", "10.99.0.50", "busybox", "sleep", "1000")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "two", "--network", "net", "busybox", "sleep", "1000")).Expect();
        calls = plugin.TakeCalls();
        Assert.Equal(["10.99.0.50", ""], calls.Select(static call => (string)call.Body!["Address"]!));
        string mac = (string)calls[1].Body!["Options"]!["com.docker.network.endpoint.macaddress"]!;
        Assert.Equal(mac, (string)(await host.EndpointAsync("two", "net"))!["MacAddress"]!);
        (await host.ExecAsync("two", "ping", "-c", "1", "-W", "5", "one")).Expect();
        Assert.Contains("It does not belong to any of this network's subnets", (await cli.RunAsync("run", "--rm", "--network", "net", "--ip", "10.1.1.1", "busybox", "true")).Error, StringComparison.Ordinal);
        Assert.Contains("Pool overlaps with other one", (await cli.RunAsync("network", "create", "--subnet", "10.99.128.0/17", "same")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("Pool overlaps with other one", (await cli.RunAsync("network", "create", "--ipam-driver", "plug", "same")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Equal(
            ["IpamDriver.RequestPool", "IpamDriver.RequestAddress", "IpamDriver.ReleaseAddress", "IpamDriver.ReleasePool"],
            plugin.TakeMethods());
        (await cli.RunAsync("rm", "-f", "one")).Expect();
        (await cli.RunAsync("rm", "-f", "two")).Expect();
        Assert.Equal(["10.99.0.50", "10.99.0.2"], plugin.TakeCalls().Select(static call => $"{call.Body!["Address"]}"));
        (await cli.RunAsync("network", "rm", "net")).Expect();
        Assert.Equal(["IpamDriver.ReleaseAddress 10.99.0.1", "IpamDriver.ReleaseAddress 10.99.0.7", "IpamDriver.ReleasePool "], plugin.TakeCalls().Select(static call => $"{call.Method} {call.Body!["Address"]}"));
    }

    [Fact]
    public async Task Without_addresses_the_plugin_adds_its_own()
    {
        using NetworkPlugin plugin = NewPlugin();
        (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "null", "net")).Expect();
        Same("""[{"AddressSpace":"null","Pool":"0.0.0.0/0"}]""", plugin.TakeCalls()[^1].Body!["IPv4Data"]);
        Assert.Contains("10.96.0.5/24", (await cli.RunAsync("run", "--rm", "--network", "net", "busybox", "ip", "address", "show", "plug0")).Expect().Output, StringComparison.Ordinal);
        (await cli.RunAsync("network", "rm", "net")).Expect();
        Assert.Contains("ipv4 pool is empty", (await cli.RunAsync("network", "create", "--ipam-driver", "null", "net")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("null ipam driver does not handle specific address pool requests",
            (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "null", "--subnet", "10.0.0.0/8", "net")).Expect(1).Error, StringComparison.Ordinal);
        await NothingLeftAsync();
    }

    [Fact]
    public async Task Nothing_is_left_of_what_fails()
    {
        using NetworkPlugin plugin = NewPlugin();
        Assert.Contains("could not find plugin nobody in v2 plugin registry: plugin not found", (await cli.RunAsync("network", "create", "-d", "nobody", "net")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("plugin \"nobody\" not found", (await cli.RunAsync("network", "create", "--ipam-driver", "nobody", "net")).Expect(1).Error, StringComparison.Ordinal);
        await FailsAsync("NetworkDriver.CreateNetwork", "IpamDriver.ReleaseAddress", "IpamDriver.ReleasePool");
        await FailsAsync("IpamDriver.RequestAddress", "IpamDriver.ReleasePool");
        await FailsAsync("IpamDriver.RequestPool");
        Assert.DoesNotContain("net ", (await cli.RunAsync("network", "ls")).Expect().Output, StringComparison.Ordinal);

        (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "plug", "net")).Expect();
        await RunFailsAsync("IpamDriver.RequestAddress");
        await RunFailsAsync("NetworkDriver.CreateEndpoint", "IpamDriver.ReleaseAddress");
        await RunFailsAsync("NetworkDriver.Join", "NetworkDriver.DeleteEndpoint", "IpamDriver.ReleaseAddress");
        await RunFailsAsync("NetworkDriver.EndpointOperInfo", "NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint", "IpamDriver.ReleaseAddress");
        await RunFailsAsync("NetworkDriver.ProgramExternalConnectivity", "NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint", "IpamDriver.ReleaseAddress");
        await RunLiesAsync("NetworkDriver.CreateEndpoint", """{"Interface":{"Address":"10.1.1.1/8"}}""", "the endpoint has ");
        await RunLiesAsync("NetworkDriver.Join", """{"InterfaceName":{"SrcName":"../eth0","DstPrefix":"eth"}}""", "invalid InterfaceName.SrcName");
        await RunLiesAsync("NetworkDriver.Join", """{"InterfaceName":{"SrcName":"nothere","DstPrefix":"eth"}}""", "the link nothere that the plugin named");
        await RunLiesAsync("NetworkDriver.Join", """{"Gateway":"nonsense"}""", "invalid Gateway \"nonsense\"");
        await RunLiesAsync("NetworkDriver.Join", "this is no JSON", "the answer is not what the protocol has");
        await RunLiesAsync("NetworkDriver.Join", """{"StaticRoutes":[null]}""", "invalid StaticRoutes \"null\"");
        await RunLiesAsync("IpamDriver.RequestAddress", """{"Address":"192.0.2.1/24"}""", "is not of the pool 10.99.0.0/16");
        await RunLiesAsync("IpamDriver.RequestAddress", """{"Address":"x"}""", "invalid Address \"x\"");
        await RunLiesAsync("IpamDriver.RequestAddress", "{}", "No address returned");
        (await cli.RunAsync("network", "rm", "net")).Expect();
        await NothingLeftAsync();

        async Task FailsAsync(string method, params string[] undone)
        {
            plugin.Instead[method] = static _ => """{"Err":"told to fail"}""";
            plugin.TakeCalls();
            string error = (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "plug", "net")).Expect(1).Error;
            plugin.Instead.Clear();
            Assert.Contains($"plugin \"plug\": {method}: told to fail", error, StringComparison.Ordinal);
            Assert.Equal(undone, plugin.TakeMethods().SkipWhile(called => called != method).Skip(1));
        }

        async Task RunFailsAsync(string method, params string[] undone)
        {
            plugin.TakeCalls();
            await RunLiesAsync(method, """{"Err":"told to fail"}""", $"plugin \"plug\": {method}: told to fail");
            Assert.Equal(undone, plugin.TakeMethods().SkipWhile(called => called != method).Skip(1));
        }

        async Task RunLiesAsync(string method, string answer, string expected)
        {
            plugin.Instead[method] = _ => answer;
            string error = (await cli.RunAsync("run", "--rm", "--network", "net", "busybox", "true")).Expect(125).Error;
            plugin.Instead.Clear();
            Assert.Contains(expected, error, StringComparison.Ordinal);
            Assert.DoesNotContain("@c", (await host.RunAsync("ip", "-brief", "link")).Expect().Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_plugin_that_dies_holds_nothing_up()
    {
        using NetworkPlugin plugin = NewPlugin();
        (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "plug", "net")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "one", "--network", "net", "busybox", "sleep", "1000")).Expect();
        plugin.Die();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        (await cli.RunAsync("rm", "-f", "one")).Expect();
        (await cli.RunAsync("network", "rm", "net")).Expect();
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
        Assert.Contains("it cannot be reached at ", daemon.Log, StringComparison.Ordinal);

        // It comes back while something waits for it.
        plugin.Start();
        await host.RunAsync("ip", "link", "del", NetworkPlugin.Bridge);
        plugin.Die();
        Task<CommandResult> making = cli.RunAsync("network", "create", "-d", "plug", "late");
        (await cli.RunAsync("network", "create", "meanwhile")).Expect(); // nobody else waits
        Assert.False(making.IsCompleted);
        plugin.Start();
        (await making).Expect();
    }

    [Fact]
    public async Task After_a_crash_of_the_daemon_everything_goes_on()
    {
        using NetworkPlugin plugin = NewPlugin(needsReplay: true);
        (await cli.RunAsync("network", "create", "-d", "plug", "--ipam-driver", "plug", "net")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "one", "--network", "net", "busybox", "sleep", "1000")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "two", "--network", "net", "busybox", "sleep", "1000")).Expect();
        (await cli.RunAsync("run", "-d", "--name", "gone", "--network", "net", "busybox", "sleep", "1000")).Expect();
        string before = (await host.EndpointAsync("one", "net"))!.ToJsonString();
        await daemon.KillAsync();
        plugin.TakeCalls();
        await daemon.StartAsync();
        Assert.Equal(before, (await host.EndpointAsync("one", "net"))!.ToJsonString());
        (await host.ExecAsync("one", "ping", "-c", "1", "-W", "5", "10.99.0.1")).Expect();

        // What keeps nothing is told of what is taken, once something is asked of it; who is gone until then is never told of.
        (await cli.RunAsync("rm", "-f", "gone")).Expect();
        Assert.DoesNotContain("IpamDriver.ReleaseAddress", plugin.TakeMethods());
        (await cli.RunAsync("run", "-d", "--name", "three", "--network", "net", "busybox", "sleep", "1000")).Expect();
        string[] asked = [.. plugin.TakeCalls().Where(static call => call.Method.StartsWith("IpamDriver.Request", StringComparison.Ordinal)).Select(static call => $"{call.Method[11..]} {call.Body!["Address"]}")];
        Assert.Equal(["RequestPool ", "RequestAddress 10.99.0.1"], asked[..2]);
        Assert.Equal(["RequestAddress 10.99.0.2", "RequestAddress 10.99.0.3"], asked[2..4].Order(StringComparer.Ordinal));
        Assert.Equal(["RequestAddress "], asked[4..]);
        (await cli.RunAsync("rm", "-f", "one", "two", "three")).Expect();
        Assert.Equal(3, plugin.TakeMethods().Count(static method => method == "NetworkDriver.DeleteEndpoint"));
        (await cli.RunAsync("network", "rm", "net")).Expect();
        await NothingLeftAsync();
    }

    private NetworkPlugin NewPlugin(bool needsMac = false, bool needsReplay = false) => new(plugins, daemon.NamespacePath) { NeedsMac = needsMac, NeedsReplay = needsReplay };

    private async Task NothingLeftAsync()
    {
        string links = (await host.RunAsync("ip", "-brief", "link")).Expect().Output;
        Assert.DoesNotContain(NetworkPlugin.Bridge, links, StringComparison.Ordinal);
        Assert.DoesNotContain("@c", links, StringComparison.Ordinal);
    }

    private static void Same(string expected, JsonNode? actual) => Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), $"wanted {expected}\ngot {actual?.ToJsonString()}");
}
