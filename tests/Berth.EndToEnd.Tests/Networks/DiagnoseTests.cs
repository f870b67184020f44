using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>What <c>berth network diagnose</c> says of a host.</summary>
public sealed class DiagnoseTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Fact]
    public async Task It_says_what_is_reachable_and_what_stands_in_the_way()
    {
        string network = await fixture.NewNetworkAsync(), server = fixture.NewName(), own = fixture.NewName();
        await Host.RunServerAsync(server, "--network", network, "-p", "8091:80", "-p", "127.0.0.1:8092:80");
        await Host.RunServerAsync(own, "--network", "host");
        string address = await Host.AddressAsync(server, network);
        string page = (await fixture.Berth.RunAsync("network", "diagnose")).Expect().Output;
        Assert.StartsWith("Nothing stands in the way", page, StringComparison.Ordinal);
        Assert.Contains("IPv4: yes", page, StringComparison.Ordinal);
        string[] lines = page.Split('\n');
        Assert.Matches($@"^0\.0\.0\.0:8091/tcp +{address}:80 +{server} +{network} +table inet berth\S*, map any4$", Single(lines, "0.0.0.0:8091/tcp"));
        Assert.Matches(@"the daemon's proxy: the container has no IPv6$", Single(lines, "[::]:8091/tcp"));
        Assert.Matches(@"map ports4$", Single(lines, "127.0.0.1:8092/tcp"));
        Assert.True(Array.FindIndex(lines, static line => line.StartsWith("127.0.0.1:8092/tcp", StringComparison.Ordinal)) > Array.IndexOf(lines, "Reachable from this host alone"));
        Assert.Matches($@"every port that it listens on +{own} +host +no rule", Single(lines, "every address of this host"));

        // Each as a host's owner may do it by mistake.
        string subnet = (string)(await fixture.InspectNetworkAsync(network))["IPAM"]!["Config"]![0]!["Subnet"]!; // a bridge has one
        string part = subnet.Replace(".0/24", ".128/25", StringComparison.Ordinal);
        Assert.NotEqual(subnet, part);
        (await Host.RunAsync("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")).Expect();
        (await Host.RunAsync("ip", "route", "add", "blackhole", part)).Expect();
        (await Host.RunAsync("nft", "add table inet strict; add chain inet strict through { type filter hook forward priority 10; policy drop; }")).Expect();
        try
        {
            JsonNode found = JsonNode.Parse((await fixture.Berth.RunAsync("network", "diagnose", "--format", "json")).Expect().Output)!; // it is JSON
            Assert.False((bool)found["IPv4Forwarding"]!); // it is there
            string[] problems = [.. found["Findings"]!.AsArray().Where(static finding => (string)finding!["Level"]! == "problem").Select(static finding => (string)finding!["Text"]!)]; // each has both
            Assert.Contains(problems, static text => text.StartsWith("forwarding of IPv4 is switched off", StringComparison.Ordinal));
            Assert.Contains(problems, static text => text.StartsWith("chain through of table inet strict drops", StringComparison.Ordinal));
            Assert.Contains(problems, text => text.Contains($"route to {part} (nowhere) takes packets for a part of network {network}", StringComparison.Ordinal));
            Assert.StartsWith("PROBLEM: ", (await fixture.Berth.RunAsync("network", "diagnose")).Expect().Output, StringComparison.Ordinal);
        }
        finally
        {
            await Host.RunAsync("nft", "delete table inet strict");
            await Host.RunAsync("ip", "route", "delete", "blackhole", part);
            await Host.RunAsync("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
        }

        Assert.StartsWith("Nothing stands in the way", (await fixture.Berth.RunAsync("network", "diagnose")).Expect().Output, StringComparison.Ordinal);
        await fixture.RemoveAsync([server, own], network);
    }

    [Fact]
    public async Task A_format_that_there_is_none_of_is_refused() =>
        Assert.Contains("wanted json", (await fixture.Berth.RunAsync("network", "diagnose", "--format", "yaml")).Error, StringComparison.Ordinal);

    private static string Single(string[] lines, string beginning) => Assert.Single(lines, line => line.StartsWith(beginning + " ", StringComparison.Ordinal));
}
