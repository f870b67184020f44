using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>One container's place in one network, as the kernel is to have it; immutable and printable.</summary>
public sealed record EndpointPlan
{
    /// <summary>64 lower-case hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The network's id.</summary>
    public required string NetworkId { get; init; }

    /// <summary>The interface's name in the container.</summary>
    public required string Interface { get; init; }
    public required EndpointAddresses Addresses { get; init; }

    /// <summary>Addresses of 169.254.0.0/16 or fe80::/64 that its link has besides, each with that subnet.</summary>
    public IReadOnlyList<(NetAddress Address, Subnet Subnet)> LinkLocal { get; init; } = [];

    /// <summary>Whether the container's default route of this family leads through this network.</summary>
    public bool IsIPv4Gateway { get; init; }
    public bool IsIPv6Gateway { get; init; }

    /// <summary>Values to set below /proc/sys once the interface exists, <c>IFNAME</c> in a name being the interface's (docker's <c>com.docker.network.endpoint.sysctls</c>).</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Sysctls { get; init; } = [];
    public IReadOnlyList<PublishedPort> Ports { get; init; } = [];

    /// <summary>Where traffic is let pass although the network has none between containers (<c>icc=false</c>): what this endpoint may open towards another.</summary>
    public IReadOnlyList<LinkedPort> Links { get; init; } = [];

    /// <summary>The link that a plugin made; null on networks of other drivers.</summary>
    public Remote.RemoteLink? Remote { get; init; }
}

/// <summary>The protocols that ports are published of.</summary>
public enum PortProtocol
{
    Tcp,
    Udp,
    Sctp,
}

/// <summary>A port of the host that leads to a port of a container.</summary>
/// <param name="HostAddress">The host's address; the unspecified one of its family (0.0.0.0, ::) means each.</param>
public sealed record PublishedPort(PortProtocol Protocol, NetAddress HostAddress, ushort HostPort, ushort ContainerPort);

/// <summary>A port of another container of the same network that a link lets through, with the answers.</summary>
public sealed record LinkedPort(PortProtocol Protocol, NetAddress Address, ushort Port);
