using System.Text;
using static Berth.Linux.Netlink.NftMessages;

namespace Berth.Linux.Netlink;

/// <summary>A table that is there.</summary>
/// <param name="Table">Family and name.</param>
/// <param name="Handle">Its number, never used again.</param>
/// <param name="Flags">NFT_TABLE_F_*: 1 is dormant.</param>
/// <param name="Uses">How many chains, sets and so on it has.</param>
public sealed record NftTableInfo(NftTable Table, ulong Handle, uint Flags, uint Uses);

/// <summary>A chain that is there.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name.</param>
/// <param name="Handle">Its number in the table.</param>
/// <param name="Base">Where it sees packets; null: nowhere.</param>
/// <param name="Uses">How many rules it has, and how many jump to it.</param>
public sealed record NftChainInfo(NftTable Table, string Name, ulong Handle, NftBase? Base, uint Uses);

/// <summary>A rule that is there.</summary>
public sealed record NftRuleInfo
{
    /// <summary>Its table.</summary>
    public required NftTable Table { get; init; }

    /// <summary>Its chain.</summary>
    public required string Chain { get; init; }

    /// <summary>Its number in the table, by which it can be deleted.</summary>
    public required ulong Handle { get; init; }

    /// <summary>Free text; null: none.</summary>
    public string? Comment { get; init; }

    /// <summary>The kernel's names of its steps.</summary>
    public IReadOnlyList<string> Expressions { get; init; } = [];

    /// <summary>What its counter counted; null: it has none.</summary>
    public NftCount? Count { get; init; }
}

/// <summary>Packets and bytes.</summary>
public sealed record NftCount(ulong Packets, ulong Bytes);

/// <summary>A set or a map that is there.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name; anonymous ones have such as <c>__set0</c>.</param>
/// <param name="Handle">Its number in the table.</param>
/// <param name="Flags">NFT_SET_* of nf_tables.h.</param>
/// <param name="KeyBytes">How long a key is.</param>
/// <param name="DataBytes">How long a map's value is; 0: a set, or a map of verdicts.</param>
public sealed record NftSetInfo(NftTable Table, string Name, ulong Handle, uint Flags, int KeyBytes, int DataBytes);

/// <summary>What nf_tables has in the namespace of a socket of NETLINK_NETFILTER. Lists of a table that is not there are empty, but for that of elements.</summary>
public static class NftRuleset
{
    /// <summary>A number that every transaction changes, whoever makes it.</summary>
    /// <exception cref="LinuxException">EOPNOTSUPP and others: the kernel has no nf_tables.</exception>
    public static uint Generation(NetlinkSocket netfilter)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETGEN, NftFamily.Any, NetlinkFlags.Ack);
        request.End();
        return netfilter.Query<uint>(request, ReadGeneration, "NFT_MSG_GETGEN", "") is [uint generation, ..]
            ? generation
            : throw new InvalidDataException("nf_tables did not tell its generation");
    }

    /// <summary>Tables of a family, or of all.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<NftTableInfo> Tables(NetlinkSocket netfilter, NftFamily family = NftFamily.Any)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETTABLE, family, NetlinkFlags.Dump);
        request.End();
        return netfilter.Query<NftTableInfo>(request, ReadTable, "NFT_MSG_GETTABLE", "");
    }

    /// <summary>Chains of a table.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<NftChainInfo> Chains(NetlinkSocket netfilter, NftTable table)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETCHAIN, table.Family, NetlinkFlags.Dump);
        request.Text(NFTA_CHAIN_TABLE, table.Name);
        request.End();
        return netfilter.Query<NftChainInfo>(request, ReadChain, "NFT_MSG_GETCHAIN", table.ToString()).FindAll(chain => chain.Table == table);
    }

    /// <summary>Rules of a table or of one chain, in their order.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<NftRuleInfo> Rules(NetlinkSocket netfilter, NftTable table, string? chain = null)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETRULE, table.Family, NetlinkFlags.Dump);
        request.Text(NFTA_RULE_TABLE, table.Name);
        if (chain is not null)
            request.Text(NFTA_RULE_CHAIN, chain);
        request.End();
        return netfilter.Query<NftRuleInfo>(request, ReadRule, "NFT_MSG_GETRULE", $"{table} {chain}")
            .FindAll(rule => rule.Table == table && (chain is null || rule.Chain == chain));
    }

    /// <summary>Sets and maps of a table.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<NftSetInfo> Sets(NetlinkSocket netfilter, NftTable table)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETSET, table.Family, NetlinkFlags.Dump);
        request.Text(NFTA_SET_TABLE, table.Name);
        request.End();
        return netfilter.Query<NftSetInfo>(request, ReadSet, "NFT_MSG_GETSET", table.ToString()).FindAll(set => set.Table == table);
    }

    /// <summary>
    /// Elements of a set or a map, sorted by key; ranges have their last key, and a single one is no range. The kernel leaves some out, or tells them
    /// twice, while it makes a table larger: so they are read until it says the same two times.
    /// </summary>
    /// <exception cref="LinuxException">ENOENT: there is no such set; EAGAIN: it changed each time that it was read, for ten seconds.</exception>
    public static IReadOnlyList<NftElement> Elements(NetlinkSocket netfilter, NftTable table, string set)
    {
        bool isRanges = (FlagsOf(netfilter, table, set) & (NFT_SET_INTERVAL | NFT_SET_CONCAT)) == NFT_SET_INTERVAL;
        List<NftElement> before = ReadElements(netfilter, table, set, isRanges);
        for (var retry = new NetlinkRetry(); ; retry.Pause("NFT_MSG_GETSETELEM", $"{table} {set}"))
        {
            List<NftElement> elements = ReadElements(netfilter, table, set, isRanges);
            if (before.SequenceEqual(elements))
                return elements;
            before = elements;
        }
    }

    private static uint FlagsOf(NetlinkSocket netfilter, NftTable table, string set)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETSET, table.Family, NetlinkFlags.Ack);
        request.Text(NFTA_SET_TABLE, table.Name);
        request.Text(NFTA_SET_NAME, set);
        request.End();
        return netfilter.Query<NftSetInfo>(request, ReadSet, "NFT_MSG_GETSET", $"{table} {set}") is [NftSetInfo found, ..]
            ? found.Flags
            : throw new InvalidDataException($"nf_tables did not tell of the set {table} {set}");
    }

    // Of ranges with keys of one field the kernel has beginnings and ends.
    private static List<NftElement> ReadElements(NetlinkSocket netfilter, NftTable table, string set, bool isRanges)
    {
        using var request = new NetlinkWriter();
        NftMessages.Begin(request, NFT_MSG_GETSETELEM, table.Family, NetlinkFlags.Dump);
        request.Text(NFTA_SET_ELEM_LIST_TABLE, table.Name);
        request.Text(NFTA_SET_ELEM_LIST_SET, set);
        request.End();
        return NftElements.Join([.. netfilter.Query<(NftElement, bool)>(request, ReadElements, "NFT_MSG_GETSETELEM", $"{table} {set}").Distinct()], isRanges);
    }

    private static NftFamily FamilyOf(in NetlinkMessage message) => (NftFamily)message.Fixed<NftHeader>().Family;

    internal static void ReadGeneration(in NetlinkMessage message, List<uint> generations)
    {
        if (NumberOf(message) != NFT_MSG_NEWGEN)
            return;
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            if (attribute.Type == NFTA_GEN_ID)
                generations.Add(attribute.UInt32BigEndian);
        }
    }

    internal static void ReadTable(in NetlinkMessage message, List<NftTableInfo> tables)
    {
        if (NumberOf(message) != NFT_MSG_NEWTABLE)
            return;
        var table = new NftTableInfo(new NftTable(FamilyOf(message), ""), 0, 0, 0);
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            table = attribute.Type switch
            {
                NFTA_TABLE_NAME => table with { Table = table.Table with { Name = attribute.Text } },
                NFTA_TABLE_HANDLE => table with { Handle = attribute.UInt64BigEndian },
                NFTA_TABLE_FLAGS => table with { Flags = attribute.UInt32BigEndian },
                NFTA_TABLE_USE => table with { Uses = attribute.UInt32BigEndian },
                _ => table,
            };
        }

        tables.Add(table);
    }

    internal static void ReadChain(in NetlinkMessage message, List<NftChainInfo> chains)
    {
        if (NumberOf(message) != NFT_MSG_NEWCHAIN)
            return;
        var chain = new NftChainInfo(new NftTable(FamilyOf(message), ""), "", 0, null, 0);
        string type = "";
        bool isDropping = false;
        (NftHook Hook, int Priority)? place = null;
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            switch (attribute.Type)
            {
                case NFTA_CHAIN_TABLE: chain = chain with { Table = chain.Table with { Name = attribute.Text } }; break;
                case NFTA_CHAIN_NAME: chain = chain with { Name = attribute.Text }; break;
                case NFTA_CHAIN_HANDLE: chain = chain with { Handle = attribute.UInt64BigEndian }; break;
                case NFTA_CHAIN_USE: chain = chain with { Uses = attribute.UInt32BigEndian }; break;
                case NFTA_CHAIN_TYPE: type = attribute.Text; break;
                case NFTA_CHAIN_POLICY: isDropping = attribute.UInt32BigEndian == (uint)NftVerdictCode.Drop; break;
                case NFTA_CHAIN_HOOK: place = ReadHook(attribute.Nested); break;
            }
        }

        chains.Add(place is { } at ? chain with { Base = new NftBase(type, at.Hook, at.Priority, isDropping) } : chain);
    }

    private static (NftHook Hook, int Priority) ReadHook(NetlinkAttributes hook)
    {
        (NftHook Hook, int Priority) place = default;
        foreach (NetlinkAttribute attribute in hook)
        {
            if (attribute.Type == NFTA_HOOK_HOOKNUM)
                place.Hook = (NftHook)attribute.UInt32BigEndian;
            else if (attribute.Type == NFTA_HOOK_PRIORITY)
                place.Priority = unchecked((int)attribute.UInt32BigEndian);
        }

        return place;
    }

    internal static void ReadRule(in NetlinkMessage message, List<NftRuleInfo> rules)
    {
        if (NumberOf(message) != NFT_MSG_NEWRULE)
            return;
        var rule = new NftRuleInfo { Table = new NftTable(FamilyOf(message), ""), Chain = "", Handle = 0 };
        List<string> expressions = [];
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            switch (attribute.Type)
            {
                case NFTA_RULE_TABLE: rule = rule with { Table = rule.Table with { Name = attribute.Text } }; break;
                case NFTA_RULE_CHAIN: rule = rule with { Chain = attribute.Text }; break;
                case NFTA_RULE_HANDLE: rule = rule with { Handle = attribute.UInt64BigEndian }; break;
                case NFTA_RULE_USERDATA: rule = rule with { Comment = ReadComment(attribute.Value) }; break;
                case NFTA_RULE_EXPRESSIONS:
                    foreach (NetlinkAttribute expression in attribute.Nested)
                        rule = ReadExpression(rule, expression.Nested, expressions);
                    break;
            }
        }

        rules.Add(rule with { Expressions = expressions });
    }

    private static NftRuleInfo ReadExpression(NftRuleInfo rule, NetlinkAttributes expression, List<string> names)
    {
        const int NFTA_EXPR_NAME = 1, NFTA_EXPR_DATA = 2, NFTA_COUNTER_BYTES = 1, NFTA_COUNTER_PACKETS = 2;
        string name = "";
        foreach (NetlinkAttribute attribute in expression)
        {
            if (attribute.Type == NFTA_EXPR_NAME)
            {
                name = attribute.Text;
            }
            else if (attribute.Type == NFTA_EXPR_DATA && name == "counter")
            {
                var count = new NftCount(0, 0);
                foreach (NetlinkAttribute number in attribute.Nested)
                {
                    count = number.Type switch
                    {
                        NFTA_COUNTER_BYTES => count with { Bytes = number.UInt64BigEndian },
                        NFTA_COUNTER_PACKETS => count with { Packets = number.UInt64BigEndian },
                        _ => count,
                    };
                }

                rule = rule with { Count = count };
            }
        }

        names.Add(name);
        return rule;
    }

    // Type, length, text with a zero; type 0 is the comment.
    private static string? ReadComment(ReadOnlySpan<byte> data)
    {
        while (data.Length >= 2 && data[1] <= data.Length - 2)
        {
            ReadOnlySpan<byte> value = data.Slice(2, data[1]);
            if (data[0] == 0)
                return Encoding.UTF8.GetString(value.TrimEnd((byte)0));
            data = data[(2 + value.Length)..];
        }

        return null;
    }

    internal static void ReadSet(in NetlinkMessage message, List<NftSetInfo> sets)
    {
        if (NumberOf(message) != NFT_MSG_NEWSET)
            return;
        var set = new NftSetInfo(new NftTable(FamilyOf(message), ""), "", 0, 0, 0, 0);
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            set = attribute.Type switch
            {
                NFTA_SET_TABLE => set with { Table = set.Table with { Name = attribute.Text } },
                NFTA_SET_NAME => set with { Name = attribute.Text },
                NFTA_SET_HANDLE => set with { Handle = attribute.UInt64BigEndian },
                NFTA_SET_FLAGS => set with { Flags = attribute.UInt32BigEndian },
                NFTA_SET_KEY_LEN => set with { KeyBytes = (int)Math.Min(attribute.UInt32BigEndian, int.MaxValue) },
                NFTA_SET_DATA_LEN => set with { DataBytes = (int)Math.Min(attribute.UInt32BigEndian, int.MaxValue) },
                _ => set,
            };
        }

        sets.Add(set);
    }

    internal static void ReadElements(in NetlinkMessage message, List<(NftElement Element, bool IsEnd)> elements)
    {
        if (NumberOf(message) == NFT_MSG_NEWSETELEM)
            NftElements.Read(message, elements);
    }
}
