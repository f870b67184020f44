using Berth.Engine.Containers;
using Berth.Network.Dns;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;
using Berth.Network.Ports;
using Berth.Network.Sandboxes;

namespace Berth.Engine.Networks;

/// <summary>What a container that runs has of networks, as long as it runs. Only its owner uses it, one call at a time.</summary>
internal sealed class ContainerSandbox
{
    public ContainerSandbox(string containerId) => ContainerId = containerId;

    public string ContainerId { get; }

    /// <summary>Its network namespace; null for containers in none of ours: the host's, another container's, or one that the runtime makes.</summary>
    public Sandbox? Namespace { get; set; }

    /// <summary>In the order in which names are looked for.</summary>
    public List<AttachedNetwork> Networks { get; } = [];

    /// <summary>The containers that it was linked to when it was started; none for one that runs since before this daemon did.</summary>
    public IReadOnlyList<LinkedContainer> Linked { get; init; } = [];

    public PortReservation? Ports { get; set; }

    public DnsListener? Names { get; set; }

    /// <summary>What is to be recorded.</summary>
    public IReadOnlyList<ContainerEndpoint> Endpoints => [.. Networks.Select(static attached => attached.Endpoint)];
}

/// <summary>What a plugin knows of a container in its network.</summary>
/// <param name="Endpoint">As the plugin has it.</param>
/// <param name="IsJoined">Whether it has made the link.</param>
/// <param name="IsProgrammed">Whether it publishes the ports.</param>
internal sealed record PluginPart(RemoteEndpoint Endpoint, bool IsJoined, bool IsProgrammed);

/// <summary>One network that a running container is in.</summary>
/// <param name="Network">Which.</param>
/// <param name="Endpoint">What was asked and what it got.</param>
/// <param name="Addresses">What is given back at its end; null without addresses.</param>
/// <param name="Plan">What the kernel has of it; null where it has nothing.</param>
internal sealed record AttachedNetwork(ContainerNetwork Network, ContainerEndpoint Endpoint, EndpointAddresses? Addresses, EndpointPlan? Plan)
{
    /// <summary>Whether the kernel has been told.</summary>
    public bool IsApplied { get; init; }

    /// <summary>How far a plugin has been told; null: the network is none of a plugin's.</summary>
    public PluginPart? Part { get; init; }
}
