using Berth.Network.Diagnosis;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Diagnosis;

/// <summary>What a host says, compared with what networks need.</summary>
public sealed class FindingsTests
{
    private static readonly NamedPlan Web = new("web", new BridgePlan
    {
        Id = new string('1', 64), Bridge = "br-web", Pools = [new PoolPlan(Subnet.Parse("172.20.0.0/24"), NetAddress.Parse("172.20.0.1"))],
    });

    private static readonly HostFacts Fine = new()
    {
        ForwardsIPv4 = true,
        ForwardsIPv6 = false,
        Links = [new LinkFact("br-web", IsUp: true, [NetAddress.Parse("172.20.0.1")]), new LinkFact("eth0", IsUp: true, [])],
        Routes = [new RouteFact(Subnet.Parse("172.20.0.0/24"), "br-web", null), new RouteFact(Subnet.Parse("10.0.0.0/8"), "eth0", null)],
        Table = "inet berth",
        AreRulesIntact = true,
        DroppingChains = [new DroppingChain("ip filter", "FORWARD", 0, LetsOursPass: true)],
        LegacyPrograms = [],
    };

    [Fact]
    public void A_host_on_which_everything_is_well_has_none() => Assert.Empty(Findings.Of(Fine, [Web]));

    [Fact]
    public void A_host_without_networks_has_none_whatever_it_does() =>
        Assert.Empty(Findings.Of(Fine with { ForwardsIPv4 = false, AreRulesIntact = false, DroppingChains = [new DroppingChain("ip filter", "FORWARD", 0, LetsOursPass: false)] }, []));

    [Theory]
    [InlineData("10.0.0.0/8", null)]
    [InlineData("172.20.0.0/24", "takes packets for network web (172.20.0.0/24) elsewhere")]
    [InlineData("172.20.0.128/25", "takes packets for a part of network web (172.20.0.0/24) elsewhere")]
    [InlineData("172.16.0.0/12", "covers network web (172.20.0.0/24)")]
    public void Routes_that_overlap_are_told(string destination, string? expected)
    {
        HostFacts host = Fine with { Routes = [.. Fine.Routes, new RouteFact(Subnet.Parse(destination), "tun0", NetAddress.Parse("10.8.0.1"))] };
        if (expected is null)
        {
            Assert.Empty(Findings.Of(host, [Web]));
            return;
        }

        Finding finding = Assert.Single(Findings.Of(host, [Web]));
        Assert.Contains(expected, finding.Text, StringComparison.Ordinal);
        Assert.Contains($"route to {destination} (tun0 by 10.8.0.1)", finding.Text, StringComparison.Ordinal);
        Assert.Equal(expected.StartsWith("takes", StringComparison.Ordinal), finding.IsProblem);
    }

    [Fact]
    public void What_stands_in_the_way_comes_first_and_says_what_to_do()
    {
        HostFacts host = Fine with
        {
            ForwardsIPv4 = false,
            Links = [],
            AreRulesIntact = false,
            DroppingChains = [new DroppingChain("inet firewalld", "filter_FORWARD", 10, LetsOursPass: false), new DroppingChain("ip filter", "FORWARD", 0, LetsOursPass: false)],
            LegacyPrograms = ["iptables-legacy"],
        };
        IReadOnlyList<Finding> found = Findings.Of(host, [Web]);
        Assert.Equal([true, true, true, true, true, false], found.Select(static finding => finding.IsProblem));
        Assert.Contains("sysctl -w net.ipv4.ip_forward=1", found[0].Advice, StringComparison.Ordinal);
        Assert.Contains("put back", found[1].Advice, StringComparison.Ordinal);
        Assert.Contains("let the program that keeps this chain accept", found[2].Advice, StringComparison.Ordinal); // our mark is gone there
        Assert.Contains("nft insert rule ip filter FORWARD meta mark and 0x2000000 == 0x2000000 accept", found[3].Advice, StringComparison.Ordinal);
        Assert.Contains("br-web of network web is not there", found[4].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bridge_that_somebody_changed_is_told()
    {
        Finding finding = Assert.Single(Findings.Of(Fine with { Links = [new LinkFact("br-web", IsUp: true, [])] }, [Web]));
        Assert.Contains("does not have the network's gateway address 172.20.0.1", finding.Text, StringComparison.Ordinal);
        Assert.Contains("switched off", Assert.Single(Findings.Of(Fine with { Links = [Fine.Links[0] with { IsUp = false }] }, [Web])).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Internal_networks_need_no_forwarding() =>
        Assert.Empty(Findings.Of(Fine with { ForwardsIPv4 = false }, [Web with { Plan = (BridgePlan)Web.Plan with { IsInternal = true } }]));
}
