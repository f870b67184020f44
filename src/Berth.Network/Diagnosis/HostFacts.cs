using Berth.Network.Ipam;

namespace Berth.Network.Diagnosis;

/// <summary>What the host says of itself, as far as containers' packets depend on it, at one moment.</summary>
public sealed record HostFacts
{
    /// <summary>Whether it sends packets on from one link to another.</summary>
    public required bool ForwardsIPv4 { get; init; }

    /// <summary>As <see cref="ForwardsIPv4"/>; false where the kernel has no IPv6.</summary>
    public required bool ForwardsIPv6 { get; init; }
    public required IReadOnlyList<LinkFact> Links { get; init; }

    /// <summary>Of every table, without default routes and what the host keeps for itself.</summary>
    public required IReadOnlyList<RouteFact> Routes { get; init; }

    /// <summary>The table of our rules, as <c>nft list</c> names it.</summary>
    public required string Table { get; init; }

    /// <summary>Whether our rules are as they should be; true where there is nothing to rule.</summary>
    public required bool AreRulesIntact { get; init; }

    /// <summary>Chains of others that drop forwarded packets on which none of their rules decides.</summary>
    public required IReadOnlyList<DroppingChain> DroppingChains { get; init; }

    /// <summary>Programs that keep rules in the kernel's old interface, which nothing can be said of: <c>iptables-legacy</c>.</summary>
    public required IReadOnlyList<string> LegacyPrograms { get; init; }
}

/// <summary>A link of the host.</summary>
public sealed record LinkFact(string Name, bool IsUp, IReadOnlyList<NetAddress> Addresses);

/// <summary>A route of the host.</summary>
/// <param name="Destination">Where to.</param>
/// <param name="Link">By which link; empty: by none, such packets are dropped.</param>
/// <param name="Gateway">Through which router; null: on the link itself.</param>
public sealed record RouteFact(Subnet Destination, string Link, NetAddress? Gateway);

/// <summary>A base chain of somebody else's at the hook forward, with the policy to drop.</summary>
/// <param name="Table">Family and name.</param>
/// <param name="Chain">Its name.</param>
/// <param name="Priority">Its priority; ours mark their packets at -1 and unmark them at 1.</param>
/// <param name="LetsOursPass">Whether it has our exception.</param>
public sealed record DroppingChain(string Table, string Chain, int Priority, bool LetsOursPass);
