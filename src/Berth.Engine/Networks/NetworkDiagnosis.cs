using Berth.Network.Diagnosis;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Drivers.Remote;

namespace Berth.Engine.Networks;

/// <summary>What is reachable from outside of the networks, by which rule, and what stands in the way; of one moment.</summary>
/// <param name="Host">What the host says.</param>
/// <param name="Findings">What stands out, problems first.</param>
/// <param name="Networks">Those whose containers have addresses, by name.</param>
/// <param name="Exposures">What can be reached, by network and container.</param>
public sealed record NetworkDiagnosis(HostFacts Host, IReadOnlyList<Finding> Findings, IReadOnlyList<NetworkReach> Networks, IReadOnlyList<Exposure> Exposures)
{
    private static readonly bool[] Families = [false, true]; // whether IPv6

    /// <summary>Compares networks with what the host says.</summary>
    internal static NetworkDiagnosis Of(HostFacts host, IReadOnlyList<ContainerNetwork> networks)
    {
        List<ContainerNetwork> ordered = [.. networks.OrderBy(static network => network.Name, StringComparer.Ordinal)];
        List<ContainerNetwork> planned = [.. ordered.Where(static network => network.Plan is not null)];
        return new NetworkDiagnosis(
            host,
            Berth.Network.Diagnosis.Findings.Of(host, [.. planned.Select(static network => new NamedPlan(network.Name, network.Plan!))]), // those that have one
            [.. planned.Select(static network => new NetworkReach(network.Record, ReachOf(network)))],
            [.. ordered.SelectMany(network => network.Info.Endpoints.OrderBy(static endpoint => endpoint.Key, StringComparer.Ordinal).SelectMany(endpoint => ExposuresOf(host.Table, network, endpoint.Key, endpoint.Value)))]);
    }

    private static string ReachOf(ContainerNetwork network) => network.Plan switch
    {
        ParentPlan { IsIsolated: true } => "nothing in, nothing out",
        ParentPlan { IsInternal: true } plan => $"neighbours on {plan.Parent} alone, past the rules of this host",
        RemotePlan => "as its plugin makes it",
        { IsInternal: true } => "nothing in, nothing out",
        BridgePlan plan => string.Join("; ", Families.Where(isIPv6 => plan.Pools.Any(pool => pool.Subnet.IsIPv6 == isIPv6)).Select(isIPv6 => $"{(isIPv6 ? "IPv6" : "IPv4")} {ReachOf(plan, isIPv6)}")),
        _ => "in and out by the containers' own addresses, past the rules of this host",
    };

    private static string ReachOf(BridgePlan plan, bool isIPv6)
    {
        string way = (isIPv6 ? plan.IPv6Mode : plan.IPv4Mode) switch
        {
            GatewayMode.Nat => "in by published ports alone",
            GatewayMode.NatUnprotected => "in by published ports, and by the containers' own addresses",
            GatewayMode.Routed => "in by published ports at the containers' own addresses",
            _ => "nothing in",
        };
        return plan.HasMasquerade && (isIPv6 ? plan.IPv6Mode : plan.IPv4Mode) is GatewayMode.Nat or GatewayMode.NatUnprotected ? way + ", out with this host's address" : way + ", out with their own addresses";
    }

    private static IEnumerable<Exposure> ExposuresOf(string table, ContainerNetwork network, string containerId, EndpointState state)
    {
        Exposure all = new() { ContainerId = containerId, Network = network.Name, From = "", To = "every port", By = "" };
        switch (network.Plan)
        {
            case null when network.Record.Config.Driver == "host":
                return [all with { From = "every address of this host", To = "every port that it listens on", By = "no rule: it is in this host's own network" }];
            case null or ParentPlan { IsIsolated: true } or BridgePlan { IsInternal: true }:
                return [];
            case RemotePlan:
                return AddressesOf(state).Select(address => all with { From = address, By = $"as plugin {network.Record.Config.Driver} makes it" });
            case ParentPlan plan:
                return AddressesOf(state).Select(address => all with { From = address, By = $"no rule: it is on {plan.Parent} itself, past the rules of this host" });
            case BridgePlan plan:
                return [.. state.Ports.Select(port => ExposureOf(table, plan, all, state, port)).Distinct(), .. Unprotected(table, plan, all, state)];
            default:
                throw new System.Diagnostics.UnreachableException($"plan {network.Plan.GetType().Name}");
        }
    }

    private static Exposure ExposureOf(string table, BridgePlan plan, Exposure all, EndpointState state, PortState port)
    {
        bool isIPv6 = port.HostAddress.Contains(':', StringComparison.Ordinal);
        string protocol = port.Protocol.ToString().ToLowerInvariant(), own = isIPv6 ? state.IPv6 : state.IPv4;
        Exposure translated = all with
        {
            From = $"{AtPort(port.HostAddress, port.HostPort)}/{protocol}",
            To = AtPort(own.Length > 0 ? own : state.IPv4, port.ContainerPort),
            IsHostOnly = port.HostAddress == "::1" || port.HostAddress.StartsWith("127.", StringComparison.Ordinal),
        };
        return own.Length == 0
            ? translated with { By = "the daemon's proxy: the container has no IPv6" }
            : (isIPv6 ? plan.IPv6Mode : plan.IPv4Mode) == GatewayMode.Routed
                ? all with { From = $"{AtPort(own, port.ContainerPort)}/{protocol}", To = AtPort(own, port.ContainerPort), By = $"table {table}, set open{(isIPv6 ? 6 : 4)}" }
                : translated with { By = $"table {table}, map {(port.HostAddress is "0.0.0.0" or "::" ? "any" : "ports")}{(isIPv6 ? 6 : 4)}" };
    }

    private static IEnumerable<Exposure> Unprotected(string table, BridgePlan plan, Exposure all, EndpointState state) => AddressesOf(state)
        .Where(address => (address.Contains(':', StringComparison.Ordinal) ? plan.IPv6Mode : plan.IPv4Mode) == GatewayMode.NatUnprotected)
        .Select(address => all with { From = address, By = $"table {table}, chain unprotected" });

    private static IEnumerable<string> AddressesOf(EndpointState state) => new[] { state.IPv4, state.IPv6 }.Where(static address => address.Length > 0);

    private static string AtPort(string address, int port) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";
}

/// <summary>How a network is reached, and what its containers reach.</summary>
public sealed record NetworkReach(NetworkRecord Record, string Reach);

/// <summary>Something of a container that others than those of its network can reach.</summary>
public sealed record Exposure
{
    public required string ContainerId { get; init; }

    /// <summary>The network's name.</summary>
    public required string Network { get; init; }

    /// <summary>What is asked: an address, with port and protocol where it is one port.</summary>
    public required string From { get; init; }

    /// <summary>What answers.</summary>
    public required string To { get; init; }

    /// <summary>What lets it pass.</summary>
    public required string By { get; init; }

    /// <summary>Whether it is an address that only this host itself has.</summary>
    public bool IsHostOnly { get; init; }
}
