using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Networks as users list, look at and remove them, and what is refused.</summary>
public sealed class NetworkApiTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_list_has_what_its_filters_let_through(string client)
    {
        Cli cli = fixture.Client(client);
        string mark = fixture.NewName() + "x", name = fixture.NewName();
        string id = (await cli.RunAsync("network", "create", "--label", $"mark={mark}", "--label", "other", mark)).Expect().Line;
        await Host.RunSleepingAsync(name, "--network", mark);
        string idle = await fixture.NewNetworkAsync("--label", $"mark={mark}");
        Assert.Equal(new[] { mark, idle }.Order(StringComparer.Ordinal), await NamesAsync("label=mark=" + mark));
        Assert.Equal([mark], await NamesAsync("name=" + mark));
        Assert.Equal([mark], await NamesAsync("id=" + id[..20]));
        Assert.Equal([idle], await NamesAsync("dangling=true", "label=mark=" + mark));
        Assert.Equal([mark], await NamesAsync("label=other", "label=mark=" + mark));
        Assert.Equal(["bridge", "host", "none"], await NamesAsync("type=builtin"));
        Assert.Equal(["none"], await NamesAsync("driver=null"));
        Assert.Contains(mark, await NamesAsync("type=custom", "scope=local"));
        Assert.Contains("invalid filter", (await cli.RunAsync("network", "ls", "--filter", "nonsense=1")).Expect(1).Error, StringComparison.OrdinalIgnoreCase);
        Assert.Matches($"(?m)^{id[..12]}   {mark} +bridge +local$", (await cli.RunAsync("network", "ls")).Expect().Output);

        JsonNode shown = JsonNode.Parse((await cli.RunAsync("network", "inspect", mark)).Expect().Output)![0]!; // a list of one
        JsonNode inside = Assert.Single(shown["Containers"]!.AsObject()).Value!;
        Assert.Equal((name, await Host.AddressAsync(name, mark) + "/24"), ((string?)inside["Name"], (string?)inside["IPv4Address"]));
        Assert.Equal("{}", (await fixture.InspectNetworkAsync(idle))["Containers"]!.ToJsonString());
        await fixture.RemoveAsync([name], mark, idle);

        async Task<string[]> NamesAsync(params string[] filters) =>
            (await cli.RunAsync(["network", "ls", "--format", "{{.Name}}", .. filters.SelectMany(static filter => (string[])["--filter", filter])], stdin: null)).Expect().Output
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal).ToArray();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Prune_removes_what_nobody_uses(string client)
    {
        Cli cli = fixture.Client(client);
        string label = "prune=" + fixture.NewName(), used = await fixture.NewNetworkAsync("--label", label), stopped = await fixture.NewNetworkAsync("--label", label), idle = await fixture.NewNetworkAsync("--label", label);
        string name = fixture.NewName(), other = fixture.NewName();
        await Host.RunSleepingAsync(name, "--network", used);
        (await cli.RunAsync("create", "--name", other, "--network", stopped, "busybox", "true")).Expect();
        Assert.Equal(new[] { stopped, idle }.Order(StringComparer.Ordinal), await PruneAsync()); // as docker, also where a container that does not run is
        Assert.Empty(await PruneAsync());
        await fixture.RemoveAsync([name, other]);
        Assert.Equal([used], await PruneAsync());

        async Task<string[]> PruneAsync()
        {
            string text = (await cli.RunAsync("network", "prune", "-f", "--filter", "label=" + label)).Expect().Output;
            Assert.True(text.Length == 0 || text.StartsWith("Deleted Networks:\n", StringComparison.Ordinal), text);
            return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Order(StringComparer.Ordinal)];
        }
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task One_that_is_used_stays(string client)
    {
        Cli cli = fixture.Client(client);
        string network = await fixture.NewNetworkAsync(), name = fixture.NewName();
        await Host.RunSleepingAsync(name, "--network", network);
        Assert.Contains($"network {network} has active endpoints (name:\"{name}\"", (await cli.RunAsync("network", "rm", network)).Expect(1).Error, StringComparison.Ordinal);
        (await fixture.Api.DeleteAsync("/networks/" + network)).Expect(HttpStatusCode.Forbidden);
        (await fixture.Api.DeleteAsync("/networks/bridge")).Expect(HttpStatusCode.Forbidden);
        await fixture.RemoveAsync([name], network);

        // A container of a network that is gone says so when it is started.
        string lost = await fixture.NewNetworkAsync();
        (await cli.RunAsync("create", "--name", name, "--network", lost, "busybox", "true")).Expect();
        (await cli.RunAsync("network", "rm", lost)).Expect();
        Assert.Contains("not found", (await cli.RunAsync("start", name)).Expect(1).Error, StringComparison.Ordinal);
        await fixture.RemoveAsync([name]);
    }

    [Fact]
    public async Task What_contradicts_itself_is_refused_and_leaves_nothing()
    {
        string network = await fixture.NewNetworkAsync("--subnet", "10.99.0.0/16"), name = fixture.NewName();
        await Host.RunSleepingAsync(name, "--network", network);
        string before = await Host.KernelAsync();
        await RefusedAsync(HttpStatusCode.Forbidden, "Pool overlaps", "/networks/create", """{"Name":"bad","IPAM":{"Config":[{"Subnet":"10.99.7.0/24"}]}}""");
        await RefusedAsync(HttpStatusCode.BadRequest, "", "/networks/create", """{"Name":"bad","IPAM":{"Config":[{"Subnet":"10.98.0.0/24","Gateway":"10.97.0.1"}]}}""");
        await RefusedAsync(HttpStatusCode.BadRequest, "", "/networks/create", """{"Name":"bad","IPAM":{"Config":[{"Subnet":"nonsense"}]}}""");
        await RefusedAsync(HttpStatusCode.Conflict, "already exists", "/networks/create", $$"""{"Name":"{{network}}"}""");
        await RefusedAsync(HttpStatusCode.Forbidden, "predefined", "/networks/create", """{"Name":"bridge"}""");
        await RefusedAsync(HttpStatusCode.BadRequest, "invalid network name", "/networks/create", """{"Name":"a/b"}""");
        await RefusedAsync(HttpStatusCode.NotFound, "plugin", "/networks/create", """{"Name":"bad","Driver":"nonsense"}""");
        await RefusedAsync(HttpStatusCode.NotImplemented, "overlay", "/networks/create", """{"Name":"bad","Driver":"overlay"}""");
        await RefusedAsync(HttpStatusCode.BadRequest, "MTU", "/networks/create", """{"Name":"bad","Options":{"com.docker.network.driver.mtu":"x"}}""");
        await RefusedAsync(HttpStatusCode.NotFound, "No such container: nobody", $"/networks/{network}/connect", """{"Container":"nobody"}""");
        await RefusedAsync(HttpStatusCode.NotFound, "network nothing not found", "/networks/nothing/connect", $$"""{"Container":"{{name}}"}""");
        await RefusedAsync(HttpStatusCode.BadRequest, "10.1.1.1", $"/containers/create", Container("""{"IPAMConfig":{"IPv4Address":"10.1.1.1"}}"""));
        await RefusedAsync(HttpStatusCode.BadRequest, "nonsense", $"/containers/create", Container("""{"IPAMConfig":{"IPv4Address":"nonsense"}}"""));
        await RefusedAsync(HttpStatusCode.BadRequest, "MAC", $"/containers/create", Container("""{"MacAddress":"nonsense"}"""));
        (await fixture.Api.GetAsync("/networks/nothing")).Expect(HttpStatusCode.NotFound);
        (await fixture.Api.DeleteAsync("/networks/nothing")).Expect(HttpStatusCode.NotFound);
        await Host.ExpectKernelAsync(before);
        (await fixture.Api.GetAsync("/networks/bad")).Expect(HttpStatusCode.NotFound);
        await fixture.RemoveAsync([name], network);

        string Container(string endpoint)
        {
            JsonObject request = EngineHttp.Request(["true"]);
            request["HostConfig"]!["NetworkMode"] = network; // the request has one
            request["NetworkingConfig"] = new JsonObject { ["EndpointsConfig"] = new JsonObject { [network] = JsonNode.Parse(endpoint) } };
            return request.ToJsonString();
        }
    }

    private async Task RefusedAsync(HttpStatusCode status, string word, string path, string body) =>
        Assert.Contains(word, (await fixture.Api.PostTextAsync(path, body)).Expect(status).Message, StringComparison.OrdinalIgnoreCase);
}
