using Berth.Linux;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers.Remote;

/// <summary>The kernel's part of networks that plugins make: a veth here stands for what a plugin made. Whole lives with plugins that answer are in the end-to-end tests.</summary>
public sealed class RemoteTests : IDisposable
{
    private const string Source = "plugin1", Mac = "02:42:0a:4d:00:14";
    private static readonly RemotePlan Network = new()
    {
        Id = HostLab.Id(40), Driver = "test", Pools = [new PoolPlan(Subnet.Parse("10.77.0.0/24"), NetAddress.Parse("10.77.0.1"))],
    };

    private static readonly RemoteLink Link = new()
    {
        Source = Source, IPv4Gateway = NetAddress.Parse("10.77.0.1"), IPv4PrefixLength = 24, Routes = [(Subnet.Parse("10.99.0.0/24"), null), (Subnet.Parse("10.98.0.0/24"), NetAddress.Parse("10.77.0.7"))],
    };

    private readonly HostLab lab = new();

    public RemoteTests()
    {
        lab.Output("ip", "link", "add", "plugin0", "type", "veth", "peer", "name", Source);
        lab.Output("ip", "address", "add", "10.77.0.1/24", "dev", "plugin0");
        lab.Output("ip", "link", "set", "plugin0", "up");
        lab.Network.AddNetwork(Network);
    }

    public void Dispose() => lab.Dispose();

    [Fact]
    public void ALinkGoesIntoAContainerAndBack()
    {
        FileDescriptor inside = lab.Own(HostNetwork.CreateSandbox());
        EndpointPlan endpoint = Endpoint(Link);
        lab.Network.Connect(endpoint, inside);
        lab.Serve(inside, 20, 80);
        lab.AssertReaches(lab.Host, "10.77.0.20", 80, 20, "10.77.0.1");
        Assert.Contains(Mac, lab.OutputIn(inside, "ip", "link", "show", "eth0"), StringComparison.Ordinal);
        Assert.Equal("via 10.77.0.1 dev eth0", lab.DefaultRoute(inside));
        string routes = lab.OutputIn(inside, "ip", "route");
        Assert.Contains("10.99.0.0/24 dev eth0", routes, StringComparison.Ordinal);
        Assert.Contains("10.98.0.0/24 via 10.77.0.7 dev eth0", routes, StringComparison.Ordinal);
        Assert.False(IsInHost());

        // It is no link of ours: neither another daemon nor a purge touches it.
        lab.Restart().Restore([Network], [endpoint]);
        lab.AssertReaches(lab.Host, "10.77.0.20", 80, 20);
        lab.Network.Reroute(endpoint with { IsIPv4Gateway = false }, inside);
        Assert.Equal("", lab.DefaultRoute(inside));

        lab.Network.Disconnect(endpoint, inside);
        Assert.True(IsInHost());
        Assert.DoesNotContain("eth0", lab.OutputIn(inside, "ip", "link"), StringComparison.Ordinal);
        lab.Network.Disconnect(endpoint, inside); // once is enough
        lab.Network.RemoveNetwork(Network.Id);
        Assert.True(IsInHost());
    }

    [Fact]
    public void ALinkThatIsNotThereIsNamed()
    {
        EngineException refusal = Assert.Throws<EngineException>(() => lab.Network.Connect(Endpoint(Link with { Source = "nothing" }), lab.Own(HostNetwork.CreateSandbox())));
        Assert.Equal(ErrorKind.Internal, refusal.Kind);
        Assert.Contains("the link nothing that the plugin named", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALinkThatCannotBeSetUpGoesBack()
    {
        // Nobody there is a way to the next hop.
        EndpointPlan endpoint = Endpoint(Link with { Routes = [(Subnet.Parse("10.98.0.0/24"), NetAddress.Parse("203.0.113.9"))] });
        Assert.Throws<EngineException>(() => lab.Network.Connect(endpoint, lab.Own(HostNetwork.CreateSandbox())));
        Assert.True(IsInHost());
        lab.Network.Connect(Endpoint(Link), lab.Own(HostNetwork.CreateSandbox()));
    }

    [Fact]
    public void APluginMayGiveNoLink()
    {
        FileDescriptor inside = lab.Own(HostNetwork.CreateSandbox());
        EndpointPlan endpoint = Endpoint(Link with { Source = "" });
        lab.Network.Connect(endpoint, inside);
        Assert.DoesNotContain("eth0", lab.OutputIn(inside, "ip", "link"), StringComparison.Ordinal);
        lab.Network.Disconnect(endpoint, inside);
    }

    private static EndpointPlan Endpoint(RemoteLink link) => new()
    {
        Id = HostLab.Id(41),
        NetworkId = Network.Id,
        Interface = "eth0",
        Addresses = new EndpointAddresses { IPv4 = NetAddress.Parse("10.77.0.20"), Mac = MacAddress.Parse(Mac) },
        IsIPv4Gateway = true,
        Remote = link,
    };

    private bool IsInHost() => lab.Output("ip", "-o", "link").Contains($"{Source}@", StringComparison.Ordinal);
}
