using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers.Macvlan;

/// <summary>How a network's containers see each other.</summary>
public enum MacvlanSharing
{
    /// <summary>Directly.</summary>
    Bridge,

    /// <summary>Not at all.</summary>
    Private,

    /// <summary>Through a switch outside that sends frames back.</summary>
    Vepa,

    /// <summary>There is only one, which has the parent for itself.</summary>
    Passthru,
}

/// <summary>A network of links that have Ethernet addresses of their own on the parent.</summary>
public sealed record MacvlanPlan : ParentPlan
{
    public MacvlanSharing Mode { get; init; }

    /// <inheritdoc/>
    public override string IsolatedParent => "dm-" + Id[..12];

    internal override string Kind => "macvlan";

    internal override void ThrowIfExclusive(ParentPlan other)
    {
        if (other is not MacvlanPlan macvlan)
        {
            return; // the kernel decides: it does not mix kinds on one device, but a network may be there without containers
        }

        if (Mode == MacvlanSharing.Passthru)
        {
            throw new EngineException(ErrorKind.Internal, $"cannot use mode passthru, macvlan network {other.Id} is already using parent interface {Parent}");
        }

        if (macvlan.Mode == MacvlanSharing.Passthru)
        {
            throw new EngineException(ErrorKind.Internal, $"macvlan network {other.Id} is already using parent interface {Parent} in mode passthru");
        }
    }

    internal override LinkConfig LinkOf(EndpointPlan endpoint, int parent, FileDescriptor sandbox, uint group) => new MacvlanConfig
    {
        Name = endpoint.Interface, Parent = parent, Mode = LinkModeOf(Mode), Mac = LinkText.MacOf(endpoint.Addresses.Mac), Mtu = Mtu, Group = group, Namespace = sandbox,
    };

    // A link that has the device for itself begins with the device's address; setting another one sets the device's, until the link is gone.
    internal override SandboxLink InsideOf(EndpointPlan endpoint) =>
        base.InsideOf(endpoint) with { Mac = Mode == MacvlanSharing.Passthru ? endpoint.Addresses.Mac : null };

    private static MacvlanMode LinkModeOf(MacvlanSharing mode) => mode switch
    {
        MacvlanSharing.Private => MacvlanMode.Private,
        MacvlanSharing.Vepa => MacvlanMode.Vepa,
        MacvlanSharing.Passthru => MacvlanMode.Passthru,
        _ => MacvlanMode.Bridge,
    };
}
