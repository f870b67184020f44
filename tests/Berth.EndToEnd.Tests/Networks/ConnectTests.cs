using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Containers that come into networks and leave them.</summary>
public sealed class ConnectTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_running_container_comes_and_goes(string client)
    {
        Cli cli = fixture.Client(client);
        string network = await fixture.NewNetworkAsync(), server = fixture.NewName(), user = fixture.NewName();
        await Host.RunServerAsync(server);
        await Host.RunSleepingAsync(user, "--network", network);
        (await cli.RunAsync("network", "connect", "--alias", "again", network, server)).Expect();
        string address = await Host.AddressAsync(server, network);
        Assert.Equal([address], await Host.LookUpAsync(user, "again"));
        Assert.Equal(server, await Host.FetchFromAsync(user, "http://again/hostname"));
        Assert.Contains($"{address}\t{server}\n", (await Host.ExecAsync(server, "cat", "/etc/hosts")).Expect().Output, StringComparison.Ordinal);
        Assert.Equal([await Host.AddressAsync(user, network)], await Host.LookUpAsync(server, user)); // through the resolver that it got by coming
        Assert.Contains("already exists in network", (await cli.RunAsync("network", "connect", network, server)).Expect(1).Error, StringComparison.Ordinal);

        (await cli.RunAsync("network", "disconnect", network, server)).Expect();
        Assert.Equal("", await Host.AddressAsync(server, network));
        Assert.Empty(await Host.LookUpAsync(user, "again"));
        Assert.DoesNotContain(address, (await Host.ExecAsync(server, "sh", "-c", "cat /etc/hosts; ip addr")).Expect().Output, StringComparison.Ordinal);
        Assert.Equal("eth0\nlo", (await Host.ExecAsync(server, "ls", "/sys/class/net")).Expect().Line);
        Assert.Contains("is not connected to", (await cli.RunAsync("network", "disconnect", network, server)).Expect(1).Error, StringComparison.Ordinal);
        (await cli.RunAsync("network", "disconnect", "bridge", server)).Expect();
        Assert.Equal("lo", (await Host.ExecAsync(server, "ls", "/sys/class/net")).Expect().Line);
        await fixture.RemoveAsync([server, user], network);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_stopped_container_is_in_its_networks_at_the_next_start(string client)
    {
        Cli cli = fixture.Client(client);
        string subnet = client == Clients.Berth ? "10.77.1" : "10.77.2";
        string network = await fixture.NewNetworkAsync("--subnet", subnet + ".0/24"), name = fixture.NewName();
        (await cli.RunAsync("create", "--name", name, "busybox", "sleep", "1000")).Expect();
        (await cli.RunAsync("network", "connect", "--ip", subnet + ".77", "--alias", "fixed", network, name)).Expect();
        (await cli.RunAsync("network", "disconnect", "bridge", name)).Expect();
        Assert.Equal("", await Host.AddressAsync(name, network));
        for (int i = 0; i < 2; i++)
        {
            (await cli.RunAsync("start", name)).Expect();
            Assert.Equal(subnet + ".77", await Host.AddressAsync(name, network));
            Assert.Contains($"inet {subnet}.77/24", (await Host.ExecAsync(name, "ip", "addr")).Expect().Output, StringComparison.Ordinal);
            (await cli.RunAsync("stop", "-t", "0", name)).Expect();
        }

        string other = fixture.NewName();
        Assert.Contains("Address already in use", (await TakenAsync()).Error, StringComparison.Ordinal);
        (await cli.RunAsync("rm", "-f", other)).Expect();
        await fixture.RemoveAsync([name], network);

        async Task<CommandResult> TakenAsync()
        {
            (await cli.RunAsync("start", name)).Expect();
            return (await cli.RunAsync("run", "-d", "--name", other, "--network", network, "--ip", subnet + ".77", "busybox", "true")).Expect(125);
        }
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task The_network_of_the_highest_priority_leads_out(string client)
    {
        Cli cli = fixture.Client(client);
        string first = await fixture.NewNetworkAsync(), second = await fixture.NewNetworkAsync(), inside = await fixture.NewNetworkAsync("--internal"), name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--name", name, "--network", $"name={first}", "--network", $"name={second},gw-priority=1", "busybox", "sleep", "1000")).Expect();
        await LeadsAsync(second);
        (await cli.RunAsync("network", "connect", inside, name)).Expect();
        await LeadsAsync(second);
        (await cli.RunAsync("network", "disconnect", second, name)).Expect();
        await LeadsAsync(first);
        (await cli.RunAsync("network", "connect", "--gw-priority", "5", second, name)).Expect();
        await LeadsAsync(second);
        await fixture.RemoveAsync([name], first, second, inside);

        async Task LeadsAsync(string network)
        {
            string gateway = (string)(await Host.EndpointAsync(name, network))!["Gateway"]!; // it is in it
            Assert.Equal($"default via {gateway}", string.Join(' ', (await Host.ExecAsync(name, "ip", "route", "show", "default")).Expect().Line.Split(' ')[..3]));
        }
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_mac_address_is_as_asked(string client)
    {
        string network = await fixture.NewNetworkAsync(), name = fixture.NewName();
        (await fixture.Client(client).RunAsync("run", "-d", "--name", name, "--network", network, "--mac-address", "02:00:5e:10:00:07", "busybox", "sleep", "1000")).Expect();
        Assert.Equal("02:00:5e:10:00:07", (await Host.ExecAsync(name, "cat", "/sys/class/net/eth0/address")).Expect().Line);
        await fixture.RemoveAsync([name], network);
    }

    [Fact]
    public async Task Events_tell_of_it()
    {
        string since = (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0).ToString(System.Globalization.CultureInfo.InvariantCulture), network = await fixture.NewNetworkAsync(), name = fixture.NewName();
        string id = (string)(await fixture.InspectNetworkAsync(network))["Id"]!; // a network has one
        await Host.RunSleepingAsync(name, "--network", network);
        (await fixture.Berth.RunAsync("network", "disconnect", network, name)).Expect();
        (await fixture.Berth.RunAsync("network", "connect", network, name)).Expect();
        await fixture.RemoveAsync([name], network);
        string filters = Uri.EscapeDataString(new JsonObject { ["type"] = new JsonArray("network"), ["network"] = new JsonArray(network) }.ToJsonString());
        string text = (await fixture.Api.GetAsync($"/events?since={since}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}&filters={filters}")).Text;
        JsonNode[] events = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!)]; // lines are objects
        Assert.Equal(["create", "connect", "disconnect", "connect", "disconnect", "destroy"], events.Select(static item => (string?)item["Action"]));
        Assert.All(events, item => Assert.Equal((id, network, "bridge"), ((string?)item["Actor"]!["ID"], (string?)item["Actor"]!["Attributes"]!["name"], (string?)item["Actor"]!["Attributes"]!["type"])));
        Assert.Equal(4, events.Count(static item => item["Actor"]!["Attributes"]!["container"] is not null));
    }
}
