using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Firewall;

namespace Berth.Network.Drivers.Bridge;

/// <content>The rules, and that they stay. All but what the watch calls is called with the turn taken.</content>
internal sealed partial class BridgeDriver
{
    // Whether there is anything to put back.
    private bool hasRules;

    private NetlinkMonitor OpenMonitor() => KernelRefusal.Told("the kernel cannot be asked to tell of changed rules", () =>
        links.Options.Namespace is { } there ? NetlinkMonitor.Open(NetlinkGroups.Ruleset, there) : NetlinkMonitor.Open(NetlinkGroups.Ruleset));

    private FirewallState State() => new([.. networks.Values], [.. endpoints.Values.Select(endpoint => (networks[endpoint.NetworkId], endpoint))]);

    private void ReplaceRules()
    {
        firewall.Replace(State());
        exception.Ensure(isNeeded: networks.Count > 0);
        if (!hasRules && networks.Count > 0)
        {
            links.InNamespace(TellOfLegacyRules);
        }

        hasRules = true;
    }

    private void TellOfLegacyRules()
    {
        foreach (string program in LegacyRules.Programs())
        {
            links.Options.Report?.Invoke(LegacyRules.AdviceOf(program));
        }
    }

    /// <summary>Whether the rules are as they should be: those that somebody changed are put back at once, so no is the answer of a moment, or of a kernel that refuses.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public bool AreRulesIntact()
    {
        lock (turn)
        {
            return !hasRules || firewall.IsIntact(State());
        }
    }

    private bool Matters(NftEvent change) => ForwardException.Concerns(change)
        || (firewall.Owns(change.Table) && (change.IsRemoval || change.Kind is NftObject.Rule or NftObject.Element) && change.Name != FirewallLayout.User);

    // On the watch's thread. What was changed may be something of no importance, or have been put right by now.
    private void PutBack()
    {
        lock (turn)
        {
            if (!hasRules)
            {
                return;
            }

            try
            {
                FirewallState state = State();
                bool isIntact = firewall.IsIntact(state);
                if (!isIntact)
                {
                    firewall.Replace(state);
                    links.Options.Report?.Invoke($"rules of table {links.Options.Table} that somebody had changed or removed were put back");
                }

                if (exception.Ensure(isNeeded: networks.Count > 0))
                {
                    links.Options.Report?.Invoke("the chain FORWARD of iptables changed: the rule there that lets containers' packets pass was added or removed as it is needed");
                }
            }
            catch (Exception e) when (e is LinuxException or InvalidDataException)
            {
                links.Options.Report?.Invoke($"rules of table {links.Options.Table} that somebody had changed or removed cannot be put back: {e.Message}");
            }
        }
    }

    private void ChangeRules(params IReadOnlyList<EndpointChange> changes)
    {
        foreach (EndpointChange change in changes)
        {
            Remember(change.Id, change.After);
        }

        try
        {
            firewall.Change(State, networks.Values.Any(static known => !known.HasInterContainerTraffic), changes);
        }
        catch (Exception e)
        {
            foreach (EndpointChange change in changes)
            {
                Remember(change.Id, change.Before);
            }

            if (e is LinuxException { Errno: Errno.EEXIST })
            {
                throw new EngineException(ErrorKind.Conflict, $"a port that endpoint {changes[0].Id} publishes is published by another one: {e.Message}", e);
            }

            throw;
        }

        try
        {
            foreach (EndpointChange change in changes)
            {
                flows.Forget(change.Before, change.After);
            }
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException)
        {
            // The rules are right, and new senders go by them.
            links.Options.Report?.Invoke($"what was sent to published ports of UDP before may go on to the former receiver: {e.Message}");
        }
    }

    // Of the container's other endpoints, which are rerouted before or afterwards, the one that has the ports so far.
    private IEnumerable<EndpointChange> Yielding(EndpointPlan endpoint)
    {
        HashSet<(PortProtocol, Ipam.NetAddress, ushort)> ports = [.. endpoint.Ports.Where(port => IsTranslated(endpoint, port)).Select(KeyOf)];
        foreach (EndpointPlan other in endpoints.Values.Where(other => other.Id != endpoint.Id && other.Ports.Any(port => IsTaken(other, port))))
        {
            yield return new EndpointChange(networks[other.NetworkId], other, other with { Ports = [.. other.Ports.Where(port => !IsTaken(other, port))] });
        }

        bool IsTaken(EndpointPlan other, PublishedPort port) => IsTranslated(other, port) && ports.Contains(KeyOf(port));

        static (PortProtocol, Ipam.NetAddress, ushort) KeyOf(PublishedPort port) => (port.Protocol, port.HostAddress, port.HostPort);
    }

    // Only then a port of the host can be but one endpoint's.
    private bool IsTranslated(EndpointPlan endpoint, PublishedPort port)
    {
        return networks[endpoint.NetworkId].ModeOf(port.HostAddress.IsIPv6) is GatewayMode.Nat or GatewayMode.NatUnprotected;
    }

    private void Remember(string id, EndpointPlan? endpoint)
    {
        if (endpoint is null)
        {
            endpoints.Remove(id);
        }
        else
        {
            endpoints[id] = endpoint;
        }
    }
}
