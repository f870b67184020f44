using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers;

/// <summary>Who reaches whom, by real packets.</summary>
public sealed class ReachabilityTests : IDisposable
{
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Fact]
    public void ContainersReachTheirOwnNetworkTheHostAndTheWorld()
    {
        NetworkPlan network = lab.AddNetwork(10);
        LabContainer one = lab.Run(network, 2), two = lab.Run(network, 3);
        lab.Serve(lab.Outside, 100, 80);
        lab.Serve(lab.Host, 101, 80);
        foreach (PortProtocol protocol in (PortProtocol[])[PortProtocol.Tcp, PortProtocol.Udp])
        {
            lab.AssertReaches(one.Inside, "10.10.0.3", 80, 3, "10.10.0.2", protocol);
            lab.AssertReaches(one.Inside, "fd00:10::3", 80, 3, "fd00:10::2", protocol);
            lab.AssertReaches(lab.Host, "10.10.0.3", 80, 3, "10.10.0.1", protocol);
            lab.AssertReaches(two.Inside, "10.10.0.1", 80, 101, "10.10.0.3", protocol);

            // The outside has no route back: it sees the host.
            lab.AssertReaches(one.Inside, HostLab.OutsideAddress, 80, 100, HostLab.HostAddress, protocol);
            lab.AssertReaches(one.Inside, HostLab.OutsideAddress6, 80, 100, HostLab.HostAddress6, protocol);
        }
    }

    [Fact]
    public void NetworksAreApart()
    {
        LabContainer one = lab.Run(lab.AddNetwork(10), 2), two = lab.Run(lab.AddNetwork(11), 3);
        lab.AssertBlocked(one.Inside, "10.11.0.3", 80);
        lab.AssertBlocked(two.Inside, "10.10.0.2", 80);
        lab.AssertBlocked(two.Inside, "fd00:10::2", 80, PortProtocol.Udp);
    }

    [Theory]
    [InlineData(PortProtocol.Tcp)]
    [InlineData(PortProtocol.Udp)]
    public void APublishedPortIsReachedFromEverywhere(PortProtocol protocol)
    {
        NetworkPlan network = lab.AddNetwork(10);
        PublishedPort port = HostLab.Tcp(8080, 80) with { Protocol = protocol }, port6 = port with { HostAddress = NetAddress.Parse("::") };
        LabContainer server = lab.Run(network, 2, port, port6), neighbour = lab.Run(network, 3), other = lab.Run(lab.AddNetwork(11), 4);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress, 8080, 2, HostLab.OutsideAddress, protocol);
        lab.AssertReaches(lab.Outside, HostLab.OtherHostAddress, 8080, 2, HostLab.OutsideAddress, protocol);
        lab.AssertReaches(lab.Outside, HostLab.HostAddress6, 8080, 2, HostLab.OutsideAddress6, protocol);
        lab.AssertReaches(lab.Host, HostLab.HostAddress, 8080, 2, HostLab.HostAddress, protocol);
        lab.AssertReaches(lab.Host, HostLab.HostAddress6, 8080, 2, HostLab.HostAddress6, protocol);
        lab.AssertReaches(lab.Host, "127.0.0.1", 8080, 2, "10.10.0.1", protocol);
        foreach (string address in (string[])[HostLab.HostAddress, HostLab.HostAddress6, "10.10.0.1", "fd00:10::1"])
        {
            lab.AssertReaches(neighbour.Inside, address, 8080, 2, protocol: protocol);
            lab.AssertReaches(server.Inside, address, 8080, 2, protocol: protocol);
            lab.AssertReaches(other.Inside, address, 8080, 2, protocol: protocol);
        }

        // By its own address it is reached by neighbours and the host alone, and the other port only by them.
        lab.AssertBlocked(lab.Outside, "10.10.0.2", 80, protocol);
        lab.AssertBlocked(lab.Outside, "fd00:10::2", 80, protocol);
        lab.AssertBlocked(other.Inside, "10.10.0.2", 80, protocol);
        Assert.Equal(protocol == PortProtocol.Tcp ? "refused" : "silence", lab.Ask(lab.Outside, protocol, HostLab.HostAddress, 8081, isBlocked: protocol == PortProtocol.Udp));

        lab.Network.Disconnect(server.Endpoint, isSandboxGone: false);
        Assert.NotEqual('2', lab.Ask(lab.Outside, protocol, HostLab.HostAddress, 8080, isBlocked: true)[0]);
    }
}
