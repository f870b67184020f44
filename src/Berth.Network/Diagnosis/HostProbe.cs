using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Firewall;
using Berth.Network.Ipam;

namespace Berth.Network.Diagnosis;

/// <summary>Reads <see cref="HostFacts"/> from the kernel, changing nothing.</summary>
internal sealed class HostProbe(HostLinks links)
{
    /// <summary>What the host says.</summary>
    /// <param name="areRulesIntact">What the rules' owner says of them.</param>
    /// <exception cref="Berth.Linux.LinuxException">The kernel refused.</exception>
    public HostFacts Read(bool areRulesIntact)
    {
        bool forwardsIPv4 = false, forwardsIPv6 = false;
        List<string> legacy = [];
        links.InNamespace(() =>
        {
            forwardsIPv4 = KernelSettings.Read("net/ipv4/ip_forward") == "1";
            forwardsIPv6 = KernelSettings.HasIPv6 && KernelSettings.Read("net/ipv6/conf/all/forwarding") == "1";
            legacy = [.. LegacyRules.Programs()];
        });
        Dictionary<int, string> names = Berth.Linux.Netlink.Links.List(links.Route).ToDictionary(static link => link.Index, static link => link.Name);
        return new HostFacts
        {
            ForwardsIPv4 = forwardsIPv4,
            ForwardsIPv6 = forwardsIPv6,
            Links = ReadLinks(),
            Routes = [.. Routes.List(links.Route, table: null).Where(static route => route.Type is RouteType.Unicast or RouteType.Blackhole or RouteType.Unreachable or RouteType.Prohibit)
                .Where(static route => route.Destination.PrefixLength > 0 && !route.Destination.BaseAddress.IsIPv6LinkLocal && !route.Destination.BaseAddress.IsIPv6Multicast)
                .Select(route => new RouteFact(
                    Subnet.Of(NetAddress.From(route.Destination.BaseAddress), route.Destination.PrefixLength),
                    route.Link is { } index ? names.GetValueOrDefault(index, "") : "",
                    route.Gateway is { } gateway ? NetAddress.From(gateway) : null))],
            Table = "inet " + links.Options.Table,
            AreRulesIntact = areRulesIntact,
            DroppingChains = ReadChains(),
            LegacyPrograms = legacy,
        };
    }

    private List<LinkFact> ReadLinks()
    {
        ILookup<int, NetAddress> addresses = Addresses.List(links.Route).ToLookup(static address => address.Link, static address => NetAddress.From(address.Address));
        return [.. Berth.Linux.Netlink.Links.List(links.Route).Select(link => new LinkFact(link.Name, link.IsUp, [.. addresses[link.Index]]))];
    }

    private List<DroppingChain> ReadChains()
    {
        using NetlinkSocket netfilter = HostLinks.Open(links.Options, NetlinkFamily.NETLINK_NETFILTER);
        List<DroppingChain> found = [];
        foreach (NftTable table in NftRuleset.Tables(netfilter).Select(static info => info.Table).Where(table => table.Name != links.Options.Table))
        {
            foreach (NftChainInfo chain in NftRuleset.Chains(netfilter, table))
            {
                if (chain.Base is { Hook: NftHook.Forward, IsDropping: true } place)
                {
                    bool letsPass = NftRuleset.Rules(netfilter, table, chain.Name).Any(rule => rule.Comment == ForwardException.CommentOf(links.Options.Owner));
                    found.Add(new DroppingChain($"{FamilyOf(table)} {table.Name}", chain.Name, place.Priority, letsPass));
                }
            }
        }

        return found;
    }

    private static string FamilyOf(NftTable table) => table.Family switch
    {
        NftFamily.Ip => "ip",
        NftFamily.Ip6 => "ip6",
        NftFamily.Bridge => "bridge",
        NftFamily.Inet => "inet",
        var other => other.ToString(),
    };
}
