using System.Net;
using System.Net.Sockets;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Network.Firewall;

/// <summary>
/// What the kernel remembers of datagrams and would go by instead of the rules: it asks them about the first one only, and somebody who goes on sending never
/// sends another first one. Connections of TCP and SCTP end with their container: the next one is new.
/// </summary>
internal sealed class StaleFlows(NetlinkSocket netfilter, NetlinkSocket route)
{
    /// <summary>Forgets what went to ports that an endpoint had and has no longer, and what went to the host at ports that it has now.</summary>
    /// <exception cref="Linux.LinuxException">The kernel refused.</exception>
    public void Forget(EndpointPlan? before, EndpointPlan? after)
    {
        foreach (PublishedPort port in DatagramPorts(before).Except(DatagramPorts(after)))
        {
            if (AddressOf(before, port)?.ToIPAddress() is { } container)
            {
                Forget(port, flow => flow.ReplySource.Address.Equals(container));
            }
        }

        foreach (PublishedPort port in DatagramPorts(after).Except(DatagramPorts(before)).Where(port => AddressOf(after, port) is not null))
        {
            Forget(port, IsToHost);
        }
    }

    private static IEnumerable<PublishedPort> DatagramPorts(EndpointPlan? endpoint) => endpoint?.Ports.Where(static port => port.Protocol == PortProtocol.Udp) ?? [];

    private static NetAddress? AddressOf(EndpointPlan? endpoint, PublishedPort port) => port.HostAddress.IsIPv6 ? endpoint?.Addresses.IPv6 : endpoint?.Addresses.IPv4;

    private void Forget(PublishedPort port, Func<ConntrackFlow, bool> isStale)
    {
        AddressFamily family = port.HostAddress.IsIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        IPAddress host = port.HostAddress.ToIPAddress();
        foreach (ConntrackFlow flow in Conntrack.List(netfilter, family, ProtocolType.Udp, port.HostPort))
        {
            if ((port.HostAddress.IsUnspecified || flow.Destination.Address.Equals(host)) && isStale(flow))
            {
                Conntrack.Delete(netfilter, flow);
            }
        }
    }

    // Others may send to the same port of places elsewhere, through the host.
    private bool IsToHost(ConntrackFlow flow) => flow.ReplySource.Equals(flow.Destination)
        && Addresses.List(route, family: flow.Destination.AddressFamily).Any(own => own.Address.Equals(flow.Destination.Address) || IPAddress.IsLoopback(flow.Destination.Address));
}
