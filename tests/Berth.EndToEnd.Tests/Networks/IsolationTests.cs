using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Who does not reach whom.</summary>
public sealed class IsolationTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Fact]
    public async Task Two_networks_do_not_reach_each_other()
    {
        string one = await fixture.NewNetworkAsync(), other = await fixture.NewNetworkAsync();
        string server = fixture.NewName(), near = fixture.NewName(), far = fixture.NewName();
        await Host.RunServerAsync(server, "--network", one);
        await Host.RunSleepingAsync(near, "--network", one);
        await Host.RunSleepingAsync(far, "--network", other);
        string url = $"http://{await Host.AddressAsync(server, one)}/hostname";
        Assert.Equal(server, await Host.FetchFromAsync(near, url));
        Assert.Equal(server, await Host.FetchAsync(url));
        Assert.True(await Host.IsClosedFromAsync(far, url));
        (await fixture.Berth.RunAsync("network", "connect", one, far)).Expect();
        Assert.Equal(server, await Host.FetchFromAsync(far, url));
        (await fixture.Berth.RunAsync("network", "disconnect", one, far)).Expect();
        Assert.True(await Host.IsClosedFromAsync(far, url));
        await fixture.RemoveAsync([server, near, far], one, other);
    }

    [Fact]
    public async Task An_internal_network_has_no_way_out()
    {
        string inside = await fixture.NewNetworkAsync("--internal"), server = fixture.NewName(), user = fixture.NewName(), outer = fixture.NewName();
        await Host.RunServerAsync(server, "--network", inside, "-p", "8070:80");
        await Host.RunServerAsync(outer);
        await Host.RunSleepingAsync(user, "--network", inside);
        Assert.Equal(server, await Host.FetchFromAsync(user, $"http://{server}/hostname"));
        Assert.DoesNotContain("default", (await Host.ExecAsync(user, "ip", "route")).Expect().Output, StringComparison.Ordinal);
        string url = $"http://{await Host.AddressAsync(outer, "bridge")}/hostname";
        Assert.Equal(outer, await Host.FetchAsync(url));
        Assert.True(await Host.IsClosedFromAsync(user, url));
        Assert.Empty(await Host.LookUpAsync(user, "example.org"));

        // Not even with a route, which whoever has the capability could make himself.
        string gateway = (string)(await fixture.InspectNetworkAsync(inside))["IPAM"]!["Config"]![0]!["Gateway"]!; // a bridge has one
        (await Host.RunAsync("nsenter", "--net=" + await Host.NamespaceOfAsync(user), "ip", "route", "add", "default", "via", gateway)).Expect();
        Assert.True(await Host.IsClosedFromAsync(user, url));
        Assert.True(await Host.IsClosedAsync("http://127.0.0.1:8070/hostname"));
        await fixture.RemoveAsync([server, user, outer], inside);
    }

    [Fact]
    public async Task Without_communication_between_containers_published_ports_are_open_alone()
    {
        string network = await fixture.NewNetworkAsync("-o", "com.docker.network.bridge.enable_icc=false");
        string server = fixture.NewName(), user = fixture.NewName();
        await Host.RunServerAsync(server, "--network", network, "-p", "8071:80");
        await Host.RunSleepingAsync(user, "--network", network);
        string gateway = (string)(await Host.EndpointAsync(server, network))!["Gateway"]!; // it is in it
        Assert.Equal(server, await Host.FetchFromAsync(user, $"http://{gateway}:8071/hostname"));
        Assert.True(await Host.IsClosedFromAsync(user, $"http://{server}/hostname"));
        Assert.Equal([await Host.AddressAsync(server, network)], await Host.LookUpAsync(user, server));
        await fixture.RemoveAsync([server, user], network);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task IPv6_has_addresses_names_and_ports(string client)
    {
        Cli cli = fixture.Client(client);
        string network = fixture.NewName(), server = fixture.NewName(), user = fixture.NewName();
        (await cli.RunAsync("network", "create", "--ipv6", network)).Expect();
        string port = client == Clients.Berth ? "8072" : "8073";
        (await cli.RunAsync("run", "-d", "--name", server, "--hostname", server, "--network", network, "-p", port + ":80", "busybox", "httpd", "-f", "-p", "[::]:80", "-h", "/etc")).Expect();
        await Host.RunSleepingAsync(user, "--network", network);
        string address = (string)(await Host.EndpointAsync(server, network))!["GlobalIPv6Address"]!; // it is in it
        Assert.StartsWith("fd", address, StringComparison.Ordinal);
        Assert.Contains(address, (await Host.ExecAsync(user, "nslookup", "-type=aaaa", server)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal(server, await Host.FetchFromAsync(user, $"http://[{address}]/hostname"));
        Assert.Equal(server, await Host.FetchAsync($"http://[{address}]/hostname"));
        Assert.Equal(server, await Host.FetchAsync($"http://[::1]:{port}/hostname"));
        Assert.Equal(server, await Host.FetchAsync($"http://127.0.0.1:{port}/hostname"));
        (await Host.ExecAsync(user, "ping6", "-c", "1", "-W", "5", address)).Expect();
        await fixture.RemoveAsync([server, user], network);
    }
}
