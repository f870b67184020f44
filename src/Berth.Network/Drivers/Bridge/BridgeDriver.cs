using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Firewall;

namespace Berth.Network.Drivers.Bridge;

/// <summary>
/// Networks that are bridges, the links of containers and the rules between them. Changes take turns. Disposing ends the watch over the rules and leaves everything in
/// the kernel as it is.
/// </summary>
internal sealed partial class BridgeDriver : INetworkDriver, IDisposable
{
    private readonly Lock turn = new();
    private readonly HostLinks links;
    private readonly NetlinkSocket netfilter;
    private readonly BridgeLinks bridges;
    private readonly FirewallTable firewall;
    private readonly ForwardException exception;
    private readonly StaleFlows flows;
    private readonly FirewallWatch watch;
    private readonly Dictionary<string, BridgePlan> networks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EndpointPlan> endpoints = new(StringComparer.Ordinal);

    /// <summary>Changes nothing yet.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel has no netlink sockets of a kind, or there is no permission.</exception>
    public BridgeDriver(HostLinks links)
    {
        this.links = links;
        netfilter = HostLinks.Open(links.Options, NetlinkFamily.NETLINK_NETFILTER);
        try
        {
            bridges = new BridgeLinks(links);
            firewall = new FirewallTable(links.Options.Table, netfilter);
            exception = new ForwardException(links.Options.Owner, netfilter);
            flows = new StaleFlows(netfilter, links.Route);
            watch = new FirewallWatch(OpenMonitor(), netfilter.PortId, Matters, PutBack);
        }
        catch
        {
            netfilter.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Rules are replaced as a whole.</remarks>
    public IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> plans, IReadOnlyList<EndpointPlan> connected)
    {
        lock (turn)
        {
            networks.Clear();
            endpoints.Clear();
            foreach (BridgePlan network in plans.Cast<BridgePlan>())
            {
                networks.Add(network.Id, network);
            }

            foreach (EndpointPlan endpoint in connected)
            {
                endpoints.Add(endpoint.Id, endpoint);
            }

            return KernelRefusal.Told("the networks cannot be restored", () =>
            {
                if (networks.Count == 0)
                {
                    RemoveRules(); // who has no bridges has no rules
                    return [];
                }

                // Before traffic can pass by a bridge that has to be made anew.
                ReplaceRules();
                List<NetworkFailure> failures = RestoreBridges();
                RestoreLinks();
                return failures;
            });
        }
    }

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: the bridge's name is that of a link that is not ours; <see cref="ErrorKind.NotFound"/>: a
    /// bridge of somebody else's is not there; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Add(NetworkPlan plan)
    {
        var network = (BridgePlan)plan;
        links.WaitForRetired(network.Bridge); // of a network that had this name for its bridge and was removed just now
        lock (turn)
        {
            KernelRefusal.Told($"network {network.Id} cannot be made", () =>
            {
                ThrowIfShared(network);
                bool wasKnown = networks.TryGetValue(network.Id, out BridgePlan? before);
                (int index, bool isNew) = bridges.Ensure(network);
                try
                {
                    EnsureForwarding(network);
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
                        links.Delete(index);
                    }

                    throw;
                }
            });
        }
    }

    /// <inheritdoc/>
    public void Remove(NetworkPlan plan)
    {
        string id = plan.Id;
        lock (turn)
        {
            if (!networks.Remove(id, out BridgePlan? network))
            {
                return;
            }

            foreach (EndpointPlan endpoint in endpoints.Values.Where(endpoint => endpoint.NetworkId == id).ToList())
            {
                endpoints.Remove(endpoint.Id);
            }

            KernelRefusal.Told($"network {id} cannot be removed", () =>
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
            });
        }
    }

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: a link of that name is in the container, or a port of the host is another
    /// endpoint's; <see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public void Connect(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        lock (turn)
        {
            BridgePlan network = NetworkOf(endpoint);
            KernelRefusal.Told($"{endpoint.Interface} cannot be connected to network {network.Id}", () =>
            {
                int link = CreateLink(network, endpoint, sandbox);
                try
                {
                    AllowReturn(link, endpoint);
                    Sandbox.Configure(sandbox, SandboxLink.Of(network, endpoint));
                    ChangeRules(new EndpointChange(network, Before: null, endpoint));
                }
                catch
                {
                    links.Delete(link);
                    throw;
                }
            });
        }
    }

    /// <inheritdoc/>
    public void Disconnect(EndpointPlan endpoint, FileDescriptor? sandbox)
    {
        lock (turn)
        {
            KernelRefusal.Told($"{endpoint.Interface} cannot be disconnected from network {endpoint.NetworkId}", () =>
            {
                if (endpoints.TryGetValue(endpoint.Id, out EndpointPlan? known) && networks.TryGetValue(known.NetworkId, out BridgePlan? network))
                {
                    ChangeRules(new EndpointChange(network, known, After: null));
                }

                if (sandbox is not null && links.Find(LinkText.HostLinkOf(endpoint.Id)) is { } link && links.IdOf(link) == endpoint.Id)
                {
                    links.Delete(link.Index);
                }
            });
        }
    }

    /// <inheritdoc/>
    /// <remarks>A port that another endpoint of the container has is taken from it at once.</remarks>
    public void Reroute(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        lock (turn)
        {
            BridgePlan network = NetworkOf(endpoint);
            KernelRefusal.Told($"{endpoint.Interface} of network {network.Id} cannot be rerouted", () =>
            {
                if (links.Find(LinkText.HostLinkOf(endpoint.Id)) is { } link)
                {
                    AllowReturn(link.Index, endpoint);
                }

                Sandbox.Reroute(sandbox, SandboxLink.Of(network, endpoint));
                ChangeRules([new EndpointChange(network, endpoints.GetValueOrDefault(endpoint.Id), endpoint), .. Yielding(endpoint)]);
            });
        }
    }

    /// <summary>Removes the rules, and our exception among those of others. Networks are forgotten.</summary>
    /// <returns>What there was, one line each.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public IReadOnlyList<string> RemoveRules()
    {
        lock (turn)
        {
            networks.Clear();
            endpoints.Clear();
            List<string> removed = [];
            if (exception.Ensure(isNeeded: false))
            {
                removed.Add("exception in iptables' chain FORWARD");
            }

            removed.AddRange(firewall.Remove().Select(static table => $"table {(table.Family == NftFamily.Bridge ? "bridge" : "inet")} {table.Name}"));
            hasRules = false;
            return removed;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        watch.Dispose();
        netfilter.Dispose();
    }

    private BridgePlan NetworkOf(EndpointPlan endpoint) =>
        networks.GetValueOrDefault(endpoint.NetworkId) ?? throw new EngineException(ErrorKind.NotFound, $"network {endpoint.NetworkId} not found");

    private void EnsureForwarding(BridgePlan network)
    {
        if (links.Options.IsForwardingEnsured)
        {
            links.InNamespace(() => HostForwarding.Ensure(network));
        }
    }

    // Two networks of one bridge would be one network with two minds.
    private void ThrowIfShared(BridgePlan network)
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
        foreach (BridgePlan network in networks.Values)
        {
            try
            {
                ThrowIfShared(network);
                bridges.Ensure(network);
                EnsureForwarding(network);
            }
            catch (Exception e) when (e is EngineException || KernelRefusal.Is(e))
            {
                failures.Add(new NetworkFailure(network.Id, e));
            }
        }

        return failures;
    }

    // Links of endpoints are on their bridge already, unless somebody removed that.
    private void RestoreLinks()
    {
        IReadOnlyList<LinkInfo> found = Links.List(links.Route);
        foreach (LinkInfo link in found.Where(static link => link.Kind == "veth"))
        {
            if (links.IdOf(link) is { } id && endpoints.TryGetValue(id, out EndpointPlan? endpoint)
                && found.FirstOrDefault(bridge => bridge.Name == networks[endpoint.NetworkId].Bridge) is { } bridge && link.Master != bridge.Index)
            {
                Links.Change(links.Route, link.Index, new LinkChange { Master = bridge.Index, IsUp = true });
            }
        }
    }

    private int CreateLink(BridgePlan network, EndpointPlan endpoint, FileDescriptor sandbox)
    {
        int bridge = links.Find(network.Bridge)?.Index
            ?? throw new EngineException(ErrorKind.Internal, $"the bridge {network.Bridge} of network {network.Id} is not there any more: restart the daemon to have it made again");
        try
        {
            return Links.Create(links.Route, new VethConfig
            {
                Name = LinkText.HostLinkOf(endpoint.Id),
                Alias = LinkText.AliasOf(links.Options.Owner, endpoint.Id),
                Group = LinkText.GroupOf(links.Options.Owner),
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
            Links.ChangePort(links.Route, link, new BridgePortSettings { Hairpin = true });
        }
    }
}
