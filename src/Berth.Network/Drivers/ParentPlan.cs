using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>A network whose containers have links on one device of the host, their parent, and with them what is connected to it; the host itself is not in it.</summary>
public abstract record ParentPlan : NetworkPlan
{
    /// <summary>
    /// The parent's name. <c>eth0.10</c> is made, as a part of <c>eth0</c> with the tag 10, when there is none, and <see cref="IsolatedParent"/> is a device of the network's own; others
    /// are the host's.
    /// </summary>
    public required string Parent { get; init; }

    /// <summary>Bytes; null: the parent's.</summary>
    public int? Mtu { get; init; }

    /// <summary>The parent's name of a network that has no device of the host's, as docker calls it.</summary>
    public abstract string IsolatedParent { get; }

    /// <summary>Whether containers have each other and nothing else.</summary>
    public bool IsIsolated => Parent == IsolatedParent;

    /// <summary>The kernel's name of the kind of its links.</summary>
    internal abstract string Kind { get; }

    /// <summary>The kernel's option that brings that kind.</summary>
    internal string KernelOption => "CONFIG_" + Kind.ToUpperInvariant();

    /// <inheritdoc/>
    public override WayOut? WayOutOf(PoolPlan pool) => !IsInternal && !IsIsolated && pool.Gateway is { } gateway ? new WayOut(gateway) : null;

    // Another network may have made it, and be gone.
    internal override bool Owns(LinkInfo link, string id) => link.Name == Parent && (IsIsolated ? link.Kind is "dummy" or "bridge" : link.Kind == "vlan");

    /// <summary>Whether this network, which is new, and another one cannot share their parent.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>, as docker's engine has it: they cannot.</exception>
    internal abstract void ThrowIfExclusive(ParentPlan other);

    /// <summary>An endpoint's link, which is in the container from its beginning.</summary>
    internal abstract LinkConfig LinkOf(EndpointPlan endpoint, int parent, FileDescriptor sandbox, uint group);

    /// <summary>What the link gets there.</summary>
    internal virtual SandboxLink InsideOf(EndpointPlan endpoint) => SandboxLink.Of(this, endpoint);
}
