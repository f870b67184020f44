using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>A link as a container's namespace is to have it, whoever made it; immutable and printable.</summary>
internal sealed record SandboxLink
{
    /// <summary>Its name there.</summary>
    public required string Name { get; init; }

    /// <summary>The endpoint's id, for messages.</summary>
    public required string EndpointId { get; init; }

    /// <summary>The hardware address to set; null: it has the right one.</summary>
    public Ipam.MacAddress? Mac { get; init; }

    /// <summary>Its addresses, each with the subnet that is on the link.</summary>
    public required IReadOnlyList<(NetAddress Address, Subnet Subnet)> Addresses { get; init; }

    /// <summary>The way out that this link has for IPv4, whether it is the container's or not; null: none.</summary>
    public WayOut? IPv4WayOut { get; init; }
    public WayOut? IPv6WayOut { get; init; }

    /// <summary>Whether the container's default route of this family leads that way.</summary>
    public bool IsIPv4Gateway { get; init; }
    public bool IsIPv6Gateway { get; init; }

    /// <summary>Ways to single networks.</summary>
    public IReadOnlyList<StaticRoute> Routes { get; init; } = [];

    /// <summary>Values to set below /proc/sys, <c>IFNAME</c> in a name being the link's.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Sysctls { get; init; } = [];

    public bool HasIPv6 => Addresses.Any(static address => address.Address.IsIPv6);

    /// <summary>That of an endpoint of a network with pools of addresses.</summary>
    /// <param name="network">The network.</param>
    /// <param name="endpoint">The endpoint.</param>
    /// <exception cref="Linux.LinuxException">EINVAL: an address is in no pool of the network.</exception>
    public static SandboxLink Of(NetworkPlan network, EndpointPlan endpoint)
    {
        (NetAddress Address, PoolPlan Pool)[] addresses = [.. new[] { endpoint.Addresses.IPv4, endpoint.Addresses.IPv6 }.OfType<NetAddress>().Select(address => (address, PoolOf(network, address)))];
        return new SandboxLink
        {
            Name = endpoint.Interface,
            EndpointId = endpoint.Id,
            Addresses = [.. addresses.Select(static address => (address.Address, address.Pool.Subnet)), .. endpoint.LinkLocal],
            IPv4WayOut = WayOf(isIPv6: false),
            IPv6WayOut = WayOf(isIPv6: true),
            IsIPv4Gateway = endpoint.IsIPv4Gateway,
            IsIPv6Gateway = endpoint.IsIPv6Gateway,
            Sysctls = endpoint.Sysctls,
        };

        WayOut? WayOf(bool isIPv6)
        {
            PoolPlan? pool = Array.Find(addresses, address => address.Address.IsIPv6 == isIPv6).Pool;
            return pool is null ? null : network.WayOutOf(pool);
        }
    }

    private static PoolPlan PoolOf(NetworkPlan network, NetAddress address) => network.PoolOf(address)
        ?? throw new Linux.LinuxException(Linux.Errno.EINVAL, "plan", $"{address} is in none of the address ranges of network {network.Id}");
}

/// <summary>The way to one network.</summary>
/// <param name="Destination">Where to.</param>
/// <param name="Gateway">The router; null: it is on the link itself.</param>
internal sealed record StaticRoute(Subnet Destination, NetAddress? Gateway);
