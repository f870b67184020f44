using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>The network that containers get without asking, and the files that go with it.</summary>
public sealed class DefaultNetworkTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_container_has_an_address_a_way_out_and_a_neighbour_in_the_host(string client)
    {
        string name = fixture.NewName();
        (await fixture.Client(client).RunAsync("run", "-d", "--name", name, "busybox", "sleep", "1000")).Expect();
        JsonNode endpoint = (await Host.EndpointAsync(name, "bridge"))!; // it is in that network
        (string address, string gateway) = ((string)endpoint["IPAddress"]!, (string)endpoint["Gateway"]!); // an endpoint has both
        Assert.Equal(address, (string?)(await Host.InspectAsync(name))["NetworkSettings"]!["IPAddress"]);
        Assert.Contains($"inet {address}/{endpoint["IPPrefixLen"]} ", (await Host.ExecAsync(name, "ip", "addr", "show", "eth0")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains((string)endpoint["MacAddress"]!, (await Host.ExecAsync(name, "cat", "/sys/class/net/eth0/address")).Expect().Output, StringComparison.Ordinal); // as above
        Assert.StartsWith($"default via {gateway} dev eth0", (await Host.ExecAsync(name, "ip", "route")).Expect().Output, StringComparison.Ordinal);
        (await Host.ExecAsync(name, "ping", "-c", "1", "-W", "5", gateway)).Expect();
        (await Host.RunAsync(Binaries.Busybox, "ping", "-c", "1", "-W", "5", address)).Expect();
        Assert.Contains($"inet {gateway}/", (await Host.RunAsync("ip", "addr", "show", "berth0")).Expect().Output, StringComparison.Ordinal);
        await fixture.RemoveAsync([name]);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Neighbours_are_reached_by_address_and_not_by_name(string client)
    {
        string first = fixture.NewName(), second = fixture.NewName();
        await Host.RunServerAsync(first);
        string url = $"http://{await Host.AddressAsync(first, "bridge")}/hostname";
        Cli cli = fixture.Client(client);
        await Host.RunSleepingAsync(second);
        Assert.Equal(first, await Host.FetchFromAsync(second, url));
        Assert.Equal(first, (await cli.RunAsync("run", "--rm", "busybox", "wget", "-qO-", url)).Expect().Line);
        Assert.Empty(await Host.LookUpAsync(second, first));
        Assert.Contains("network-scoped aliases are only supported for user-defined networks", (await cli.RunAsync("run", "--rm", "--network-alias", "x", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        await fixture.RemoveAsync([first, second]);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Another_containers_network_has_its_addresses_and_files(string client)
    {
        string server = fixture.NewName(), network = await fixture.NewNetworkAsync();
        Cli cli = fixture.Client(client);
        await Host.RunServerAsync(server, "--network", network, "--add-host", "there:192.0.2.7");
        await Host.FetchFromAsync(server, "http://127.0.0.1/hostname");
        CommandResult joined = (await cli.RunAsync("run", "--rm", "--network", "container:" + server, "busybox", "sh", "-c", "wget -qO- http://127.0.0.1/hostname; cat /etc/hosts; cat /etc/resolv.conf")).Expect();
        string own = (await Host.ExecAsync(server, "sh", "-c", "cat /etc/hostname /etc/hosts /etc/resolv.conf")).Expect().Output;
        Assert.Equal(own, joined.Output);
        Assert.Contains("192.0.2.7\tthere\n", own, StringComparison.Ordinal);
        Assert.Contains(
            "conflicting options: port publishing and the container type network mode",
            (await cli.RunAsync("run", "--rm", "--network", "container:" + server, "-p", "80", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        await fixture.RemoveAsync([server], network);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Files_say_what_was_asked_for(string client)
    {
        string network = await fixture.NewNetworkAsync();
        Cli cli = fixture.Client(client);
        string[] asked = ["--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-opt", "timeout:1", "--add-host", "there:192.0.2.7", "--add-host", "host:host-gateway", "--hostname", "me", "--domainname", "example.net"];
        string text = (await cli.RunAsync(["run", "--rm", .. asked, "busybox", "sh", "-c", "hostname; cat /etc/hostname /etc/resolv.conf /etc/hosts; ip -o -4 addr show eth0"], stdin: null)).Expect().Output;
        Assert.StartsWith("me\nme\n", text, StringComparison.Ordinal);
        Assert.Superset(new HashSet<string> { "nameserver 192.0.2.53", "search example.org", "options timeout:1" }, text.Split('\n').ToHashSet());
        Assert.Contains("\n192.0.2.7\tthere\n", text, StringComparison.Ordinal);
        string gateway = (string)(await fixture.InspectNetworkAsync("bridge"))["IPAM"]!["Config"]![0]!["Gateway"]!; // a bridge has one
        Assert.Contains($"\n{gateway}\thost\n", text, StringComparison.Ordinal);
        Assert.Matches("\n[0-9.]+\tme.example.net me\n", text);

        string named = (await cli.RunAsync(["run", "--rm", "--network", network, .. asked, "busybox", "cat", "/etc/resolv.conf"], stdin: null)).Expect().Output;
        Assert.Superset(new HashSet<string> { "nameserver 127.0.0.11", "search example.org", "options timeout:1 ndots:0" }, named.Split('\n').ToHashSet());
        (await cli.RunAsync("network", "rm", network)).Expect();
    }
}
