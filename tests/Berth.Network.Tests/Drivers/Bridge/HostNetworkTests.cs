using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers.Bridge;

/// <summary>What is in the kernel before, between and after.</summary>
public sealed class HostNetworkTests : IDisposable
{
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Fact]
    public void RestoringChangesNothingThatIsRight()
    {
        BridgePlan network = lab.AddNetwork(10), closed = lab.AddNetwork(11, static plan => plan with { HasInterContainerTraffic = false });
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80)), two = lab.Run(closed, 3);
        string links = LinksAndAddresses(), rules = Sorted(lab.Output("nft", "list", "ruleset"));
        for (int i = 0; i < 2; i++)
        {
            Assert.Empty(lab.Restart().Restore([network, closed], [one.Endpoint, two.Endpoint]));
            Assert.Equal(links, LinksAndAddresses());
            Assert.Equal(rules, Sorted(lab.Output("nft", "list", "ruleset")));
        }

        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
    }

    [Fact]
    public async Task ConnectionsGoOnWhileRulesAreReplaced()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80));
        using var stop = new CancellationTokenSource();
        Task asking = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
            }
        });
        for (int i = 0; i < 20; i++)
        {
            Assert.Empty(lab.Restart().Restore([network], [one.Endpoint]));
        }

        await stop.CancelAsync();
        await asking;
    }

    [Fact]
    public void WhatAKilledDaemonLeftIsRemovedOrMadeWhole()
    {
        BridgePlan kept = lab.AddNetwork(10), gone = lab.AddNetwork(11);
        LabContainer one = lab.Run(kept, 2, HostLab.Tcp(8080, 80)), two = lab.Run(kept, 3), three = lab.Run(gone, 4);

        // A bridge that was made and no more, another that lost address, size and being on, and one that somebody removed.
        BridgePlan half = HostLab.Plan(12), broken = lab.AddNetwork(13, static plan => plan with { Mtu = 1400 }), removed = lab.AddNetwork(14);
        LabContainer four = lab.Run(removed, 5);
        Links.Create(lab.Route, new BridgeConfig { Name = half.Bridge });
        Assert.Equal("", lab.Output("ip", "address", "flush", "dev", broken.Bridge));
        Assert.Equal("", lab.Output("ip", "link", "set", broken.Bridge, "mtu", "1300", "down"));
        Assert.Equal("", lab.Output("ip", "link", "delete", removed.Bridge));
        Assert.Equal("", lab.Output("nft", "delete", "table", "inet", "berth"));

        Assert.Empty(lab.Restart().Restore([kept, half, broken, removed], [one.Endpoint, four.Endpoint]));
        IReadOnlyList<LinkInfo> links = Links.List(lab.Route);
        Assert.DoesNotContain(links, link => link.Name == gone.Bridge || link.Name == "bv" + two.Endpoint.Id[..12] || link.Name == "bv" + three.Endpoint.Id[..12]);
        Assert.Equal($"berth {HostLab.Owner} {half.Id}", links.Single(link => link.Name == half.Bridge).Alias);
        Assert.Equal(1400, links.Single(link => link.Name == broken.Bridge).Mtu);
        Assert.Contains("10.13.0.1/24", lab.Output("ip", "address", "show", broken.Bridge), StringComparison.Ordinal);
        Assert.Contains("fd00:13::1/64", lab.Output("ip", "address", "show", broken.Bridge), StringComparison.Ordinal);
        Assert.All(links.Where(static link => link.Kind == "bridge"), static link => Assert.True(link.IsUp));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        Assert.Equal("refused", lab.Ask(four.Inside, PortProtocol.Tcp, "10.14.0.1", 22));
    }

    /// <summary>An alias comes with a message of its own, a group with the link: by it a daemon knows what it was killed over.</summary>
    [Fact]
    public void LinksThatWereMadeAndNotNamedYetAreRemoved()
    {
        uint ours = Convert.ToUInt32(HostLab.Owner, 16);
        BridgePlan kept = lab.AddNetwork(10);
        LabContainer one = lab.Run(kept, 2);
        Links.Create(lab.Route, new BridgeConfig { Name = "br-half", Group = ours });
        Links.Create(lab.Route, new VethConfig { Name = "bvhalf", Group = ours, Peer = new VethPeer { Name = "bvhalf2" } });
        Links.Create(lab.Route, new BridgeConfig { Name = "br-theirs", Group = ours + 1 });
        Assert.Empty(lab.Restart().Restore([kept], [one.Endpoint]));
        IReadOnlyList<LinkInfo> links = Links.List(lab.Route);
        Assert.DoesNotContain(links, static link => link.Name is "br-half" or "bvhalf" or "bvhalf2");
        Assert.Equal(ours + 1, links.Single(static link => link.Name == "br-theirs").Group);
        Assert.All(links.Where(link => link.Name == kept.Bridge || link.Name == "bv" + one.Endpoint.Id[..12]), link => Assert.Equal(ours, link.Group));
    }

    [Fact]
    public void LinksOfOthersStay()
    {
        Links.Create(lab.Route, new BridgeConfig { Name = "theirs", Alias = "berth 99999999 " + HostLab.Id(9) });
        Links.Create(lab.Route, new VethConfig { Name = "bvother", Alias = "somebody's", Peer = new VethPeer { Name = "bvother2" } });
        BridgePlan network = HostLab.Plan(10) with { Bridge = "theirs" };
        EngineException taken = Assert.Throws<EngineException>(() => lab.Network.AddNetwork(network));
        Assert.Equal(ErrorKind.Conflict, taken.Kind);
        Assert.Contains("theirs", taken.Message, StringComparison.Ordinal);
        NetworkFailure failure = Assert.Single(lab.Network.Restore([network, HostLab.Plan(11)], []));
        Assert.Equal(network.Id, failure.NetworkId);
        lab.Network.Purge();
        Assert.Equal(["bvother", "bvother2", "theirs"], Names().Except(["lo", "wan", "sit0", "ip6tnl0"], StringComparer.Ordinal).Order());
    }

    [Fact]
    public void ABridgeOfSomebodyElseIsUsedAsItIs()
    {
        BridgePlan network = HostLab.Plan(10) with { Bridge = "theirs", IsBridgeForeign = true };
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => lab.Network.AddNetwork(network)).Kind);
        int index = Links.Create(lab.Route, new BridgeConfig { Name = "theirs", IsUp = true });
        Addresses.Add(lab.Route, new LinkAddress { Link = index, Address = System.Net.IPAddress.Parse("10.10.0.1"), PrefixLength = 24 });
        lab.Network.AddNetwork(network);
        lab.Run(network, 2, HostLab.Tcp(8080, 80));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.Network.RemoveNetwork(network.Id);
        Assert.Contains("theirs", Names());
    }

    [Theory]
    [InlineData("flush ruleset")]
    [InlineData("delete table inet berth")]
    [InlineData("flush chain inet berth ours")]
    [InlineData("flush map inet berth any4")]
    [InlineData("insert rule inet berth ours drop")]
    public void RulesThatSomebodyChangesArePutBack(string change)
    {
        BridgePlan network = lab.AddNetwork(10), closed = lab.AddNetwork(11, static plan => plan with { HasInterContainerTraffic = false });
        lab.Run(network, 2, HostLab.Tcp(8080, 80));
        lab.Run(closed, 3);
        string before = Sorted(lab.Output("nft", "list", "ruleset"));
        var time = Stopwatch.StartNew();
        Assert.Equal("", lab.Output("nft", change.Split(' ')));
        while (Sorted(lab.Output("nft", "list", "ruleset")) != before)
        {
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(10), lab.Output("nft", "list", "ruleset"));
            Thread.Sleep(5);
        }

        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);

        // It does not answer to its own changes.
        uint generation = NftRuleset.Generation(lab.Filter);
        Thread.Sleep(500);
        Assert.Equal(generation, NftRuleset.Generation(lab.Filter));
        Assert.Single(lab.Reports);
    }

    [Fact]
    public void ADroppingChainOfIptablesLetsOursPass()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80), HostLab.Tcp(8080, 80, "::")), two = lab.Run(network, 3);
        lab.Serve(lab.Outside, 100, 80);
        foreach (string program in (string[])["iptables", "ip6tables"])
        {
            Assert.Equal("", lab.Output(program, "-P", "FORWARD", "DROP"));
            Assert.Equal("", lab.Output(program, "-A", "FORWARD", "-p", "tcp", "--dport", "1", "-j", "ACCEPT"));
            WaitUntil(() => lab.Output(program, "-S", "FORWARD").Contains("berth", StringComparison.Ordinal));
            Assert.Equal("-P FORWARD DROP\n-A FORWARD -m mark --mark 0x2000000/0x2000000 -m comment --comment \"berth 0123abcd\" -j ACCEPT\n-A FORWARD -p tcp -m tcp --dport 1 -j ACCEPT\n", lab.Output(program, "-S", "FORWARD"));
        }

        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress6, 8080, 2);
        lab.AssertReaches(one.Inside, "10.10.0.3", 80, 3); // With br_netfilter it is asked about this, too.
        lab.AssertReaches(two.Inside, HostLab.OutsideAddress, 80, 100);
        lab.AssertBlocked(lab.Outside, "10.10.0.2", 80);

        // Flushed as by a restart of another engine, and put back.
        Assert.Equal("", lab.Output("iptables", "-F", "FORWARD"));
        WaitUntil(() => lab.Output("iptables", "-S", "FORWARD").Contains("berth", StringComparison.Ordinal));

        // Not needed, and gone with the last network.
        Assert.Equal("", lab.Output("ip6tables", "-P", "FORWARD", "ACCEPT"));
        WaitUntil(() => !lab.Output("ip6tables", "-S", "FORWARD").Contains("berth", StringComparison.Ordinal));
        lab.Network.Purge();
        Assert.Equal("-P FORWARD DROP\n", lab.Output("iptables", "-S", "FORWARD"));
    }

    [Fact]
    public void TheOwnerIsToldHowToLetOursPassByRulesOfTheOldKind()
    {
        if (!File.Exists("/proc/self/net/ip_tables_names"))
        {
            return; // This kernel has none.
        }

        Assert.Equal("", lab.Output("iptables-legacy", "-P", "FORWARD", "DROP"));
        BridgePlan network = lab.AddNetwork(10);
        lab.Run(network, 2, HostLab.Tcp(8080, 80));
        lab.AssertBlocked(lab.Outside, HostLab.HostAddress, 8080);
        string told = Assert.Single(lab.Reports);
        Assert.Equal("", lab.Output("sh", "-c", told[(told.LastIndexOf(" by ", StringComparison.Ordinal) + 4)..]));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
    }

    [Fact]
    public void TwoDaemonsOfOneHostLeaveEachOtherAlone()
    {
        BridgePlan network = lab.AddNetwork(10), theirs = HostLab.Plan(11);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80));
        Assert.Equal("", lab.Output("iptables", "-P", "FORWARD", "DROP"));
        string before = lab.Output("nft", "list", "table", "inet", "berth");
        using (var other = new HostNetwork(new HostNetworkOptions { Owner = "99999999", Table = "berth-99999999", Namespace = lab.Host }))
        {
            Assert.Empty(other.Restore([theirs], []));
            EndpointPlan plan = HostLab.EndpointOf(theirs, 3) with { Ports = [HostLab.Tcp(8081, 80)] };
            FileDescriptor sandbox = lab.Own(HostNetwork.CreateSandbox());
            other.Connect(plan, sandbox);
            lab.Serve(sandbox, 3, 80);
            lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
            lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8081, 3);
            lab.AssertReaches(one.Inside, HostLab.HostAddress, 8081, 3);
            lab.AssertBlocked(one.Inside, "10.11.0.3", 80);
            lab.AssertBlocked(sandbox, "10.10.0.2", 80);
            other.Purge();
        }

        Assert.Equal(before, lab.Output("nft", "list", "table", "inet", "berth"));
        Assert.DoesNotContain("99999999", lab.Output("nft", "list", "ruleset"), StringComparison.Ordinal);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
    }

    [Fact]
    public async Task SeveralThreadsTakeTurns()
    {
        BridgePlan network = lab.AddNetwork(10);
        List<FileDescriptor> sandboxes = [.. Enumerable.Range(0, 16).Select(_ => lab.Own(HostNetwork.CreateSandbox()))];
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() =>
        {
            EndpointPlan plan = HostLab.EndpointOf(network, i + 2) with { Ports = [HostLab.Tcp(9000 + i, 80)] };
            for (int round = 0; round < 5; round++)
            {
                lab.Network.Connect(plan, sandboxes[i]);
                BridgePlan own = lab.AddNetwork(20 + i);
                lab.Network.Disconnect(plan, sandboxes[i]);
                lab.Network.RemoveNetwork(own.Id);
            }
        })));
        string[] left = ["lo", "wan", network.Bridge];
        WaitUntil(() => Links.List(lab.Route).Select(static link => link.Name).Except(["sit0", "ip6tnl0"], StringComparer.Ordinal).SequenceEqual(left)); // a bridge goes a moment after its network
        Assert.DoesNotContain("900", lab.Output("nft", "list", "map", "inet", "berth", "any4"), StringComparison.Ordinal);
        Assert.Empty(lab.Reports);
    }

    [Fact]
    public void ANetworkMayHaveIPv6Alone()
    {
        lab.Sysctl("ipv4/ip_forward", "0");
        lab.AddNetwork(10, static plan => plan with { Pools = [plan.Pools[1]] });
        EndpointPlan plan = HostLab.EndpointOf(HostLab.Plan(10), 2) with { Ports = [HostLab.Tcp(8080, 80, "::"), HostLab.Tcp(8080, 80)] };
        LabContainer one = lab.Run(HostLab.Plan(10), 2, _ => plan with { Addresses = plan.Addresses with { IPv4 = null } });
        lab.AssertReaches(lab.Outside, HostLab.HostAddress6, 8080, 2);
        Assert.Equal("refused", lab.Ask(lab.Outside, PortProtocol.Tcp, HostLab.HostAddress, 8080));
        Assert.DoesNotContain("inet ", lab.OutputIn(one.Inside, "ip", "address", "show", "eth0"), StringComparison.Ordinal);
        Assert.Equal("0", lab.Sysctl("ipv4/ip_forward"));
    }

    [Fact]
    public void OneBridgeIsOneNetwork()
    {
        lab.AddNetwork(10, static plan => plan with { Bridge = "mine" });
        EngineException same = Assert.Throws<EngineException>(() => lab.AddNetwork(11, static plan => plan with { Bridge = "mine" }));
        Assert.Contains("networks have same bridge name", same.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RecordsThatContradictEachOtherKeepNoDaemonFromStarting()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80)), two = lab.Run(network, 3);
        Assert.Empty(lab.Restart().Restore([network], [one.Endpoint, two.Endpoint with { Ports = one.Endpoint.Ports }]));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        Assert.True(lab.Network.IsOpen(one.Endpoint));
        Assert.False(lab.Network.IsOpen(HostLab.EndpointOf(network, 4)));
    }

    [Fact]
    public void AFailedStepIsUndone()
    {
        BridgePlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2, HostLab.Tcp(8080, 80));
        IEnumerable<string> links = Names();
        string rules = lab.Output("nft", "list", "ruleset");
        using FileDescriptor sandbox = HostNetwork.CreateSandbox();

        // The port is taken: the last step fails.
        EndpointPlan second = HostLab.EndpointOf(network, 3) with { Ports = [HostLab.Tcp(8080, 80)] };
        EngineException taken = Assert.Throws<EngineException>(() => lab.Network.Connect(second, sandbox));
        Assert.Equal(ErrorKind.Conflict, taken.Kind);
        Assert.Equal(links, Names());

        // A setting that is none: one in the middle.
        EndpointPlan unset = second with { Ports = [], Sysctls = [new KeyValuePair<string, string>("net.ipv4.conf.IFNAME.no_such_thing", "1")] };
        Assert.Contains("no_such_thing", Assert.Throws<EngineException>(() => lab.Network.Connect(unset, sandbox)).Message, StringComparison.Ordinal);
        Assert.Equal(links, Names());

        // A network whose address is refused by the kernel.
        BridgePlan refused = HostLab.Plan(11) with { Mtu = 10 };
        Assert.Throws<EngineException>(() => lab.Network.AddNetwork(refused));
        Assert.Equal(links, Names());
        Assert.Equal(rules, lab.Output("nft", "list", "ruleset"));

        lab.Network.Connect(second with { Ports = [HostLab.Tcp(8081, 80)], Sysctls = [new KeyValuePair<string, string>("net.ipv4.conf.IFNAME.log_martians", "1")] }, sandbox);
        Assert.Equal("1", Linux.Namespaces.NetworkNamespace.Run(sandbox, static () => File.ReadAllText("/proc/sys/net/ipv4/conf/eth0/log_martians").Trim()));
        EngineException twice = Assert.Throws<EngineException>(() => lab.Network.Connect(HostLab.EndpointOf(network, 4), one.Inside));
        Assert.Equal(ErrorKind.Conflict, twice.Kind);
    }

    [Fact]
    public void APurgeLeavesTheHostAsItWas()
    {
        lab.Sysctl("ipv4/ip_forward", "1");
        lab.Sysctl("ipv6/conf/all/forwarding", "1"); // It adds routes of its own.
        string[] before = Snapshot();
        BridgePlan network = lab.AddNetwork(10), closed = lab.AddNetwork(11, static plan => plan with { HasInterContainerTraffic = false });
        lab.Run(network, 2, HostLab.Tcp(8080, 80));
        lab.Run(closed, 3);
        Assert.NotEqual(before, Snapshot());
        lab.Network.Purge();
        WaitUntil(() => Snapshot().SequenceEqual(before));
        lab.Network.AddNetwork(network);
        lab.Network.Disconnect(HostLab.EndpointOf(network, 2), sandbox: null);
        lab.Network.RemoveNetwork(network.Id);
        lab.Network.RemoveNetwork(network.Id);
        lab.Restart().Purge();
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public void ALinkGoesWithItsContainer()
    {
        BridgePlan network = lab.AddNetwork(10);
        EndpointPlan plan = HostLab.EndpointOf(network, 2) with { Ports = [HostLab.Tcp(8080, 80)] };
        using (FileDescriptor sandbox = HostNetwork.CreateSandbox())
        {
            lab.Network.Connect(plan, sandbox);
        }

        WaitUntil(() => !Names().Contains("bv" + plan.Id[..12]));
        lab.Network.Disconnect(plan, sandbox: null);
        lab.Network.Disconnect(plan, sandbox: null);
        Assert.DoesNotContain("8080", lab.Output("nft", "list", "ruleset"), StringComparison.Ordinal);
    }

    [Fact]
    public void TheDefaultRouteMovesBetweenEndpoints()
    {
        BridgePlan first = lab.AddNetwork(10), second = lab.AddNetwork(11);
        LabContainer container = lab.Run(first, 2, HostLab.Tcp(8080, 80));
        EndpointPlan other = HostLab.EndpointOf(second, 3) with { Interface = "eth1", IsIPv4Gateway = false, IsIPv6Gateway = false };
        lab.Run(second, 3, _ => other, container.Inside);
        lab.Serve(lab.Outside, 100, 80);
        Assert.Equal("via 10.10.0.1 dev eth0", DefaultRoute(container.Inside, "-4"));
        for (int i = 0; i < 2; i++)
        {
            EndpointPlan[] order = [container.Endpoint with { IsIPv4Gateway = false, IsIPv6Gateway = false, Ports = [] }, other with { IsIPv4Gateway = true, IsIPv6Gateway = true, Ports = [HostLab.Tcp(8080, 80)] }];
            foreach (EndpointPlan plan in order)
            {
                lab.Network.Reroute(plan, container.Inside);
            }

            Assert.Equal("via 10.11.0.1 dev eth1", DefaultRoute(container.Inside, "-4"));
            Assert.Equal("via fd00:11::1 dev eth1 metric 1024 pref medium", DefaultRoute(container.Inside, "-6"));
        }

        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.AssertReaches(container.Inside, HostLab.OutsideAddress, 80, 100);

        // The new one first, and the old one.
        lab.Network.Reroute(container.Endpoint, container.Inside);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.Network.Reroute(other, container.Inside);
        Assert.Equal("via 10.10.0.1 dev eth0", DefaultRoute(container.Inside, "-4"));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
        lab.Network.Reroute(container.Endpoint with { IsIPv4Gateway = false, IsIPv6Gateway = false, Ports = [] }, container.Inside);
        Assert.Equal("", DefaultRoute(container.Inside, "-4"));
        lab.Network.Reroute(container.Endpoint, container.Inside);
        Assert.Equal("via 10.10.0.1 dev eth0", DefaultRoute(container.Inside, "-4"));
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2);
    }

    [Fact]
    public void WithoutIPv6ALinkHasNone()
    {
        BridgePlan network = lab.AddNetwork(10, static plan => HostLab.Plan(10, hasIPv6: false));
        LabContainer one = lab.Run(network, 2);
        Assert.DoesNotContain("inet6", lab.OutputIn(one.Inside, "ip", "address", "show", "eth0"), StringComparison.Ordinal);
        Assert.Contains("::1/128", lab.OutputIn(one.Inside, "ip", "address", "show", "lo"), StringComparison.Ordinal);
    }

    [Fact]
    public void RoutesAndAddressesOfTheHostAreTold()
    {
        lab.AddNetwork(10);
        Assert.Equal("", lab.Output("ip", "route", "add", "10.99.0.0/16", "via", HostLab.OutsideAddress));
        Assert.Equal("", lab.Output("ip", "route", "add", "10.98.0.0/16", "via", HostLab.OutsideAddress, "table", "77"));
        Assert.Equal("", lab.Output("ip", "route", "add", "default", "via", HostLab.OutsideAddress));
        IEnumerable<string> subnets = lab.Network.Subnets().Select(static subnet => subnet.ToString());
        Assert.Equal(["10.10.0.0/24", "10.98.0.0/16", "10.99.0.0/16", "127.0.0.0/8", "192.0.2.0/24"], subnets.Where(static text => !text.Contains(':')));
        Assert.Contains("fd00:10::/64", subnets);
        Assert.DoesNotContain("::/0", subnets);
    }

    [Fact]
    public void SettingsOfTheHostAreKeptWhereTheyCanBe()
    {
        lab.Sysctl("ipv4/ip_forward", "0");
        lab.AddNetwork(9, static plan => plan with { IsInternal = true });
        Assert.Equal("0", lab.Sysctl("ipv4/ip_forward"));
        Assert.Equal("0", lab.Sysctl("ipv6/conf/all/forwarding"));
        lab.AddNetwork(10);
        Assert.Equal("1", lab.Sysctl("ipv4/ip_forward"));
        Assert.Equal("1", lab.Sysctl("ipv6/conf/all/forwarding"));
        Assert.Equal("2", lab.Sysctl("ipv6/conf/wan/accept_ra"));
        Assert.Equal("0", lab.Sysctl("ipv4/conf/wan/route_localnet"));
        Assert.Equal("1", lab.Sysctl($"ipv4/conf/{HostLab.Plan(10).Bridge}/route_localnet"));
        Assert.Equal("0", lab.Sysctl($"ipv6/conf/{HostLab.Plan(10).Bridge}/accept_ra"));
    }

    private static void WaitUntil(Func<bool> condition)
    {
        var time = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(20));
            Thread.Sleep(5);
        }
    }

    private static string Sorted(string text) => string.Join('\n', text.Split([' ', '\t', '\n', ','], StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));

    // Link-local addresses come by themselves, a moment after a link is open.
    private string LinksAndAddresses() =>
        lab.Output("ip", "-o", "link") + string.Join('\n', lab.Output("ip", "-o", "address").Split('\n').Where(static line => !line.Contains("fe80:", StringComparison.Ordinal)));

    private IEnumerable<string> Names() => [.. Links.List(lab.Route).Select(static link => link.Name).Order(StringComparer.Ordinal)];

    private string DefaultRoute(FileDescriptor inside, string family) => lab.OutputIn(inside, "ip", family, "route", "show", "default").Replace("default ", "", StringComparison.Ordinal).Trim();

    private string[] Snapshot() => [lab.Output("ip", "-o", "link"), lab.Output("ip", "-4", "route", "show", "table", "all"), lab.Output("ip", "-6", "route", "show", "table", "all"), lab.Output("nft", "list", "ruleset")];
}
