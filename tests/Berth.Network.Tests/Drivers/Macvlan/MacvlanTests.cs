using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Drivers.Macvlan;
using Berth.Network.Ipam;
using Xunit.Abstractions;

namespace Berth.Network.Tests.Drivers.Macvlan;

/// <summary>Networks of macvlan links, by real packets.</summary>
public sealed class MacvlanTests(ITestOutputHelper output) : IDisposable
{
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Fact]
    public void ContainersReachEachOtherAndWhatIsBehindTheParentButNotTheHost()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30));
        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
        lab.Serve(lab.Outside, 100, 80);
        lab.Serve(lab.Host, 101, 80);
        foreach (PortProtocol protocol in (PortProtocol[])[PortProtocol.Tcp, PortProtocol.Udp])
        {
            lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21, "192.0.2.20", protocol);
            lab.AssertReaches(two.Inside, "2001:db8:1::14", 80, 20, "2001:db8:1::15", protocol);
            lab.AssertReaches(one.Inside, HostLab.OutsideAddress, 80, 100, "192.0.2.20", protocol); // nothing is translated
            lab.AssertReaches(lab.Outside, "192.0.2.21", 80, 21, HostLab.OutsideAddress, protocol);
            lab.AssertReaches(lab.Outside, "2001:db8:1::14", 80, 20, HostLab.OutsideAddress6, protocol);
        }

        lab.AssertUnreachable(one.Inside, HostLab.HostAddress, 80);
        lab.AssertUnreachable(lab.Host, "192.0.2.20", 80);
        Assert.Equal($"via {HostLab.OutsideAddress} dev eth0", lab.DefaultRoute(one.Inside));
        Assert.Equal($"via {HostLab.OutsideAddress6} dev eth0 metric 1024 pref medium", lab.DefaultRoute(one.Inside, "-6"));
        Assert.Contains(one.Endpoint.Addresses.Mac.ToString(), lab.OutputIn(one.Inside, "ip", "link", "show", "eth0"), StringComparison.Ordinal);
        Assert.Equal([ParentLab.Parent], ParentLab.LinksIn(lab.Host));
        Assert.DoesNotContain("table inet berth", lab.Output("nft", "list", "ruleset"), StringComparison.Ordinal);

        lab.Network.Disconnect(two.Endpoint, two.Inside);
        Assert.Empty(ParentLab.LinksIn(two.Inside));
        lab.Network.Disconnect(two.Endpoint, two.Inside);
        lab.Network.RemoveNetwork(network.Id);
        Assert.Equal([ParentLab.Parent], ParentLab.LinksIn(lab.Host));
    }

    [Theory]
    [InlineData(MacvlanSharing.Private)]
    [InlineData(MacvlanSharing.Vepa)]
    public void OfOtherModesContainersReachTheOutsideAlone(MacvlanSharing mode)
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30, mode: mode));
        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
        lab.AssertReaches(lab.Outside, "192.0.2.20", 80, 20);
        lab.AssertReaches(lab.Outside, "192.0.2.21", 80, 21);
        lab.AssertUnreachable(one.Inside, "192.0.2.21", 80); // the outside sends nothing back to where it came from
        lab.AssertUnreachable(two.Inside, "192.0.2.20", 80);
    }

    [Fact]
    public void OneContainerHasAParentForItself()
    {
        string before = lab.Output("cat", "/sys/class/net/wan/address"), mac = ParentMac();
        MacvlanPlan network = Add(ParentLab.Macvlan(30, mode: MacvlanSharing.Passthru));
        LabContainer one = lab.RunOn(network, 20);
        lab.AssertReaches(lab.Outside, "192.0.2.20", 80, 20);
        Assert.Equal(one.Endpoint.Addresses.Mac.ToString(), ParentMac()); // as in docker
        using FileDescriptor sandbox = HostNetwork.CreateSandbox();
        EngineException second = Assert.Throws<EngineException>(() => lab.RunOn(network, 21, sandbox: sandbox));
        Assert.StartsWith("failed to create the macvlan port: invalid argument: wan", second.Message, StringComparison.Ordinal);
        Assert.Empty(ParentLab.LinksIn(sandbox));
        Assert.Contains("cannot use mode passthru, macvlan network", Refused(ParentLab.Macvlan(31, mode: MacvlanSharing.Passthru)).Message, StringComparison.Ordinal);
        Assert.Contains($"macvlan network {network.Id} is already using parent interface wan in mode passthru", Refused(ParentLab.Macvlan(31)).Message, StringComparison.Ordinal);

        lab.Network.Disconnect(one.Endpoint, one.Inside);
        Assert.Equal(mac, ParentMac());
        Assert.Equal(before, lab.Output("cat", "/sys/class/net/wan/address"));
        lab.RunOn(network, 21, sandbox: sandbox);
    }

    [Fact]
    public void WithoutAParentContainersHaveEachOther()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30, parent: ""));
        Assert.Equal(["dm-" + network.Id[..12], "wan"], ParentLab.LinksIn(lab.Host));
        output.WriteLine("the device is a " + Links.Find(lab.Route, network.Parent)!.Kind);
        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
        lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21, "192.0.2.20");
        lab.AssertReaches(two.Inside, "2001:db8:1::14", 80, 20);
        Assert.Equal("", lab.DefaultRoute(one.Inside) + lab.DefaultRoute(one.Inside, "-6"));
        Assert.DoesNotContain("inet", lab.Output("ip", "address", "show", network.Parent), StringComparison.Ordinal);

        // A daemon that was killed, and the next; one that knows nothing of the network; and the end.
        Assert.Empty(lab.Restart().Restore([network], [one.Endpoint, two.Endpoint]));
        lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21);
        Assert.Equal("", lab.Output("ip", "link", "del", network.Parent)); // somebody takes it away: the next container has it made again
        lab.RunOn(network, 22);
        Assert.Contains(network.Id, Links.Find(lab.Route, network.Parent)!.Alias, StringComparison.Ordinal);
        Assert.Empty(lab.Restart().Restore([HostLab.Plan(10)], []));
        Assert.DoesNotContain(network.Parent, ParentLab.LinksIn(lab.Host));
        Assert.Empty(lab.Network.Restore([network], []));
        Assert.Contains(network.Parent, ParentLab.LinksIn(lab.Host));
        Assert.Contains("link " + network.Parent, lab.Restart().Purge());
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
    }

    [Fact]
    public void AnotherLinkOfThatNameIsNotTaken()
    {
        MacvlanPlan network = ParentLab.Macvlan(30, parent: "");
        Assert.Equal("", lab.Output("ip", "link", "add", network.Parent, "type", "bridge"));
        Assert.Contains("another link has it (bridge)", Refused(network).Message, StringComparison.Ordinal);
        Assert.Contains(network.Parent, ParentLab.LinksIn(lab.Host));

        // One that a daemon made and was killed before it could say whose it is.
        Assert.Equal("", lab.Output("ip", "link", "set", network.Parent, "group", Convert.ToUInt32(HostLab.Owner, 16).ToString()));
        Add(network);
        Assert.Contains(network.Id, Links.Find(lab.Route, network.Parent)!.Alias, StringComparison.Ordinal);
        lab.Network.RemoveNetwork(network.Id);
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
    }

    [Fact]
    public void AnInternalNetworkHasNoWayOut()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30) with { IsInternal = true });
        LabContainer one = lab.RunOn(network, 20);
        lab.AssertReaches(lab.Outside, "192.0.2.20", 80, 20); // those on the same cable stay, as in docker
        Assert.Equal("", lab.DefaultRoute(one.Inside) + lab.DefaultRoute(one.Inside, "-6"));
    }

    [Theory]
    [InlineData("nosuch", "invalid subinterface vlan name nosuch, example formatting is eth0.10")]
    [InlineData("a-name-that-no-link-can-have", "invalid subinterface vlan name a-name-that-no-link-can-have, example formatting is eth0.10")]
    [InlineData("nosuch.10", "-o parent interface was not found on the host: nosuch")]
    [InlineData("wan.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)")]
    [InlineData("wan.0", "vlan id must be between 1-4094, received: 0")]
    [InlineData("wan.4095", "vlan id must be between 1-4094, received: 4095")]
    [InlineData("wan.1.2", "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received wan.1.2")]
    public void AParentThatIsNoneIsRefused(string parent, string message)
    {
        Assert.Equal(message, Refused(ParentLab.Macvlan(30, parent)).Message);
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
    }

    [Fact]
    public void AParentWithATagIsMadeAndSharedWhereTheKernelHasSuch()
    {
        MacvlanPlan network = ParentLab.Macvlan(30, "wan.10"), other = ParentLab.Macvlan(31, "wan.10");
        if (!lab.Has("vlan", "id", "9"))
        {
            output.WriteLine("this kernel has no VLANs: that this is told is tested");
            EngineException refused = Refused(network);
            Assert.Equal(ErrorKind.NotImplemented, refused.Kind);
            Assert.StartsWith("failed to create wan.10 vlan link: this kernel has no VLANs (CONFIG_VLAN_8021Q)", refused.Message, StringComparison.Ordinal);
            Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
            return;
        }

        output.WriteLine("this kernel has VLANs");
        Add(network);
        Add(other);
        Assert.Equal(["wan", "wan.10"], ParentLab.LinksIn(lab.Host));
        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(other, 21);
        lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21);
        lab.AssertUnreachable(lab.Outside, "192.0.2.20", 80); // it sends without a tag
        lab.Network.Disconnect(one.Endpoint, one.Inside);
        lab.Network.RemoveNetwork(network.Id);
        Assert.Contains(other.Id, Links.Find(lab.Route, "wan.10")!.Alias, StringComparison.Ordinal);
        Assert.Empty(lab.Restart().Restore([other], [two.Endpoint]));
        lab.Network.RemoveNetwork(other.Id);
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
    }

    [Fact]
    public void AParentOfOthersStays()
    {
        Assert.Equal("", lab.Output("ip", "link", "add", "own77", "type", "veth", "peer", "name", "far"));
        Assert.Equal("", lab.Output("ip", "link", "set", "own77", "up"));
        Assert.Equal("", lab.Output("ip", "link", "set", "far", "up"));
        MacvlanPlan network = Add(ParentLab.Macvlan(30, "own77"));
        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
        lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21);
        Assert.Empty(lab.Restart().Restore([network], [one.Endpoint, two.Endpoint]));
        lab.Network.RemoveNetwork(network.Id);
        lab.Network.Purge();
        Assert.Equal(["far", "own77", "wan"], ParentLab.LinksIn(lab.Host));

        // It went while nobody looked: told, and what can be done without it works.
        Assert.Equal("", lab.Output("ip", "link", "del", "own77"));
        NetworkFailure failure = Assert.Single(lab.Restart().Restore([network], [one.Endpoint]));
        Assert.Equal((network.Id, true), (failure.NetworkId, failure.Error is EngineException));
        using FileDescriptor sandbox = HostNetwork.CreateSandbox();
        EngineException gone = Assert.Throws<EngineException>(() => lab.RunOn(network, 22, sandbox: sandbox));
        Assert.Contains("the device own77, which network", gone.Message, StringComparison.Ordinal);
        lab.Network.Disconnect(one.Endpoint, one.Inside);
        lab.Network.RemoveNetwork(network.Id);
    }

    [Fact]
    public void WhatFailsIsUndone()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30));
        LabContainer one = lab.RunOn(network, 20);
        using FileDescriptor sandbox = HostNetwork.CreateSandbox();
        EndpointPlan second = HostLab.EndpointOf(network, 21);
        foreach (EndpointPlan wrong in (EndpointPlan[])[
            second with { Sysctls = [new KeyValuePair<string, string>("net.ipv4.conf.IFNAME.no_such_thing", "1")] },
            second with { Addresses = second.Addresses with { Mac = one.Endpoint.Addresses.Mac } },
            second with { Addresses = second.Addresses with { IPv4 = NetAddress.Parse("10.1.1.1") } }])
        {
            Assert.Throws<EngineException>(() => lab.Network.Connect(wrong, sandbox));
            Assert.Empty(ParentLab.LinksIn(sandbox));
        }

        lab.Network.Connect(second, sandbox);
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<EngineException>(() => lab.Network.Connect(HostLab.EndpointOf(network, 22), sandbox)).Kind);
        Assert.Equal(["eth0"], ParentLab.LinksIn(sandbox));
        Assert.Equal(ErrorKind.InvalidArgument, Refused(ParentLab.Macvlan(31) with { Mtu = 9000 }).Kind);
        MacvlanPlan small = Add(ParentLab.Macvlan(31) with { Mtu = 1300 });
        LabContainer third = lab.RunOn(small, 23);
        Assert.Contains("mtu 1300", lab.OutputIn(third.Inside, "ip", "link", "show", "eth0"), StringComparison.Ordinal);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => lab.Network.Connect(HostLab.EndpointOf(ParentLab.Macvlan(33), 24), sandbox)).Kind);
    }

    [Fact]
    public void TheDefaultRouteMovesToABridgeAndBack()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30));
        BridgePlan bridge = lab.AddNetwork(10);
        LabContainer container = lab.RunOn(network, 20);
        EndpointPlan other = HostLab.EndpointOf(bridge, 3) with { Interface = "eth1", IsIPv4Gateway = false, IsIPv6Gateway = false };
        lab.Run(bridge, 3, _ => other, container.Inside);
        for (int i = 0; i < 2; i++)
        {
            lab.Network.Reroute(other with { IsIPv4Gateway = true, IsIPv6Gateway = true }, container.Inside);
            lab.Network.Reroute(container.Endpoint with { IsIPv4Gateway = false, IsIPv6Gateway = false }, container.Inside);
            Assert.Equal("via 10.10.0.1 dev eth1", lab.DefaultRoute(container.Inside));
            lab.Network.Reroute(container.Endpoint, container.Inside);
            lab.Network.Reroute(other, container.Inside);
            Assert.Equal($"via {HostLab.OutsideAddress} dev eth0", lab.DefaultRoute(container.Inside));
        }
    }

    [Fact]
    public void ALinkThatNobodyKnowsGoesWithTheNextDaemon()
    {
        MacvlanPlan network = Add(ParentLab.Macvlan(30)), second = Add(ParentLab.Macvlan(31));
        LabContainer one = lab.RunOn(network, 20);
        lab.RunOn(second, 21, static plan => plan with { Interface = "eth1", IsIPv4Gateway = false, IsIPv6Gateway = false }, one.Inside);
        Assert.Equal("", lab.OutputIn(one.Inside, "ip", "link", "add", "own0", "type", "bridge")); // the container's own
        Assert.Empty(lab.Restart().Restore([network, second], [one.Endpoint]));
        lab.Network.Adopt([one.Endpoint], one.Inside);
        Assert.Equal(["eth0", "own0"], ParentLab.LinksIn(one.Inside));
        lab.AssertReaches(lab.Outside, "192.0.2.20", 80, 20);
    }

    [Fact]
    public void WithoutIPv6ALinkHasNone()
    {
        MacvlanPlan plan = ParentLab.Macvlan(30);
        MacvlanPlan network = Add(plan with { Pools = [plan.Pools[0]] });
        LabContainer one = lab.RunOn(network, 20);
        Assert.DoesNotContain("inet6", lab.OutputIn(one.Inside, "ip", "address", "show", "eth0"), StringComparison.Ordinal);
    }

    private MacvlanPlan Add(MacvlanPlan plan)
    {
        lab.Network.AddNetwork(plan);
        return plan;
    }

    private EngineException Refused(MacvlanPlan plan) => Assert.Throws<EngineException>(() => lab.Network.AddNetwork(plan));

    private string ParentMac() => Links.Find(lab.Route, ParentLab.Parent)!.Mac!.Value.ToString();
}
