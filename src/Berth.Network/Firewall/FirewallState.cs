using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;

namespace Berth.Network.Firewall;

/// <summary>What the rules are made of: all networks, and all endpoints with theirs.</summary>
internal sealed record FirewallState(IReadOnlyCollection<BridgePlan> Networks, IReadOnlyCollection<(BridgePlan Network, EndpointPlan Endpoint)> Endpoints)
{
    /// <summary>Whether a network has no traffic between its containers.</summary>
    public bool HasClosedNetworks => Networks.Any(static network => !network.HasInterContainerTraffic);

    /// <summary>All elements.</summary>
    public FirewallElements Elements()
    {
        var elements = new FirewallElements();
        foreach (BridgePlan network in Networks)
        {
            elements.Add(network);
        }

        foreach ((BridgePlan network, EndpointPlan endpoint) in Endpoints)
        {
            elements.Add(network, endpoint);
        }

        return elements;
    }
}

/// <summary>What becomes of an endpoint.</summary>
/// <param name="Network">Its network.</param>
/// <param name="Before">Null: there was none.</param>
/// <param name="After">Null: there is none any more.</param>
internal sealed record EndpointChange(BridgePlan Network, EndpointPlan? Before, EndpointPlan? After)
{
    /// <summary>The endpoint's.</summary>
    public string Id => (After ?? Before)?.Id ?? throw new InvalidOperationException("no endpoint at all");
}
