using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Firewall;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>
/// Bridges, the links of containers and the rules between them, in one network namespace: the host's. What is planned is made so; what is decided is in the
/// plans. Safe for concurrent use: changes take turns. Disposing ends the watch over the rules and leaves everything in the kernel as it is.
/// </summary>
public sealed partial class HostNetwork : IDisposable
{
    private readonly Lock turn = new();
    private readonly HostNetworkOptions options;
    private readonly NetlinkSocket route, netfilter;
    private readonly BridgeLinks bridges;
    private readonly FirewallTable firewall;
    private readonly ForwardException exception;
    private readonly StaleFlows flows;
    private readonly FirewallWatch watch;
    private readonly Dictionary<string, NetworkPlan> networks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EndpointPlan> endpoints = new(StringComparer.Ordinal);

    /// <summary>Changes nothing yet.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel has no netlink sockets of a kind, or there is no permission.</exception>
    public HostNetwork(HostNetworkOptions options)
    {
        this.options = options;
        NetlinkSocket? opened = null, filter = null;
        try
        {
            route = opened = Open(NetlinkFamily.NETLINK_ROUTE);
            netfilter = filter = Open(NetlinkFamily.NETLINK_NETFILTER);
            bridges = new BridgeLinks(options, route);
            firewall = new FirewallTable(options.Table, netfilter);
            exception = new ForwardException(options.Owner, netfilter);
            flows = new StaleFlows(netfilter, route);
            watch = new FirewallWatch(OpenMonitor(), netfilter.PortId, Matters, PutBack);
        }
        catch
        {
            opened?.Dispose();
            filter?.Dispose();
            throw;
        }
    }

    /// <summary>A new network namespace for a container, prepared as <see cref="Prepare"/> does, and cheaper.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static FileDescriptor CreateSandbox() => Told("a network namespace cannot be made", static () => NetworkNamespace.Create(static () =>
    {
        Sandbox.PrepareHere();
        return 0;
    }).Namespace);

    /// <summary>Makes a namespace ready for endpoints: its loopback is on, and its links use their addresses at once.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static void Prepare(FileDescriptor sandbox) => Told("a network namespace cannot be prepared", () =>
    {
        NetworkNamespace.Run(sandbox, Sandbox.PrepareHere);
        return 0;
    });

    /// <summary>
    /// Brings the kernel into the state that a daemon's records tell of, when it starts: bridges are made or repaired while their traffic goes on, links of
    /// ours that nobody is in any more are removed, and the rules are replaced as a whole.
    /// </summary>
    /// <returns>The networks whose bridge could not be brought into that state; the others are.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the links cannot be read, or the rules not be made.</exception>
    public IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> planned, IReadOnlyList<EndpointPlan> connected)
    {
        lock (turn)
        {
            networks.Clear();
            endpoints.Clear();
            foreach (NetworkPlan network in planned)
            {
                networks.Add(network.Id, network);
            }

            foreach (EndpointPlan endpoint in connected.Where(endpoint => networks.ContainsKey(endpoint.NetworkId)))
            {
                endpoints.Add(endpoint.Id, endpoint);
            }

            return Told("the networks cannot be restored", () =>
            {
                // Before traffic can pass by a bridge that has to be made anew.
                ReplaceRules();
                List<NetworkFailure> failures = RestoreBridges();
                RestoreLinks();
                return failures;
            });
        }
    }

    /// <summary>Makes a network's bridge and rules; one that is there is repaired. Undone when a step fails.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: the bridge's name is that of a link that is not ours; <see cref="ErrorKind.NotFound"/>: a
    /// bridge of somebody else's is not there; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void AddNetwork(NetworkPlan network)
    {
        lock (turn)
        {
            Told($"network {network.Id} cannot be made", () =>
            {
                ThrowIfShared(network);
                bool wasKnown = networks.TryGetValue(network.Id, out NetworkPlan? before);
                (int index, bool isNew) = bridges.Ensure(network);
                try
                {
                    bridges.InNamespace(() => HostForwarding.Ensure(network));
                    networks[network.Id] = network;
                    ReplaceRules();
                }
                catch
                {
                    if (wasKnown)
                    {
                        networks[network.Id] = before!; // It was found.
                    }
                    else
                    {
                        networks.Remove(network.Id);
                    }

                    if (isNew)
                    {
                        bridges.Delete(index);
                    }

                    throw;
                }

                return 0;
            });
        }
    }

    /// <summary>Removes a network's rules, then its bridge; none is no fault. Endpoints of it are forgotten.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void RemoveNetwork(string id)
    {
        lock (turn)
        {
            if (!networks.Remove(id, out NetworkPlan? network))
            {
                return;
            }

            foreach (EndpointPlan endpoint in endpoints.Values.Where(endpoint => endpoint.NetworkId == id).ToList())
            {
                endpoints.Remove(endpoint.Id);
            }

            Told($"network {id} cannot be removed", () =>
            {
                try
                {
                    ReplaceRules();
                    bridges.Remove(network);
                }
                catch
                {
                    networks[id] = network; // To be removed by another attempt.
                    throw;
                }

                return 0;
            });
        }
    }

    /// <summary>Puts a container into a network: its link, addresses, routes, and rules. Undone when a step fails.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="sandbox">The container's namespace, prepared (<see cref="Prepare"/>).</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>: there is no such network; <see cref="ErrorKind.Conflict"/>: a link of that name is in the
    /// container, or a port of the host is another endpoint's; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Connect(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        lock (turn)
        {
            NetworkPlan network = NetworkOf(endpoint);
            Told($"{endpoint.Interface} cannot be connected to network {network.Id}", () =>
            {
                int link = CreateLink(network, endpoint, sandbox);
                try
                {
                    AllowReturn(link, endpoint);
                    Sandbox.Configure(sandbox, network, endpoint);
                    ChangeRules(new EndpointChange(network, Before: null, endpoint));
                }
                catch
                {
                    bridges.Delete(link);
                    throw;
                }

                return 0;
            });
        }
    }

    /// <summary>Takes a container out of a network: its rules, then its link. None is no fault.</summary>
    /// <param name="endpoint">The plan.</param>
    /// <param name="isSandboxGone">Whether its namespace has ended, with which the link ends.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Disconnect(EndpointPlan endpoint, bool isSandboxGone)
    {
        lock (turn)
        {
            Told($"{endpoint.Interface} cannot be disconnected from network {endpoint.NetworkId}", () =>
            {
                if (endpoints.TryGetValue(endpoint.Id, out EndpointPlan? known) && networks.TryGetValue(known.NetworkId, out NetworkPlan? network))
                {
                    ChangeRules(new EndpointChange(network, known, After: null));
                }

                if (!isSandboxGone && Links.Find(route, LinkText.HostLinkOf(endpoint.Id)) is { } link && LinkText.IdOf(options.Owner, link) == endpoint.Id)
                {
                    bridges.Delete(link.Index);
                }

                return 0;
            });
        }
    }

    /// <summary>
    /// Follows a plan that has changed because another endpoint of the container became, or ceased to be, its default route: routes, published ports, links.
    /// The order in which a container's endpoints are rerouted does not matter: a port that another one has is taken from it at once.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>: there is no such network; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Reroute(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        lock (turn)
        {
            NetworkPlan network = NetworkOf(endpoint);
            Told($"{endpoint.Interface} of network {network.Id} cannot be rerouted", () =>
            {
                if (Links.Find(route, LinkText.HostLinkOf(endpoint.Id)) is { } link)
                {
                    AllowReturn(link.Index, endpoint);
                }

                Sandbox.Reroute(sandbox, network, endpoint);
                ChangeRules([new EndpointChange(network, endpoints.GetValueOrDefault(endpoint.Id), endpoint), .. Yielding(endpoint)]);
                return 0;
            });
        }
    }

    /// <summary>
    /// Whether packets pass between an endpoint and its network: the kernel opens queues and the bridge's port on a thread of its own, a moment after
    /// <see cref="Connect"/>. What is sent before is lost, as on a cable that is just being plugged in.
    /// </summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public bool IsOpen(EndpointPlan endpoint)
    {
        const byte IF_OPER_UP = 6;
        return Told("a link cannot be read", () => Links.Find(route, LinkText.HostLinkOf(endpoint.Id)) is { OperationalState: IF_OPER_UP });
    }

    /// <summary>The networks that the host has a way or an address to, for the choice of free ones; default routes, groups and link-local addresses are left out.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public IReadOnlyList<Subnet> Subnets() => Told("the host's routes cannot be read", () =>
    {
        IEnumerable<Subnet> routes = Routes.List(route, table: null)
            .Where(static found => found.Type is not (RouteType.Local or RouteType.Broadcast or RouteType.Multicast) && found.Destination.PrefixLength > 0)
            .Select(static found => Subnet.Of(NetAddress.From(found.Destination.BaseAddress), found.Destination.PrefixLength));
        IEnumerable<Subnet> addresses = Addresses.List(route).Select(static found => Subnet.Of(NetAddress.From(found.Address), found.PrefixLength));
        return (IReadOnlyList<Subnet>)[.. routes.Concat(addresses).Where(static subnet => !subnet.Address.IsMulticast && !subnet.Address.ToIPAddress().IsIPv6LinkLocal).Distinct().Order()];
    });

    /// <summary>Removes every link that has our alias, the rules, and our exception among those of others. For the end of everything: containers lose their networks.</summary>
    /// <returns>What there was, one line each.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public IReadOnlyList<string> Purge()
    {
        lock (turn)
        {
            networks.Clear();
            endpoints.Clear();
            return Told("what the networks have in the kernel cannot be removed", () =>
            {
                List<string> removed = [];
                foreach (LinkInfo link in Links.List(route).Where(link => LinkText.IdOf(options.Owner, link) is not null))
                {
                    bridges.Delete(link.Index);
                    removed.Add("link " + link.Name);
                }

                if (exception.Ensure(isNeeded: false))
                {
                    removed.Add("exception in iptables' chain FORWARD");
                }

                removed.AddRange(firewall.Remove().Select(static table => $"table {(table.Family == NftFamily.Bridge ? "bridge" : "inet")} {table.Name}"));
                hasRules = false;
                return (IReadOnlyList<string>)removed;
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        watch.Dispose();
        route.Dispose();
        netfilter.Dispose();
    }

    // The kernel's refusals, with what could not be done because of them.
    private static T Told<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"{what}: {e.Message}", e);
        }
    }

    private NetlinkSocket Open(NetlinkFamily family) => Told("the kernel cannot be asked for networks", () =>
        options.Namespace is { } there ? NetlinkSocket.Open(family, there) : NetlinkSocket.Open(family));

    private NetworkPlan NetworkOf(EndpointPlan endpoint) =>
        networks.GetValueOrDefault(endpoint.NetworkId) ?? throw new EngineException(ErrorKind.NotFound, $"network {endpoint.NetworkId} not found");

    // Two networks of one bridge would be one network with two minds.
    private void ThrowIfShared(NetworkPlan network)
    {
        if (networks.Values.FirstOrDefault(other => other.Bridge == network.Bridge && other.Id != network.Id) is { } same)
        {
            throw new EngineException(ErrorKind.Forbidden,
                $"cannot create network {network.Id} ({network.Bridge}): conflicts with network {same.Id} ({same.Bridge}): networks have same bridge name");
        }
    }

    private List<NetworkFailure> RestoreBridges()
    {
        List<NetworkFailure> failures = [];
        foreach (LinkInfo link in Links.List(route).Where(static link => link.Kind == "bridge"))
        {
            if (LinkText.IdOf(options.Owner, link) is { } id && networks.GetValueOrDefault(id)?.Bridge != link.Name)
            {
                bridges.Delete(link.Index);
            }
        }

        foreach (NetworkPlan network in networks.Values)
        {
            try
            {
                ThrowIfShared(network);
                bridges.Ensure(network);
                bridges.InNamespace(() => HostForwarding.Ensure(network));
            }
            catch (Exception e) when (e is EngineException or LinuxException or InvalidDataException or IOException or UnauthorizedAccessException)
            {
                failures.Add(new NetworkFailure(network.Id, e));
            }
        }

        return failures;
    }

    // Links of endpoints are on their bridge already, unless somebody removed that.
    private void RestoreLinks()
    {
        IReadOnlyList<LinkInfo> links = Links.List(route);
        foreach (LinkInfo link in links.Where(static link => link.Kind == "veth"))
        {
            if (LinkText.IdOf(options.Owner, link) is not { } id)
            {
                continue;
            }

            if (!endpoints.TryGetValue(id, out EndpointPlan? endpoint))
            {
                bridges.Delete(link.Index);
            }
            else if (links.FirstOrDefault(bridge => bridge.Name == networks[endpoint.NetworkId].Bridge) is { } bridge && link.Master != bridge.Index)
            {
                Links.Change(route, link.Index, new LinkChange { Master = bridge.Index, IsUp = true });
            }
        }
    }

    private int CreateLink(NetworkPlan network, EndpointPlan endpoint, FileDescriptor sandbox)
    {
        int bridge = Links.Find(route, network.Bridge)?.Index
            ?? throw new EngineException(ErrorKind.Internal, $"the bridge {network.Bridge} of network {network.Id} is not there any more: restart the daemon to have it made again");
        try
        {
            return Links.Create(route, new VethConfig
            {
                Name = LinkText.HostLinkOf(endpoint.Id),
                Alias = LinkText.AliasOf(options.Owner, endpoint.Id),
                Group = LinkText.GroupOf(options.Owner),
                Master = bridge,
                Mtu = network.Mtu,
                IsUp = true,
                Peer = new VethPeer { Name = endpoint.Interface, Mac = LinkText.MacOf(endpoint.Addresses.Mac), Mtu = network.Mtu, Namespace = sandbox },
            });
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            throw new EngineException(ErrorKind.Conflict, $"the container has an interface {endpoint.Interface} already, or the host one {LinkText.HostLinkOf(endpoint.Id)}", e);
        }
    }

    // What a container sends to its own published port leaves by the port of the bridge that it came in by, where br_netfilter does not let the host route it.
    private void AllowReturn(int link, EndpointPlan endpoint)
    {
        if (endpoint.Ports.Count > 0)
        {
            Links.ChangePort(route, link, new BridgePortSettings { Hairpin = true });
        }
    }
}
