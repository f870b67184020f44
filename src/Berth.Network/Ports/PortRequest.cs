using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Network.Ports;

/// <summary>A port of a container that is to be published, as it was asked.</summary>
/// <param name="ContainerPort">Not 0.</param>
/// <param name="HostAddress">The only address of the host that it is published on; null: <see cref="PortTarget.DefaultHostAddress"/>.</param>
/// <param name="FirstHostPort">The port of the host, or the first of several of which one is taken; 0: one of those that the kernel gives to whoever asks for none.</param>
/// <param name="LastHostPort">The last of several; 0: there is one.</param>
public sealed record PortRequest(PortProtocol Protocol, ushort ContainerPort, NetAddress? HostAddress = null, ushort FirstHostPort = 0, ushort LastHostPort = 0)
{
    /// <summary>Whether one port of the host will do and no other.</summary>
    internal bool IsExact => FirstHostPort != 0 && End == FirstHostPort;

    internal ushort End => LastHostPort == 0 ? FirstHostPort : LastHostPort;
}

/// <summary>Where published ports of one endpoint lead, and how.</summary>
public sealed record PortTarget
{
    /// <summary>The container's address in the network; null: it has none of this family.</summary>
    public NetAddress? IPv4 { get; init; }
    public NetAddress? IPv6 { get; init; }

    /// <summary>Where a port is published of which no address was said: the unspecified IPv4 address also means every IPv6 address.</summary>
    public NetAddress DefaultHostAddress { get; init; } = NetAddress.IPv4(0);

    /// <summary>Whether this family is reached by the container's own address (<see cref="GatewayMode.Routed"/>): a port is let in, none of the host's is taken.</summary>
    public bool IsIPv4Routed { get; init; }
    public bool IsIPv6Routed { get; init; }

    /// <summary>Whether connections that the kernel cannot translate are passed on by this process (docker's <c>--userland-proxy</c>).</summary>
    public bool HasProxy { get; init; } = true;
}
