using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Ipam;
using Xunit.Abstractions;

namespace Berth.Network.Tests.Drivers.Ipvlan;

/// <summary>Networks of ipvlan links where the kernel has them; where it has none, that this is told, and that nothing is left. The output says which of both was tested.</summary>
public sealed class IpvlanTests(ITestOutputHelper output) : IDisposable
{
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Theory]
    [InlineData(IpvlanLayer.L2)]
    [InlineData(IpvlanLayer.L3)]
    [InlineData(IpvlanLayer.L3S)]
    public void ContainersReachEachOther(IpvlanLayer mode)
    {
        if (IpvlanAdded(ParentLab.Ipvlan(40, mode: mode)) is not { } network)
        {
            return;
        }

        LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
        lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21, "192.0.2.20");
        lab.AssertReaches(two.Inside, "2001:db8:1::14", 80, 20);
        if (mode == IpvlanLayer.L2)
        {
            lab.AssertReaches(lab.Outside, "192.0.2.20", 80, 20);
            Assert.Equal($"via {HostLab.OutsideAddress} dev eth0", lab.DefaultRoute(one.Inside));
        }
        else
        {
            Assert.Equal("dev eth0 scope link", lab.DefaultRoute(one.Inside));
            Assert.StartsWith("dev eth0", lab.DefaultRoute(one.Inside, "-6"), StringComparison.Ordinal);
        }

        EngineException shared = Assert.Throws<EngineException>(() => lab.Network.AddNetwork(ParentLab.Ipvlan(41)));
        Assert.Equal($"network di-{network.Id[..12]} is already using parent interface wan", shared.Message);
        Assert.Empty(lab.Restart().Restore([network], [one.Endpoint, two.Endpoint]));
        lab.Network.Disconnect(two.Endpoint, two.Inside);
        Assert.Empty(ParentLab.LinksIn(two.Inside));
        lab.Network.RemoveNetwork(network.Id);
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
    }

    [Fact]
    public void PrivateKeepsContainersApart()
    {
        if (IpvlanAdded(ParentLab.Ipvlan(40) with { Sharing = IpvlanSharing.Private }) is { } network)
        {
            LabContainer one = lab.RunOn(network, 20), two = lab.RunOn(network, 21);
            lab.AssertUnreachable(one.Inside, "192.0.2.21", 80);
            lab.AssertReaches(lab.Outside, "192.0.2.21", 80, 21);
            Assert.Equal(["eth0"], ParentLab.LinksIn(two.Inside));
        }
    }

    [Fact]
    public void WithoutAParentContainersHaveEachOther()
    {
        IpvlanPlan plan = ParentLab.Ipvlan(40);
        if (IpvlanAdded(plan with { Parent = plan.IsolatedParent }) is { } network)
        {
            LabContainer one = lab.RunOn(network, 20);
            lab.RunOn(network, 21);
            lab.AssertReaches(one.Inside, "192.0.2.21", 80, 21);
            Assert.Equal("", lab.DefaultRoute(one.Inside));
            lab.Network.RemoveNetwork(network.Id);
            Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
        }
    }

    // What links of layer 3 need of a namespace, on a link that every kernel has.
    [Fact]
    public void ADefaultRouteLeadsByTheLinkItself()
    {
        using FileDescriptor sandbox = HostNetwork.CreateSandbox();
        Links.Create(lab.Route, new VethConfig { Name = "v0", IsUp = true, Peer = new VethPeer { Name = "eth0", Namespace = sandbox } });
        var link = new SandboxLink
        {
            Name = "eth0", EndpointId = "e", Addresses = [(NetAddress.Parse("10.9.0.2"), Subnet.Parse("10.9.0.0/24")), (NetAddress.Parse("fd00:9::2"), Subnet.Parse("fd00:9::/64"))],
            IPv4WayOut = new WayOut(null), IPv6WayOut = new WayOut(null), IsIPv4Gateway = true, IsIPv6Gateway = true,
            Routes = [new StaticRoute(Subnet.Parse("10.50.0.0/16"), NetAddress.Parse("10.9.0.9")), new StaticRoute(Subnet.Parse("10.51.0.0/16"), null)],
        };
        Sandbox.Configure(sandbox, link);
        Assert.Equal("dev eth0 scope link", lab.DefaultRoute(sandbox));
        Assert.StartsWith("dev eth0 metric 1024", lab.DefaultRoute(sandbox, "-6"), StringComparison.Ordinal);
        string routes = lab.OutputIn(sandbox, "ip", "route");
        Assert.Contains("10.50.0.0/16 via 10.9.0.9 dev eth0", routes, StringComparison.Ordinal);
        Assert.Contains("10.51.0.0/16 dev eth0 scope link", routes, StringComparison.Ordinal);
        Sandbox.Reroute(sandbox, link with { IsIPv4Gateway = false, IsIPv6Gateway = false });
        Assert.Equal("", lab.DefaultRoute(sandbox) + lab.DefaultRoute(sandbox, "-6"));
        Sandbox.Reroute(sandbox, link);
        Assert.Equal("dev eth0 scope link", lab.DefaultRoute(sandbox));
    }

    // Null: the kernel has no such links, and said so.
    private IpvlanPlan? IpvlanAdded(IpvlanPlan network)
    {
        if (lab.Has("ipvlan"))
        {
            output.WriteLine("this kernel has ipvlan: the network is tested");
            lab.Network.AddNetwork(network);
            return network;
        }

        output.WriteLine("this kernel has no ipvlan: that this is told is tested");
        EngineException refused = Assert.Throws<EngineException>(() => lab.Network.AddNetwork(network));
        Assert.Equal(ErrorKind.NotImplemented, refused.Kind);
        Assert.StartsWith("this kernel has no ipvlan (CONFIG_IPVLAN)", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["wan"], ParentLab.LinksIn(lab.Host));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => lab.RunOn(network, 20)).Kind);
        return null;
    }
}
