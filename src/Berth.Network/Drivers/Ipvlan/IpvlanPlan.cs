using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers.Ipvlan;

/// <summary>On which layer links share their parent.</summary>
public enum IpvlanLayer
{
    /// <summary>Frames, with questions for neighbours.</summary>
    L2,

    /// <summary>Packets, which the host's namespace routes without netfilter.</summary>
    L3,

    /// <summary>Packets, which pass netfilter of the host's namespace.</summary>
    L3S,
}

/// <summary>Who of the links on one parent may talk to whom.</summary>
public enum IpvlanSharing
{
    /// <summary>Everybody.</summary>
    Bridge,

    /// <summary>Nobody.</summary>
    Private,

    /// <summary>Everybody, through a switch outside.</summary>
    Vepa,
}

/// <summary>A network of links that share the parent's Ethernet address. What an endpoint's plan says of its hardware address has no meaning here.</summary>
public sealed record IpvlanPlan : ParentPlan
{
    public IpvlanLayer Mode { get; init; }
    public IpvlanSharing Sharing { get; init; }

    /// <inheritdoc/>
    public override string IsolatedParent => "di-" + Id[..12];

    internal override string Kind => "ipvlan";

    /// <inheritdoc/>
    /// <remarks>Of packets without frames nobody asks for a router's address: the link itself is the way.</remarks>
    public override WayOut? WayOutOf(PoolPlan pool) => Mode == IpvlanLayer.L2 ? base.WayOutOf(pool) : !IsInternal && !IsIsolated ? new WayOut(null) : null;

    internal override void ThrowIfExclusive(ParentPlan other)
    {
        // The mode is the parent's, not the link's.
        if (other is IpvlanPlan)
        {
            throw new EngineException(ErrorKind.Internal, $"network di-{other.Id[..12]} is already using parent interface {Parent}");
        }
    }

    internal override LinkConfig LinkOf(EndpointPlan endpoint, int parent, FileDescriptor sandbox, uint group) => new IpvlanConfig
    {
        Name = endpoint.Interface, Parent = parent, Mtu = Mtu, Group = group, Namespace = sandbox,
        Mode = Mode switch
        {
            IpvlanLayer.L3 => IpvlanMode.L3,
            IpvlanLayer.L3S => IpvlanMode.L3S,
            _ => IpvlanMode.L2,
        },
        Flags = Sharing switch
        {
            IpvlanSharing.Private => IpvlanFlags.Private,
            IpvlanSharing.Vepa => IpvlanFlags.Vepa,
            _ => IpvlanFlags.None,
        },
    };
}
