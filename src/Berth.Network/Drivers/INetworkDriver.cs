using Berth.Linux;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>
/// One way of making networks. It is given plans of its own kind, and endpoints of networks that it was given. Safe for concurrent use. What the kernel or
/// a plugin refuses is an <see cref="EngineException"/>, and what was made until then is undone.
/// </summary>
internal interface INetworkDriver
{
    /// <summary>Makes a network; one that is there is repaired.</summary>
    void Add(NetworkPlan plan);

    /// <summary>Removes a network, forgetting its endpoints; one that is not there is no fault. After a failure it can be tried again.</summary>
    void Remove(NetworkPlan plan);

    /// <summary>Puts a container into a network: link, addresses, routes.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="sandbox">The container's namespace, prepared (<see cref="HostNetwork.Prepare"/>).</param>
    void Connect(EndpointPlan endpoint, FileDescriptor sandbox);

    /// <summary>Takes a container out of a network; an endpoint that is not there is no fault.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="sandbox">The container's namespace; null: it has ended, and its links with it.</param>
    void Disconnect(EndpointPlan endpoint, FileDescriptor? sandbox);

    /// <summary>Follows a plan that has changed because another endpoint of the container became, or ceased to be, its default route.</summary>
    void Reroute(EndpointPlan endpoint, FileDescriptor sandbox);

    /// <summary>
    /// Takes over what a daemon before this one had, when it starts: networks are made or repaired while their traffic goes on. What the driver knew is replaced.
    /// Links of ours that are no plan's have been removed.
    /// </summary>
    /// <returns>The networks that could not be brought into the planned state; the others are.</returns>
    IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> plans, IReadOnlyList<EndpointPlan> endpoints);
}
