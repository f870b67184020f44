using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using static Berth.Network.Firewall.FirewallLayout;

namespace Berth.Network.Firewall;

/// <summary>
/// The table with the rules of all networks, and a small one of the family bridge while a network has no traffic between its containers. Every change is one
/// transaction. Not safe for several threads.
/// </summary>
internal sealed class FirewallTable(string name, NetlinkSocket netfilter)
{
    private readonly NftTable table = new(NftFamily.Inet, name), bridge = new(NftFamily.Bridge, name);

    /// <summary>Whether a table is one of these.</summary>
    public bool Owns(NftTable other) => other == table || other == bridge;

    /// <summary>
    /// Puts everything in the place of whatever there is, at once, so that no packet sees less; the chain of the host's owner stays as it is, and so does what
    /// he added to the table.
    /// </summary>
    /// <exception cref="LinuxException">Nothing was changed; the subject says because of which part.</exception>
    public void Replace(FirewallState state)
    {
        using var transaction = new NftTransaction();
        transaction.AddTable(table);
        transaction.AddChain(table, new NftChainConfig { Name = User });
        Clear(transaction);
        foreach (NftSetConfig set in Sets)
        {
            transaction.AddSet(table, set);
        }

        foreach (NftChainConfig chain in Chains.Concat(SourceChains(state)))
        {
            transaction.AddChain(table, chain);
        }

        foreach ((string chain, NftRule rule) in RulesOf(state))
        {
            transaction.AddRule(table, chain, rule);
        }

        ReplaceBridge(transaction, state);
        foreach ((NftTable place, NftSetConfig set, List<NftElement> list) in Placed(state.Elements(), state.HasClosedNetworks))
        {
            transaction.AddElements(place, set, list);
        }

        transaction.Commit(netfilter);
    }

    /// <summary>Changes endpoints' elements from what they had to what they have, all at once, so that a port may go from one to another.</summary>
    /// <param name="state">The networks and endpoints, as they are after the change; asked only when the table is not there any more.</param>
    /// <param name="hasClosedNetworks">Whether there is the table of the family bridge.</param>
    /// <param name="changes">Which.</param>
    /// <exception cref="LinuxException">Nothing was changed; EEXIST: a port of the host is another endpoint's.</exception>
    public void Change(Func<FirewallState> state, bool hasClosedNetworks, IReadOnlyList<EndpointChange> changes)
    {
        using var transaction = new NftTransaction();
        foreach ((NftTable place, NftSetConfig set, List<NftElement> list) in changes.SelectMany(change => ElementsOf(hasClosedNetworks, change.Network, change.Before)))
        {
            transaction.DeleteElements(place, set, mayBeAbsent: false, list);
        }

        foreach ((NftTable place, NftSetConfig set, List<NftElement> list) in changes.SelectMany(change => ElementsOf(hasClosedNetworks, change.Network, change.After)))
        {
            transaction.AddElements(place, set, list);
        }

        try
        {
            transaction.Commit(netfilter);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // Somebody removed the table, or parts of it, a moment ago.
            Replace(state());
        }
    }

    /// <summary>Whether all chains, rules and elements are there that should be. Somebody else's in the table do not matter.</summary>
    /// <exception cref="LinuxException">The kernel refused to tell.</exception>
    public bool IsIntact(FirewallState state)
    {
        if (!Has(table) || (state.HasClosedNetworks && !Has(bridge)))
        {
            return false;
        }

        HashSet<string> chains = [.. NftRuleset.Chains(netfilter, table).Select(static chain => chain.Name)];
        if (!chains.Contains(User) || !chains.IsSupersetOf(Chains.Concat(SourceChains(state)).Select(static chain => chain.Name)))
        {
            return false;
        }

        Dictionary<string, int> rules = NftRuleset.Rules(netfilter, table).CountBy(static rule => rule.Chain).ToDictionary();
        if (RulesOf(state).CountBy(static rule => rule.Chain).Any(wanted => rules.GetValueOrDefault(wanted.Key) != wanted.Value))
        {
            return false;
        }

        FirewallElements elements = state.Elements();
        return Sets.All(set => HasElements(table, set, elements))
            && (!state.HasClosedNetworks || (NftRuleset.Rules(netfilter, bridge, Forward).Count == FirewallRules.Bridge().Count() && BridgeSets.All(set => HasElements(bridge, set, elements))));
    }

    /// <summary>Removes everything; none is no fault.</summary>
    /// <returns>The tables that there were.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public IReadOnlyList<NftTable> Remove()
    {
        using var transaction = new NftTransaction();
        List<NftTable> found = [.. ((NftTable[])[table, bridge]).Where(Has)];
        foreach (NftTable place in found)
        {
            transaction.DeleteTable(place);
        }

        transaction.Commit(netfilter);
        return found;
    }

    private static IEnumerable<NftChainConfig> SourceChains(FirewallState state) =>
        state.Networks.Select(static network => new NftChainConfig { Name = FirewallElements.SourceChainOf(network) });

    private static IEnumerable<(string Chain, NftRule Rule)> RulesOf(FirewallState state) =>
        FirewallRules.Static().Concat(state.Networks.SelectMany(FirewallRules.OfNetwork));

    // Rules first, as they use sets and chains; then what other versions of this program made otherwise.
    private void Clear(NftTransaction transaction)
    {
        if (!Has(table))
        {
            return;
        }

        List<NftChainInfo> chains = [.. NftRuleset.Chains(netfilter, table).Where(IsOurs)];
        List<NftSetInfo> sets = [.. NftRuleset.Sets(netfilter, table).Where(static set => Sets.Any(known => known.Name == set.Name))];
        chains.ForEach(chain => transaction.FlushChain(table, chain.Name));
        sets.ForEach(set => transaction.FlushSet(table, set.Name));
        foreach (NftSetInfo set in sets.Where(static set => !IsLike(set, Sets.First(known => known.Name == set.Name))))
        {
            transaction.DeleteSet(table, set.Name);
        }

        foreach (NftChainInfo chain in chains.Where(static chain => Chains.FirstOrDefault(known => known.Name == chain.Name)?.Base is var wanted && chain.Base != wanted))
        {
            transaction.DeleteChain(table, chain.Name);
        }

        foreach (NftChainInfo chain in chains.Where(static chain => chain.Name.StartsWith(SourcePrefix, StringComparison.Ordinal)))
        {
            transaction.DeleteChain(table, chain.Name);
        }
    }

    private static bool IsOurs(NftChainInfo chain) =>
        chain.Name.StartsWith(SourcePrefix, StringComparison.Ordinal) || Chains.Any(known => known.Name == chain.Name);

    private static bool IsLike(NftSetInfo set, NftSetConfig wanted)
    {
        const uint NFT_SET_MAP = 0x8, NFT_SET_CONCAT = 0x80;
        bool isVerdict = wanted.Data is [var type] && type == NftDataType.Verdict;
        return set.KeyBytes == LengthOf(wanted.Key) && (set.Flags & NFT_SET_MAP) != 0 == wanted.Data is not null
            && (set.Flags & NFT_SET_CONCAT) != 0 == wanted.Key.Count > 1 && (isVerdict || set.DataBytes == (wanted.Data is null ? 0 : LengthOf(wanted.Data)));
    }

    private static int LengthOf(IReadOnlyList<NftDataType> types) => types.Count == 1 ? types[0].Length : types.Sum(static type => (type.Length + 3) / 4 * 4);

    private void ReplaceBridge(NftTransaction transaction, FirewallState state)
    {
        if (Has(bridge))
        {
            transaction.DeleteTable(bridge);
        }

        if (!state.HasClosedNetworks)
        {
            return;
        }

        transaction.AddTable(bridge);
        foreach (NftSetConfig set in BridgeSets)
        {
            transaction.AddSet(bridge, set);
        }

        transaction.AddChain(bridge, BridgeForward);
        foreach (NftRule rule in FirewallRules.Bridge())
        {
            transaction.AddRule(bridge, Forward, rule);
        }
    }

    private IEnumerable<(NftTable Place, NftSetConfig Set, List<NftElement> Elements)> ElementsOf(bool hasClosedNetworks, BridgePlan network, EndpointPlan? endpoint)
    {
        var elements = new FirewallElements();
        if (endpoint is not null)
        {
            elements.Add(network, endpoint);
        }

        return Placed(elements, hasClosedNetworks);
    }

    private IEnumerable<(NftTable Place, NftSetConfig Set, List<NftElement> Elements)> Placed(FirewallElements elements, bool hasClosedNetworks)
    {
        foreach ((NftSetConfig set, List<NftElement> list) in elements.All)
        {
            if (Sets.Contains(set))
            {
                yield return (table, set, list);
            }

            if (hasClosedNetworks && BridgeSets.Contains(set))
            {
                yield return (bridge, set, list);
            }
        }
    }

    private bool HasElements(NftTable place, NftSetConfig set, FirewallElements wanted)
    {
        try
        {
            return NftRuleset.Elements(netfilter, place, set.Name).Count == wanted.CountOf(set);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private bool Has(NftTable place) => NftRuleset.Tables(netfilter, place.Family).Any(found => found.Table == place);
}
