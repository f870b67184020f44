using Berth.Linux.Netlink;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>A network as the kernel is to have it; immutable and printable. Which driver makes it follows from the type.</summary>
public abstract record NetworkPlan
{
    /// <summary>64 lower-case hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>At most a handful.</summary>
    public required IReadOnlyList<PoolPlan> Pools { get; init; }

    /// <summary>Whether nothing leaves it and nothing enters: no default route, no published ports.</summary>
    public bool IsInternal { get; init; }

    /// <summary>Whether ports of the host can be published for its containers; where they cannot, what is asked is passed over, as docker's drivers do.</summary>
    public virtual bool CanPublish => false;

    /// <summary>Where the default route of a pool's containers leads; null: they have none.</summary>
    public abstract WayOut? WayOutOf(PoolPlan pool);

    /// <summary>The pool that an address is of; null: of none.</summary>
    public PoolPlan? PoolOf(NetAddress address) => Pools.FirstOrDefault(pool => pool.Subnet.Contains(address));

    /// <summary>Whether a link of the host that has our alias is this network's, and stays when a daemon starts.</summary>
    /// <param name="link">The link.</param>
    /// <param name="id">The id in its alias; empty when a daemon was killed before it could say whose it is.</param>
    internal abstract bool Owns(LinkInfo link, string id);
}

/// <summary>One address range of a network and the address in it that is the way out; null: there is none.</summary>
public sealed record PoolPlan(Subnet Subnet, NetAddress? Gateway)
{
    /// <summary>Where the default route of its containers leads in place of the gateway; null: to that.</summary>
    public NetAddress? Router { get; init; }
}


/// <summary>Where a default route leads.</summary>
/// <param name="Gateway">The router; null: whoever is asked for is on the link itself.</param>
public readonly record struct WayOut(NetAddress? Gateway);
