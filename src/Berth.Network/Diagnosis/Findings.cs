using Berth.Network.Drivers.Bridge;
using Berth.Network.Firewall;
using Berth.Network.Ipam;

namespace Berth.Network.Diagnosis;

/// <summary>Compares what networks need with what a host says of itself.</summary>
public static class Findings
{
    /// <summary>What stands out, problems first.</summary>
    public static IReadOnlyList<Finding> Of(HostFacts host, IReadOnlyList<NamedPlan> networks)
    {
        List<(string Name, BridgePlan Plan)> bridges = [.. networks.Where(static network => network.Plan is BridgePlan).Select(static network => (network.Name, (BridgePlan)network.Plan))];
        IEnumerable<Finding> all = [.. Forwarding(host, bridges), .. Rules(host, bridges), .. bridges.SelectMany(network => Bridge(host, network.Name, network.Plan)), .. networks.SelectMany(network => Overlaps(host, network))];
        return [.. all.OrderByDescending(static finding => finding.IsProblem)];
    }

    private static IEnumerable<Finding> Forwarding(HostFacts host, List<(string Name, BridgePlan Plan)> bridges)
    {
        foreach ((bool isIPv6, bool isOn, string setting) in ((bool, bool, string)[])[(false, host.ForwardsIPv4, "net.ipv4.ip_forward"), (true, host.ForwardsIPv6, "net.ipv6.conf.all.forwarding")])
        {
            List<string> concerned = [.. bridges.Where(network => !network.Plan.IsInternal && network.Plan.Pools.Any(pool => pool.Subnet.IsIPv6 == isIPv6)).Select(static network => network.Name)];
            if (!isOn && concerned.Count > 0)
            {
                yield return new Finding(
                    IsProblem: true,
                    $"forwarding of {Family(isIPv6)} is switched off: containers of {List(concerned)} reach nothing outside of their network, and nobody but this host reaches their published ports",
                    $"sysctl -w {setting}=1, and find out who switched it off (grep -r {setting} /etc/sysctl.conf /etc/sysctl.d); the daemon switches it on when it starts");
            }
        }
    }

    private static IEnumerable<Finding> Rules(HostFacts host, List<(string Name, BridgePlan Plan)> bridges)
    {
        if (bridges.Count == 0)
        {
            yield break;
        }

        if (!host.AreRulesIntact)
        {
            yield return new Finding(IsProblem: true, $"the rules of table {host.Table} are not as they should be", "look again: they are put back within a second; if not, the daemon's log says what the kernel refuses");
        }

        foreach (DroppingChain chain in host.DroppingChains.Where(static chain => !chain.LetsOursPass))
        {
            bool seesMark = chain.Priority is > -1 and < 1;
            yield return new Finding(
                IsProblem: true,
                $"chain {chain.Chain} of table {chain.Table} drops forwarded packets that it does not know, those of containers among them",
                seesMark
                    ? $"nft insert rule {chain.Table} {chain.Chain} meta mark and 0x{FirewallLayout.PassMark:x} == 0x{FirewallLayout.PassMark:x} accept (what Berth's own rules let pass), in the words of the program that keeps this chain"
                    : "let the program that keeps this chain accept what comes from and goes to the bridges of the networks below");
        }

        foreach (string program in host.LegacyPrograms)
        {
            yield return new Finding(IsProblem: false, LegacyRules.AdviceOf(program), "");
        }
    }

    private static IEnumerable<Finding> Bridge(HostFacts host, string name, BridgePlan plan)
    {
        const string Advice = "restart the daemon: it repairs its bridges while their containers run on";
        if (host.Links.FirstOrDefault(link => link.Name == plan.Bridge) is not { } bridge)
        {
            yield return new Finding(IsProblem: true, $"the bridge {plan.Bridge} of network {name} is not there", Advice);
            yield break;
        }

        if (!bridge.IsUp)
        {
            yield return new Finding(IsProblem: true, $"the bridge {plan.Bridge} of network {name} is switched off", $"ip link set {plan.Bridge} up");
        }

        foreach (NetAddress gateway in GatewaysOf(plan).Where(gateway => !bridge.Addresses.Contains(gateway)))
        {
            yield return new Finding(IsProblem: true, $"the bridge {plan.Bridge} of network {name} does not have the network's gateway address {gateway}", Advice);
        }
    }

    // Of two routes the one with the longer prefix counts: one within a network takes a part of it away, one around it loses a part to it.
    private static IEnumerable<Finding> Overlaps(HostFacts host, NamedPlan network)
    {
        if (network.Plan is not BridgePlan { Bridge: var own })
        {
            yield break; // containers of the others are on a link of the host's themselves, with its neighbours
        }

        foreach (Subnet pool in network.Plan.Pools.Select(static pool => pool.Subnet).Where(static pool => pool.PrefixLength > 0)) // no addresses of anybody's, with the IPAM driver null
        {
            foreach (RouteFact route in host.Routes.Where(route => route.Link != own && route.Destination.Overlaps(pool)))
            {
                string way = $"the host's route to {route.Destination} ({WayOf(route)})";
                yield return pool.Contains(route.Destination)
                    ? new Finding(IsProblem: true, $"{way} takes packets for {(pool == route.Destination ? "" : "a part of ")}network {network.Name} ({pool}) elsewhere", $"ip route delete {route.Destination}, or give the network another subnet (berth network create --subnet)")
                    : new Finding(IsProblem: false, $"{way} covers network {network.Name} ({pool}): other machines of that range whose addresses the network has cannot be reached from here", "if there are such, give the network another subnet (berth network create --subnet)");
            }
        }
    }

    private static IEnumerable<NetAddress> GatewaysOf(BridgePlan plan) => plan.Pools
        .Where(pool => !plan.IsBridgeForeign && plan.ModeOf(pool.Subnet.IsIPv6) != GatewayMode.Isolated)
        .Select(static pool => pool.Gateway)
        .OfType<NetAddress>();

    private static string WayOf(RouteFact route) => (route.Link, route.Gateway) switch
    {
        ("", null) => "nowhere",
        (var link, null) => link,
        (var link, { } gateway) => $"{link} by {gateway}",
    };

    private static string Family(bool isIPv6) => isIPv6 ? "IPv6" : "IPv4";

    private static string List(List<string> names) => names.Count == 1 ? $"network {names[0]}" : $"networks {string.Join(", ", names)}";
}
