using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Networks that are nothing but what others are made with, what is a swarm's, and addresses that users give to links.</summary>
public sealed class ConfigurationNetworkTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_network_is_made_with_what_another_one_says(string client)
    {
        Cli cli = fixture.Client(client);
        string source = fixture.NewName(), made = fixture.NewName(), name = fixture.NewName();
        string before = await Host.KernelAsync();
        (await cli.RunAsync("network", "create", "--config-only", "--subnet", "10.99.0.0/24", "--ip-range", "10.99.0.128/25", "--gateway", "10.99.0.5", "--aux-address", "a=10.99.0.7",
            "-o", "com.docker.network.driver.mtu=1400", "--label", "a=b", source)).Expect();
        JsonNode shown = await fixture.InspectNetworkAsync(source);
        Assert.Equal(("null", true, ""), ((string?)shown["Driver"], (bool)shown["ConfigOnly"]!, (string?)shown["ConfigFrom"]!["Network"])); // docker's members
        const string pools = """[{"Subnet":"10.99.0.0/24","IPRange":"10.99.0.128/25","Gateway":"10.99.0.5","AuxiliaryAddresses":{"a":"10.99.0.7"}}]""";
        Assert.Equal(pools, shown["IPAM"]!["Config"]!.ToJsonString()); // docker's members
        Assert.Equal(before, await Host.KernelAsync());

        (await cli.RunAsync("network", "create", "--config-from", source, made)).Expect();
        shown = await fixture.InspectNetworkAsync(made);
        Assert.Equal(("bridge", false, source), ((string?)shown["Driver"], (bool)shown["ConfigOnly"]!, (string?)shown["ConfigFrom"]!["Network"])); // docker's members
        Assert.Equal((pools, """{"com.docker.network.driver.mtu":"1400"}""", """{"a":"b"}"""), (shown["IPAM"]!["Config"]!.ToJsonString(), shown["Options"]!.ToJsonString(), shown["Labels"]!.ToJsonString())); // docker's members
        await Host.RunSleepingAsync(name, "--network", made);
        Assert.Equal("10.99.0.128", await Host.AddressAsync(name, made));
        Assert.Contains("mtu 1400", (await Host.ExecAsync(name, "ip", "link", "show", "eth0")).Expect().Output, StringComparison.Ordinal);

        string error = (await cli.RunAsync("network", "rm", source)).Expect(1).Error;
        Assert.Contains($"error while removing network: configuration network \"{source}\" is in use", error, StringComparison.Ordinal);
        error = (await cli.RunAsync("network", "connect", source, name)).Expect(1).Error;
        Assert.Contains("cannot create endpoint on configuration-only network", error, StringComparison.Ordinal);
        error = (await cli.RunAsync("run", "--rm", "--network", source, "busybox", "true")).Expect(125).Error;
        Assert.Contains("cannot create endpoint on configuration-only network", error, StringComparison.Ordinal);

        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        Assert.Equal((source, true), ((string?)(await fixture.InspectNetworkAsync(made))["ConfigFrom"]!["Network"], (bool)(await fixture.InspectNetworkAsync(source))["ConfigOnly"]!)); // docker's members
        await fixture.RemoveAsync([name], made);
        (await cli.RunAsync("network", "prune", "-f")).Expect();
        Assert.Equal("null", (string?)(await fixture.InspectNetworkAsync(source))["Driver"]); // it is not pruned
        (await fixture.Berth.RunAsync("network", "rm", source)).Expect();
        await Host.ExpectKernelAsync(before);
    }

    [Fact]
    public async Task What_a_network_says_itself_goes_with_no_configuration()
    {
        string source = await fixture.NewNetworkAsync("--config-only");
        JsonNode from() => new JsonObject { ["Network"] = source };
        const string own = "user specified configurations are not supported if the network depends on a configuration network";
        await RefusedAsync(HttpStatusCode.NotFound, "configuration network \"nobody\" does not exist", new JsonObject { ["ConfigFrom"] = new JsonObject { ["Network"] = "nobody" } });
        await RefusedAsync(HttpStatusCode.NotFound, "configuration network \"bridge\" does not exist", new JsonObject { ["ConfigFrom"] = new JsonObject { ["Network"] = "bridge" } });
        await RefusedAsync(HttpStatusCode.Forbidden, own, new JsonObject { ["ConfigFrom"] = from(), ["EnableIPv6"] = true });
        await RefusedAsync(HttpStatusCode.Forbidden, own, new JsonObject { ["ConfigFrom"] = from(), ["Labels"] = new JsonObject { ["a"] = "b" } });
        await RefusedAsync(HttpStatusCode.Forbidden, own, new JsonObject { ["ConfigFrom"] = from(), ["IPAM"] = new JsonObject { ["Config"] = new JsonArray(new JsonObject { ["Subnet"] = "10.98.0.0/24" }) } });
        await RefusedAsync(HttpStatusCode.Forbidden, "network driver options are not supported", new JsonObject { ["ConfigFrom"] = from(), ["Options"] = new JsonObject { ["a"] = "b" } });
        await RefusedAsync(HttpStatusCode.Forbidden, "a configuration network cannot depend on another configuration network", new JsonObject { ["ConfigFrom"] = from(), ["ConfigOnly"] = true });
        foreach (string member in (string[])["Internal", "Attachable", "Ingress"])
        {
            await RefusedAsync(HttpStatusCode.Forbidden, "configuration network can only contain network specific fields", new JsonObject { ["ConfigOnly"] = true, [member] = true });
        }

        await RefusedAsync(HttpStatusCode.Forbidden, "configuration network can only contain network specific fields", new JsonObject { ["ConfigOnly"] = true, ["Scope"] = "local" });
        (await fixture.Berth.RunAsync("network", "rm", source)).Expect();
    }

    [Fact]
    public async Task What_is_a_swarms_is_refused_as_without_one()
    {
        await RefusedAsync(HttpStatusCode.Forbidden, "cannot create a swarm scoped network when swarm is not active", new JsonObject { ["Scope"] = "swarm" });
        await RefusedAsync(HttpStatusCode.ServiceUnavailable, "This node is not a swarm manager.", new JsonObject { ["Scope"] = "global" });
        await RefusedAsync(HttpStatusCode.Forbidden, "Ingress network can only be global scope network", new JsonObject { ["Ingress"] = true });
        Assert.Equal("network bridge not found", Message((await fixture.Api.GetAsync("/networks/bridge?scope=swarm")).Expect(HttpStatusCode.NotFound)));
        Assert.Contains("invalid value for verbose: x", Message((await fixture.Api.GetAsync("/networks/bridge?verbose=x")).Expect(HttpStatusCode.BadRequest)), StringComparison.Ordinal);
        Assert.Equal((await fixture.Api.GetAsync("/networks/bridge")).Text, (await fixture.Api.GetAsync("/networks/bridge?verbose=1&scope=local")).Expect(HttpStatusCode.OK).Text);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Links_have_the_link_local_addresses_that_their_user_gave_them(string client)
    {
        Cli cli = fixture.Client(client);
        string first = await fixture.NewNetworkAsync("--ipv6"), second = await fixture.NewNetworkAsync(), name = fixture.NewName(), other = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--name", name, "--network", first, "--link-local-ip", "169.254.7.7", "--link-local-ip", "fe80::77", "busybox", "sleep", "1000")).Expect();
        string shown = (await Host.ExecAsync(name, "ip", "addr", "show", "eth0")).Expect().Output;
        Assert.Contains("inet 169.254.7.7/16", shown, StringComparison.Ordinal);
        Assert.Contains("inet6 fe80::77/64", shown, StringComparison.Ordinal);
        Assert.Equal("""["169.254.7.7","fe80::77"]""", (await Host.EndpointAsync(name, first))!["IPAMConfig"]!["LinkLocalIPs"]!.ToJsonString()); // it is in it
        (await cli.RunAsync("run", "-d", "--name", other, "--network", first, "--link-local-ip", "169.254.8.8", "busybox", "sleep", "1000")).Expect();
        (await Host.ExecAsync(other, "ping", "-c", "1", "-W", "5", "169.254.7.7")).Expect();

        (await cli.RunAsync("network", "connect", "--link-local-ip", "169.254.9.9", second, name)).Expect();
        Assert.Contains("inet 169.254.9.9/16", (await Host.ExecAsync(name, "ip", "addr", "show", "eth1")).Expect().Output, StringComparison.Ordinal);
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        (await Host.ExecAsync(other, "ping", "-c", "1", "-W", "5", "169.254.7.7")).Expect();
        (await cli.RunAsync("restart", "-t", "0", name)).Expect();
        Assert.Contains("inet 169.254.9.9/16", (await Host.ExecAsync(name, "ip", "addr")).Expect().Output, StringComparison.Ordinal);

        Assert.Contains("invalid link local IP address: 10.1.2.3", (await cli.RunAsync("network", "connect", "--link-local-ip", "10.1.2.3", second, other)).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("nvalid link-local IP address", (await cli.RunAsync("create", "--network", second, "--link-local-ip", "169.254.1.1/16", "busybox")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains($"network {second} has no IPv6", (await cli.RunAsync("network", "connect", "--link-local-ip", "fe80::1", second, other)).Expect(1).Error, StringComparison.Ordinal);
        await fixture.RemoveAsync([name, other], first, second);
    }

    private async Task RefusedAsync(HttpStatusCode status, string message, JsonObject request)
    {
        request["Name"] = "refused";
        Assert.Contains(message, Message((await fixture.Api.PostAsync("/networks/create", request)).Expect(status)), StringComparison.Ordinal);
        (await fixture.Api.GetAsync("/networks/refused")).Expect(HttpStatusCode.NotFound);
    }

    private static string Message(Reply reply) => (string)reply.Json["message"]!; // an error has one
}
