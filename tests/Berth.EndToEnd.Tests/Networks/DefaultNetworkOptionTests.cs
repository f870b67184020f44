using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>What the daemon can be told about the network that containers get without asking.</summary>
public sealed class DefaultNetworkOptionTests
{
    [Fact]
    public async Task It_has_addresses_and_ways_out_as_the_daemon_was_told()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(
            null, RunningDaemon.OwnNetwork, "--bip=10.57.0.1/24", "--default-gateway=10.57.0.9", "--ipv6", "--bip6=fd66::1/64", "--fixed-cidr-v6=fd66::100/120", "--default-gateway-v6=fd66::99",
            "--default-network-opt=bridge=com.docker.network.driver.mtu=1400", "--host-gateway-ip=192.0.2.9");
        var host = new HostNamespace(daemon);
        JsonNode network = await NetworkAsync(daemon, "bridge");
        Assert.True((bool)network["EnableIPv6"]!); // docker's member
        Assert.Equal(
            """[{"Subnet":"10.57.0.0/24","Gateway":"10.57.0.1","AuxiliaryAddresses":{"DefaultGatewayIPv4":"10.57.0.9"}},{"Subnet":"fd66::/64","IPRange":"fd66::100/120","Gateway":"fd66::1","AuxiliaryAddresses":{"DefaultGatewayIPv6":"fd66::99"}}]""",
            network["IPAM"]!["Config"]!.ToJsonString()); // docker's members
        await host.RunSleepingAsync("cc", "--add-host", "h:host-gateway");
        JsonNode settings = (await host.InspectAsync("cc"))["NetworkSettings"]!; // docker's member
        Assert.Equal(("10.57.0.9", "fd66::99", "fd66::100", 64), ((string?)settings["Gateway"], (string?)settings["IPv6Gateway"], (string?)settings["GlobalIPv6Address"], (int)settings["GlobalIPv6PrefixLen"]!)); // docker's member
        Assert.StartsWith("default via 10.57.0.9 dev eth0", (await host.ExecAsync("cc", "ip", "route")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains("default via fd66::99 dev eth0", (await host.ExecAsync("cc", "ip", "-6", "route")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains("192.0.2.9\th\n", (await host.ExecAsync("cc", "cat", "/etc/hosts")).Expect().Output, StringComparison.Ordinal);
        (await host.ExecAsync("cc", "ping", "-c", "1", "-W", "5", "fd66::1")).Expect();
        Assert.Contains("user specified IP address is supported on user defined networks only",
            (await daemon.Client(Clients.Berth).RunAsync("run", "--rm", "--ip6", "fd66::177", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);

        Cli cli = daemon.Client(Clients.Berth);
        (await cli.RunAsync("network", "create", "told")).Expect();
        (await cli.RunAsync("network", "create", "-o", "com.docker.network.driver.mtu=1300", "own")).Expect();
        Assert.Equal(("1400", "1300"), ((string?)(await NetworkAsync(daemon, "told"))["Options"]!["com.docker.network.driver.mtu"], (string?)(await NetworkAsync(daemon, "own"))["Options"]!["com.docker.network.driver.mtu"])); // docker's member

        // The record stands while the daemon is told the same, and follows when it is told something else.
        string id = (string)network["Id"]!; // docker's member
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal(network["Created"]!.ToJsonString(), (await NetworkAsync(daemon, "bridge"))["Created"]!.ToJsonString()); // docker's member
        await daemon.KillAsync();
        daemon.Tell("--bip=10.57.0.1/24", "--default-gateway=10.57.0.8");
        await daemon.StartAsync();
        network = await NetworkAsync(daemon, "bridge");
        Assert.Equal((id, false, "10.57.0.8"), ((string?)network["Id"], (bool)network["EnableIPv6"]!, (string?)network["IPAM"]!["Config"]![0]!["AuxiliaryAddresses"]!["DefaultGatewayIPv4"])); // docker's members
        Assert.DoesNotContain("fd66", (await host.RunAsync("ip", "addr", "show", "berth0")).Expect().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_or_without_sense_is_told_at_the_start()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        await daemon.KillAsync();
        await RefusedAsync(daemon, "auxiliary address: (DefaultGatewayIPv4:10.58.0.9) must belong to the master pool: 10.57.0.0/24", "--bip=10.57.0.1/24", "--default-gateway=10.58.0.9");
        await RefusedAsync(daemon, "failed to allocate gateway (10.57.0.0): Address already in use", "--bip=10.57.0.0/24");
        await RefusedAsync(daemon, "say --ipv6, or leave them out", "--fixed-cidr-v6=fd66::/64");
    }

    [Fact]
    public async Task A_bridge_of_somebody_elses_gives_its_addresses_and_stays_as_it_is()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        (await host.RunAsync("sh", "-c", "ip link add xb type bridge; ip addr add 10.55.0.3/24 dev xb; ip addr add 10.56.0.3/24 dev xb; ip addr add fd55::3/64 dev xb")).Expect();
        await daemon.KillAsync();
        await RefusedAsync(daemon, "You specified -b & --bip, mutually exclusive options. Please specify only one", "-b", "xb", "--bip=10.1.1.1/24");
        await RefusedAsync(daemon, "lo is to be the default network's bridge, and is none", "-b", "lo");
        daemon.Tell("-b", "xb", "--ipv6", "--fixed-cidr=10.55.0.128/25");
        await daemon.StartAsync();
        Assert.Equal(
            """[{"Subnet":"10.55.0.0/24","IPRange":"10.55.0.128/25","Gateway":"10.55.0.3"},{"Subnet":"fd55::/64","Gateway":"fd55::3"}]""",
            (await NetworkAsync(daemon, "bridge"))["IPAM"]!["Config"]!.ToJsonString()); // docker's members
        Assert.DoesNotContain("berth0", (await host.RunAsync("ip", "-brief", "link")).Expect().Output, StringComparison.Ordinal);
        await host.RunServerAsync("web", "-p", "8080:80");
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        Assert.Equal("web", await host.FetchAsync($"http://{await host.AddressAsync("web", "bridge")}/hostname"));
        await host.RunSleepingAsync("other");
        Assert.Equal("web", await host.FetchFromAsync("other", $"http://[{(string?)(await host.EndpointAsync("web", "bridge"))!["GlobalIPv6Address"]}]/hostname")); // it is in it
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        await daemon.RemoveEverythingAsync();

        daemon.Tell();
        await daemon.KillAsync();
        await daemon.StartAsync();
        string addresses = (await host.RunAsync("ip", "addr", "show", "xb")).Expect().Output;
        Assert.Equal((true, true, true), (addresses.Contains("inet 10.55.0.3/24", StringComparison.Ordinal), addresses.Contains("inet 10.56.0.3/24", StringComparison.Ordinal), addresses.Contains("inet6 fd55::3/64", StringComparison.Ordinal)));
        Assert.Contains("berth0", (await host.RunAsync("ip", "-brief", "link")).Expect().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bridge_of_somebody_elses_without_addresses_gets_some_and_is_not_made_anew()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        (await host.RunAsync("ip", "link", "add", "xb", "type", "bridge")).Expect();
        await daemon.KillAsync();
        daemon.Tell("-b", "xb");
        await daemon.StartAsync();
        string gateway = (string)(await NetworkAsync(daemon, "bridge"))["IPAM"]!["Config"]![0]!["Gateway"]!; // a bridge has one
        await host.RunSleepingAsync("cc");
        (await host.ExecAsync("cc", "ping", "-c", "1", "-W", "5", gateway)).Expect();
        await daemon.RemoveEverythingAsync();
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal(gateway, (string?)(await NetworkAsync(daemon, "bridge"))["IPAM"]!["Config"]![0]!["Gateway"]); // as before
        await daemon.KillAsync();
        (await host.RunAsync("ip", "link", "del", "xb")).Expect();
        await RefusedAsync(daemon, "bridge device with non default name xb must be created manually", "-b", "xb");
    }

    [Fact]
    public async Task With_IPv6_links_lead_to_both_addresses()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork, "--ipv6", "--icc=false");
        var host = new HostNamespace(daemon);
        await host.RunServerAsync("db", "--expose", "80");
        JsonNode endpoint = (await host.EndpointAsync("db", "bridge"))!; // it is in it
        (string ipv4, string ipv6) = ((string)endpoint["IPAddress"]!, (string)endpoint["GlobalIPv6Address"]!); // the network has both
        await host.RunSleepingAsync("web", "--link", "db:data");
        await host.RunSleepingAsync("stranger");
        string hosts = (await host.ExecAsync("web", "cat", "/etc/hosts")).Expect().Output;
        Assert.Contains($"{ipv4}\tdata ", hosts, StringComparison.Ordinal);
        Assert.Contains($"{ipv6}\tdata ", hosts, StringComparison.Ordinal);
        Assert.Equal("db", await host.FetchFromAsync("web", $"http://{ipv4}/hostname"));
        Assert.Equal("db", await host.FetchFromAsync("web", $"http://[{ipv6}]/hostname"));
        Assert.True(await host.IsClosedFromAsync("stranger", $"http://{ipv4}/hostname"));
        Assert.True(await host.IsClosedFromAsync("stranger", $"http://[{ipv6}]/hostname"));
    }

    [Fact]
    public async Task Forwarding_and_passing_on_can_be_left_to_others()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        await daemon.KillAsync();
        (await host.RunAsync("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")).Expect(); // a namespace begins with what the machine has
        daemon.Tell("--ip-forward=false", "--userland-proxy=false");
        await daemon.StartAsync();
        Assert.Equal("0", (await host.RunAsync("cat", "/proc/sys/net/ipv4/ip_forward")).Expect().Line);
        Assert.Contains("WARNING: IPv4 forwarding is disabled", (await daemon.Client(Clients.Berth).RunAsync("info")).Expect().Error, StringComparison.Ordinal);
        await host.RunServerAsync("web", "-p", "8080:80");
        Assert.Equal("web", await host.FetchAsync("http://127.0.0.1:8080/hostname"));
        Assert.True(await host.IsClosedAsync("http://[::1]:8080/hostname"));
        Assert.Equal("0", (await host.RunAsync("cat", "/proc/sys/net/ipv4/ip_forward")).Expect().Line);
        daemon.Tell();
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal("1", (await host.RunAsync("cat", "/proc/sys/net/ipv4/ip_forward")).Expect().Line);
    }

    private static async Task RefusedAsync(RunningDaemon daemon, string message, params string[] options)
    {
        daemon.Tell(options);
        await Assert.ThrowsAnyAsync<Exception>(() => daemon.StartAsync());
        Assert.Contains(message, daemon.Log, StringComparison.Ordinal);
    }

    private static async Task<JsonNode> NetworkAsync(RunningDaemon daemon, string name) => (await daemon.Api.GetAsync("/networks/" + name)).Expect(HttpStatusCode.OK).Json;
}
