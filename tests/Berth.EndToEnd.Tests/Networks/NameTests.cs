using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>How containers of users' networks find each other.</summary>
public sealed class NameTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Names_aliases_and_short_ids_lead_to_the_container_and_its_address_back(string client)
    {
        string server = fixture.NewName(), user = fixture.NewName(), network = await fixture.NewNetworkAsync();
        Cli cli = fixture.Client(client);
        string id = (await cli.RunAsync("run", "-d", "--name", server, "--hostname", "the-host", "--network", network, "--network-alias", "www", "--network-alias", "second", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc")).Expect().Line;
        await Host.RunSleepingAsync(user, "--network", network);
        string address = await Host.AddressAsync(server, network);
        foreach (string name in (string[])[server, server.ToUpperInvariant(), "www", "second", "the-host", id[..12], $"{server}.{network}", $"www.{network}"])
        {
            Assert.Equal([address], await Host.LookUpAsync(user, name));
        }

        Assert.Contains($"name = {server}.{network}", (await Host.ExecAsync(user, "nslookup", address)).Expect().Output, StringComparison.Ordinal);
        Assert.Equal("the-host", await Host.FetchFromAsync(user, "http://www/hostname"));
        Assert.Empty(await Host.LookUpAsync(user, "nobody"));

        string renamed = fixture.NewName();
        (await cli.RunAsync("rename", server, renamed)).Expect();
        Assert.Equal([address], await Host.LookUpAsync(user, renamed));
        Assert.Empty(await Host.LookUpAsync(user, server));
        Assert.Equal([address], await Host.LookUpAsync(user, "www"));
        (await cli.RunAsync("stop", "-t", "0", renamed)).Expect();
        Assert.Empty(await Host.LookUpAsync(user, "www"));
        (await cli.RunAsync("start", renamed)).Expect();
        Assert.Equal([await Host.AddressAsync(renamed, network)], await Host.LookUpAsync(user, "www"));
        await fixture.RemoveAsync([renamed, user], network);
    }

    [Fact]
    public async Task Each_network_has_names_of_its_own()
    {
        string one = await fixture.NewNetworkAsync(), other = await fixture.NewNetworkAsync();
        string first = fixture.NewName(), second = fixture.NewName(), both = fixture.NewName();
        await Host.RunSleepingAsync(first, "--network", one, "--network-alias", "same");
        await Host.RunSleepingAsync(second, "--network", other, "--network-alias", "same");
        (string inOne, string inOther) = (await Host.AddressAsync(first, one), await Host.AddressAsync(second, other));
        Assert.Equal([inOne], await Host.LookUpAsync(first, "same"));
        Assert.Equal([inOther], await Host.LookUpAsync(second, "same"));
        Assert.Empty(await Host.LookUpAsync(first, second));

        await Host.RunSleepingAsync(both, "--network", one);
        (await fixture.Berth.RunAsync("network", "connect", other, both)).Expect();
        Assert.Equal([inOne], await Host.LookUpAsync(both, first));
        Assert.Equal([inOther], await Host.LookUpAsync(both, second));
        Assert.Equal([inOther], await Host.LookUpAsync(both, $"same.{other}"));
        (await fixture.Berth.RunAsync("network", "disconnect", other, both)).Expect();
        Assert.Empty(await Host.LookUpAsync(both, second));
        await fixture.RemoveAsync([first, second, both], one, other);
    }

    [Fact]
    public async Task Several_of_one_name_take_turns()
    {
        string network = await fixture.NewNetworkAsync(), user = fixture.NewName();
        string[] servers = [fixture.NewName(), fixture.NewName(), fixture.NewName()];
        await Host.RunSleepingAsync(user, "--network", network);
        foreach (string server in servers)
        {
            await Host.RunSleepingAsync(server, "--network", network, "--network-alias", "pool");
        }

        string[] addresses = [.. (await Task.WhenAll(servers.Select(server => Host.AddressAsync(server, network)))).Order()];
        var firsts = new HashSet<string>();
        for (int i = 0; i < 6; i++)
        {
            string[] found = await Host.LookUpAsync(user, "pool");
            Assert.Equal(addresses, found.Order());
            firsts.Add(found[0]);
        }

        Assert.Equal(addresses, firsts.Order());
        await fixture.RemoveAsync([user, .. servers], network);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_link_is_the_containers_own_name_for_another(string client)
    {
        string network = await fixture.NewNetworkAsync(), server = fixture.NewName(), user = fixture.NewName(), third = fixture.NewName();
        await Host.RunSleepingAsync(server, "--network", network);
        await Host.RunSleepingAsync(third, "--network", network);
        await Host.RunSleepingAsync(user);
        (await fixture.Client(client).RunAsync("network", "connect", "--link", server + ":db", network, user)).Expect();
        Assert.Equal([await Host.AddressAsync(server, network)], await Host.LookUpAsync(user, "db"));
        Assert.Empty(await Host.LookUpAsync(third, "db"));
        await fixture.RemoveAsync([user, server, third], network);
    }
}
