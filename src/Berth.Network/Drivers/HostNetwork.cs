using System.Collections.Concurrent;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Model;
using Berth.Network.Diagnosis;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Drivers.Macvlan;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>
/// Networks and the links of containers in one network namespace: the host's. What is planned is made so, by the driver that a plan's type says; what is decided is
/// in the plans. Safe for concurrent use. Disposing ends the watch over the rules and leaves everything in the kernel as it is.
/// </summary>
public sealed class HostNetwork : IDisposable
{
    private readonly HostLinks links;
    private readonly BridgeDriver bridges;
    private readonly Dictionary<Type, INetworkDriver> drivers;
    private readonly ConcurrentDictionary<string, NetworkPlan> networks = new(StringComparer.Ordinal);

    /// <summary>Changes nothing yet.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel has no netlink sockets of a kind, or there is no permission.</exception>
    public HostNetwork(HostNetworkOptions options)
    {
        links = new HostLinks(options);
        try
        {
            bridges = new BridgeDriver(links);
            var parents = new ParentDevices(links);
            drivers = new Dictionary<Type, INetworkDriver>
            {
                [typeof(BridgePlan)] = bridges,
                [typeof(MacvlanPlan)] = new MacvlanDriver(links, parents),
                [typeof(IpvlanPlan)] = new IpvlanDriver(links, parents),
                [typeof(RemotePlan)] = new RemoteDriver(links),
            };
        }
        catch
        {
            links.Dispose();
            throw;
        }
    }

    /// <summary>A new network namespace for a container, prepared as <see cref="Prepare"/> does, and cheaper.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static FileDescriptor CreateSandbox() => KernelRefusal.Told("a network namespace cannot be made", static () => NetworkNamespace.Create(static () =>
    {
        Sandbox.PrepareHere();
        return 0;
    }).Namespace);

    /// <summary>Makes a namespace ready for endpoints: its loopback is on, and its links use their addresses at once.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static void Prepare(FileDescriptor sandbox) => KernelRefusal.Told("a network namespace cannot be prepared", () => NetworkNamespace.Run(sandbox, Sandbox.PrepareHere));

    /// <summary>
    /// Brings the kernel into the state that a daemon's records tell of, when it starts: what networks have is made or repaired while their traffic goes on, and links of
    /// ours that nobody is in any more are removed.
    /// </summary>
    /// <returns>The networks that could not be brought into that state; the others are.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the links cannot be read, or the rules not be made.</exception>
    public IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> planned, IReadOnlyList<EndpointPlan> connected)
    {
        networks.Clear();
        foreach (NetworkPlan network in planned)
        {
            networks[network.Id] = network;
        }

        List<EndpointPlan> known = [.. connected.Where(endpoint => networks.ContainsKey(endpoint.NetworkId))];
        HashSet<string> ids = [.. known.Select(static endpoint => endpoint.Id)];
        KernelRefusal.Told("the networks cannot be restored", () => links.Sweep((link, id) => ids.Contains(id) || planned.Any(network => network.Owns(link, id))));
        return [.. drivers.SelectMany(driver => driver.Value.Restore(
            [.. planned.Where(network => network.GetType() == driver.Key)],
            [.. known.Where(endpoint => networks[endpoint.NetworkId].GetType() == driver.Key)]))];
    }

    /// <summary>Makes what a network has in the kernel; one that is there is repaired. Undone when a step fails.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: a name that it needs is that of a link that is not ours; <see cref="ErrorKind.NotFound"/>: a
    /// link of somebody else's is not there; <see cref="ErrorKind.Forbidden"/>: another network is in its way; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void AddNetwork(NetworkPlan network)
    {
        DriverOf(network).Add(network);
        networks[network.Id] = network;
    }

    /// <summary>Removes what a network has in the kernel; none is no fault. Endpoints of it are forgotten.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused; it can be tried again.</exception>
    public void RemoveNetwork(string id)
    {
        if (networks.TryGetValue(id, out NetworkPlan? network))
        {
            DriverOf(network).Remove(network);
            networks.TryRemove(id, out _);
        }
    }

    /// <summary>Puts a container into a network: its link, addresses, routes, and rules. Undone when a step fails.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="sandbox">The container's namespace, prepared (<see cref="Prepare"/>).</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>: there is no such network; <see cref="ErrorKind.Conflict"/>: a link of that name is in the
    /// container, or a port of the host is another endpoint's; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Connect(EndpointPlan endpoint, FileDescriptor sandbox) => DriverOf(NetworkOf(endpoint)).Connect(endpoint, sandbox);

    /// <summary>Takes a container out of a network: its rules, then its link. None is no fault.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="sandbox">Its namespace; null: it has ended, and its links with it.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Disconnect(EndpointPlan endpoint, FileDescriptor? sandbox)
    {
        if (networks.TryGetValue(endpoint.NetworkId, out NetworkPlan? network))
        {
            DriverOf(network).Disconnect(endpoint, sandbox);
        }
    }

    /// <summary>
    /// Takes up a container that runs since before this daemon did: links of ours that are no endpoint's, which a daemon that was killed could not note any more, are removed.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Adopt(IReadOnlyList<EndpointPlan> endpoints, FileDescriptor sandbox)
    {
        // Others have an end in the host, and went when this began.
        if (networks.Values.Any(static network => network is ParentPlan))
        {
            KernelRefusal.Told("the links of a container cannot be looked at", () =>
                Sandbox.Sweep(sandbox, LinkText.GroupOf(links.Options.Owner), name => endpoints.Any(endpoint => endpoint.Interface == name)));
        }
    }

    /// <summary>Takes a container out of a network whose namespace has ended, with its links (<see cref="Disconnect"/>).</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Forget(EndpointPlan endpoint) => Disconnect(endpoint, sandbox: null);

    /// <summary>
    /// Follows a plan that has changed because another endpoint of the container became, or ceased to be, its default route: routes, published ports, links.
    /// The order in which a container's endpoints are rerouted does not matter: a port that another one has is taken from it at once.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>: there is no such network; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Reroute(EndpointPlan endpoint, FileDescriptor sandbox) => DriverOf(NetworkOf(endpoint)).Reroute(endpoint, sandbox);

    /// <summary>
    /// Whether packets pass between an endpoint and its bridge: the kernel opens queues and the bridge's port on a thread of its own, a moment after
    /// <see cref="Connect"/>. What is sent before is lost, as on a cable that is just being plugged in.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public bool IsOpen(EndpointPlan endpoint)
    {
        const byte IF_OPER_UP = 6;
        return KernelRefusal.Told("a link cannot be read", () => links.Find(LinkText.HostLinkOf(endpoint.Id)) is { OperationalState: IF_OPER_UP });
    }

    /// <summary>The networks that the host has a way or an address to, for the choice of free ones; default routes, groups and link-local addresses are left out.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public IReadOnlyList<Subnet> Subnets() => KernelRefusal.Told("the host's routes cannot be read", links.Subnets);

    /// <summary>The addresses of a bridge that somebody else made, each as a pool whose gateway it is; link-local ones are left out.</summary>
    /// <returns>Null: there is no link of this name, or it is ours.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: the link is no bridge, or that of a daemon with another data root;
    /// <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public IReadOnlyList<PoolPlan>? FindForeignBridge(string name) => KernelRefusal.Told($"{name} cannot be looked at", () => BridgeLinks.FindForeign(links, name));

    /// <summary>What the host says of itself, as far as containers' packets depend on it; nothing is changed.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public HostFacts Probe() => KernelRefusal.Told("the host's network cannot be read", () => new HostProbe(links).Read(bridges.AreRulesIntact()));

    /// <summary>Removes every link that has our alias, the rules, and our exception among those of others. For the end of everything: containers lose their networks.</summary>
    /// <returns>What there was, one line each.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public IReadOnlyList<string> Purge()
    {
        networks.Clear();
        return KernelRefusal.Told("what the networks have in the kernel cannot be removed", () =>
            (IReadOnlyList<string>)[.. links.Sweep(static (_, _) => false).Select(static name => "link " + name), .. bridges.RemoveRules()]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        bridges.Dispose();
        links.Dispose();
    }

    private INetworkDriver DriverOf(NetworkPlan network) => drivers[network.GetType()];

    private NetworkPlan NetworkOf(EndpointPlan endpoint) =>
        networks.GetValueOrDefault(endpoint.NetworkId) ?? throw new EngineException(ErrorKind.NotFound, $"network {endpoint.NetworkId} not found");
}
