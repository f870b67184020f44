using Berth.Linux;
using Berth.Linux.Netlink;

namespace Berth.Network.Firewall;

/// <summary>
/// One rule among those of others: where the chain FORWARD of iptables drops what it does not know, as after a start of dockerd or with ufw, it lets pass what
/// our own rules did, which is told by a bit of the mark. In the form that iptables-nft has itself, so that <c>iptables -S</c> shows it and <c>iptables -D</c> removes it.
/// </summary>
internal sealed class ForwardException(string owner, NetlinkSocket netfilter)
{
    private const string Chain = "FORWARD";
    private static readonly NftTable[] Tables = [new(NftFamily.Ip, "filter"), new(NftFamily.Ip6, "filter")];
    private readonly string comment = CommentOf(owner);

    /// <summary>The comment by which the rule of an owner is known.</summary>
    public static string CommentOf(string owner) => "berth " + owner;

    /// <summary>Whether a change is one of what this depends on.</summary>
    public static bool Concerns(NftEvent change) => Tables.Contains(change.Table) && (change.Name == Chain || change.Kind == NftObject.Table);

    /// <summary>Adds the rule where it is needed and lacking, and removes it where it is not needed.</summary>
    /// <returns>Whether anything was changed.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public bool Ensure(bool isNeeded)
    {
        using var transaction = new NftTransaction();
        foreach (NftTable table in Tables)
        {
            // Without the table there is no list of its chains either.
            NftChainInfo? chain = NftRuleset.Tables(netfilter, table.Family).Any(found => found.Table == table)
                ? NftRuleset.Chains(netfilter, table).FirstOrDefault(static found => found.Name == Chain)
                : null;
            if (chain is null)
            {
                continue;
            }

            List<NftRuleInfo> ours = [.. NftRuleset.Rules(netfilter, table, Chain).Where(rule => rule.Comment == comment)];
            bool isWanted = isNeeded && chain.Base is { IsDropping: true };
            foreach (NftRuleInfo rule in ours.Skip(isWanted ? 1 : 0))
            {
                transaction.DeleteRule(table, Chain, rule.Handle);
            }

            if (isWanted && ours.Count == 0)
            {
                transaction.InsertRule(table, Chain, new NftRule(table.Family) { Comment = comment }.MarkHas(FirewallLayout.PassMark).Counter().Accept());
            }
        }

        transaction.Commit(netfilter);
        return transaction.Count > 0;
    }
}
