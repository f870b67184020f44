using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using static Berth.Linux.Netlink.NftMessages;

namespace Berth.Linux.Netlink;

/// <summary>
/// Changes of nf_tables that are made together or not at all, in the order in which they are said. Nothing is done before <see cref="Commit"/>; packets
/// see the state before or the one after.
/// </summary>
/// <remarks>nft(8); nfnetlink's batches. Not safe for several threads.</remarks>
public sealed class NftTransaction : IDisposable
{
    // A list of elements is one attribute, of less than 64 KiB.
    private const int MostElementBytes = 48 * 1024;
    private const int MostComment = 128;
    private readonly NetlinkWriter writer = new();
    private readonly List<Step> steps = [];
    private uint sets;
    private bool isCommitted;

    /// <summary>An empty one.</summary>
    public NftTransaction() => Bracket(writer, NFNL_MSG_BATCH_BEGIN);

    /// <summary>How many changes there are.</summary>
    public int Count => steps.Count;

    /// <summary>Adds a table; one that is there stays as it is, unless <paramref name="isNew"/> says that there is none.</summary>
    public void AddTable(NftTable table, bool isNew = false)
    {
        Begin(NFT_MSG_NEWTABLE, table, Creation(isNew), new Step("add table", table));
        writer.Text(NFTA_TABLE_NAME, table.Name);
        writer.End();
    }

    /// <summary>Deletes a table with everything in it. To delete one that may be absent, add it first.</summary>
    public void DeleteTable(NftTable table)
    {
        Begin(NFT_MSG_DELTABLE, table, NetlinkFlags.None, new Step("delete table", table));
        writer.Text(NFTA_TABLE_NAME, table.Name);
        writer.End();
    }

    /// <summary>Deletes all rules of all chains of a table.</summary>
    public void FlushTable(NftTable table) => DeleteRules(new Step("flush table", table), chain: null, handle: null);

    /// <summary>Adds a chain; one that is there stays, and takes over a changed policy.</summary>
    public void AddChain(NftTable table, NftChainConfig chain, bool isNew = false)
    {
        Begin(NFT_MSG_NEWCHAIN, table, Creation(isNew), new Step("add chain", table, chain.Name));
        writer.Text(NFTA_CHAIN_TABLE, table.Name);
        writer.Text(NFTA_CHAIN_NAME, chain.Name);
        if (chain.Base is { } place)
        {
            using (writer.Nested(NFTA_CHAIN_HOOK))
            {
                writer.UInt32BigEndian(NFTA_HOOK_HOOKNUM, (uint)place.Hook);
                writer.UInt32BigEndian(NFTA_HOOK_PRIORITY, unchecked((uint)place.Priority));
            }

            writer.Text(NFTA_CHAIN_TYPE, place.Type);
            writer.UInt32BigEndian(NFTA_CHAIN_POLICY, (uint)(place.IsDropping ? NftVerdictCode.Drop : NftVerdictCode.Accept));
        }

        writer.End();
    }

    /// <summary>Deletes a chain with its rules; nothing may jump to it.</summary>
    public void DeleteChain(NftTable table, string chain)
    {
        Begin(NFT_MSG_DELCHAIN, table, NetlinkFlags.None, new Step("delete chain", table, chain));
        writer.Text(NFTA_CHAIN_TABLE, table.Name);
        writer.Text(NFTA_CHAIN_NAME, chain);
        writer.End();
    }

    /// <summary>Deletes all rules of a chain.</summary>
    public void FlushChain(NftTable table, string chain) => DeleteRules(new Step("flush chain", table, chain), chain, handle: null);

    /// <summary>Adds a rule behind the others of a chain.</summary>
    public void AddRule(NftTable table, string chain, NftRule rule) => AddRule("add rule", table, chain, rule, NetlinkFlags.Create | NetlinkFlags.Append);

    /// <summary>Adds a rule before the others of a chain.</summary>
    public void InsertRule(NftTable table, string chain, NftRule rule) => AddRule("insert rule", table, chain, rule, NetlinkFlags.Create);

    /// <summary>Deletes the rule with a handle (<see cref="NftRuleInfo.Handle"/>).</summary>
    public void DeleteRule(NftTable table, string chain, ulong handle) => DeleteRules(new Step("delete rule", table, $"{chain} handle {handle}"), chain, handle);

    /// <summary>Adds a set or a map; one that is there and alike stays.</summary>
    public void AddSet(NftTable table, NftSetConfig set, bool isNew = false)
    {
        bool isMap = set.Data is not null, isConcat = set.Key.Count > 1;
        Begin(NFT_MSG_NEWSET, table, Creation(isNew), new Step(isMap ? "add map" : "add set", table, set.Name));
        writer.Text(NFTA_SET_TABLE, table.Name);
        writer.Text(NFTA_SET_NAME, set.Name);
        writer.UInt32BigEndian(NFTA_SET_FLAGS, (set.IsInterval ? NFT_SET_INTERVAL : 0) | (isMap ? NFT_SET_MAP : 0) | (isConcat ? NFT_SET_CONCAT : 0));
        writer.UInt32BigEndian(NFTA_SET_KEY_TYPE, NftDataType.IdOf(set.Key));
        writer.UInt32BigEndian(NFTA_SET_KEY_LEN, (uint)NftDataType.LengthOf(set.Key));
        writer.UInt32BigEndian(NFTA_SET_ID, ++sets);
        if (set.Data is { } data)
        {
            writer.UInt32BigEndian(NFTA_SET_DATA_TYPE, NftDataType.IdOf(data));
            writer.UInt32BigEndian(NFTA_SET_DATA_LEN, (uint)NftDataType.LengthOf(data));
        }

        if (isConcat)
            WriteFields(set.Key);
        WriteUserData(set);
        writer.End();
    }

    /// <summary>Deletes a set or a map; no rule may use it.</summary>
    public void DeleteSet(NftTable table, string set)
    {
        Begin(NFT_MSG_DELSET, table, NetlinkFlags.None, new Step("delete set", table, set));
        writer.Text(NFTA_SET_TABLE, table.Name);
        writer.Text(NFTA_SET_NAME, set);
        writer.End();
    }

    /// <summary>Deletes all elements of a set or a map.</summary>
    public void FlushSet(NftTable table, string set)
    {
        Begin(NFT_MSG_DELSETELEM, table, NetlinkFlags.None, new Step("flush set", table, set));
        writer.Text(NFTA_SET_ELEM_LIST_TABLE, table.Name);
        writer.Text(NFTA_SET_ELEM_LIST_SET, set);
        writer.End();
    }

    /// <summary>Adds elements. One that is there stays; it is an error when a map has something else for it.</summary>
    /// <exception cref="ArgumentException">A key or a value is not as long as the set's, or is lacking.</exception>
    public void AddElements(NftTable table, NftSetConfig set, params IReadOnlyList<NftElement> elements) =>
        WriteElements(NFT_MSG_NEWSETELEM, NetlinkFlags.Create, "add element", table, set, elements);

    /// <summary>Deletes elements by their keys.</summary>
    /// <param name="table">Where the set is.</param>
    /// <param name="set">The set or the map.</param>
    /// <param name="mayBeAbsent">
    /// Whether it is no error that there is none. For sets whose elements are no ranges every kernel can do it: they are added before, which the same
    /// transaction undoes. For maps, which may have something else for a key, and for ranges, which may overlap others, it takes a kernel of 6.3;
    /// older ones refuse the transaction (EINVAL).
    /// </param>
    /// <param name="elements">What to delete; values do not matter.</param>
    /// <exception cref="ArgumentException">A key is not as long as the set's.</exception>
    public void DeleteElements(NftTable table, NftSetConfig set, bool mayBeAbsent, params IReadOnlyList<NftElement> elements)
    {
        const string What = "delete element";
        bool isPlain = set is { Data: null, IsInterval: false };
        if (mayBeAbsent && isPlain)
        {
            // Each once, as the second deletion would find none.
            elements = [.. elements.Select(static element => element with { Data = null, Verdict = null }).Distinct()];
            WriteElements(NFT_MSG_NEWSETELEM, NetlinkFlags.Create, What, table, set, elements);
        }

        WriteElements(mayBeAbsent && !isPlain ? NFT_MSG_DESTROYSETELEM : NFT_MSG_DELSETELEM, NetlinkFlags.None, What, table, set, elements);
    }

    /// <summary>Makes all changes at once. A transaction is committed at most once; one without changes does nothing.</summary>
    /// <param name="netfilter">A socket of NETLINK_NETFILTER; what is done is done in its namespace.</param>
    /// <exception cref="LinuxException">Nothing was done; the subject says because of which change.</exception>
    public void Commit(NetlinkSocket netfilter)
    {
        if (isCommitted)
            throw new InvalidOperationException("this transaction was committed before");
        isCommitted = true;
        if (steps.Count == 0)
            return;

        // One acknowledgement stands for all, as each failure is told anyway.
        writer.Acknowledge();
        Bracket(writer, NFNL_MSG_BATCH_END);
        if (netfilter.Batch(writer, steps.Count, "nf_tables") is not (int message, NetlinkAcknowledgement error))
            return;
        throw error.ToException("nf_tables", message >= 1 && message <= steps.Count ? $"{steps[message - 1]} (change {message} of {steps.Count})" : $"{steps.Count} changes");
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => writer.Dispose();

    private static NetlinkFlags Creation(bool isNew) => isNew ? NetlinkFlags.Create | NetlinkFlags.Exclusive : NetlinkFlags.Create;

    private void Begin(int message, NftTable table, NetlinkFlags flags, Step step)
    {
        if (isCommitted)
            throw new InvalidOperationException("this transaction was committed");
        NftMessages.Begin(writer, message, table.Family, flags);
        steps.Add(step);
    }

    private void AddRule(string what, NftTable table, string chain, NftRule rule, NetlinkFlags flags)
    {
        Begin(NFT_MSG_NEWRULE, table, flags, new Step(what, table, chain, rule));
        writer.Text(NFTA_RULE_TABLE, table.Name);
        writer.Text(NFTA_RULE_CHAIN, chain);
        using (writer.Nested(NFTA_RULE_EXPRESSIONS))
            rule.Write(writer);
        if (rule.Comment is { } comment)
        {
            // Type, length, text with a zero: what nft(8) keeps beside a rule.
            Span<byte> data = stackalloc byte[MostComment + 3];
            writer.Bytes(NFTA_RULE_USERDATA, data[..WriteText(data, type: 0, comment)]);
        }

        writer.End();
    }

    private void DeleteRules(Step step, string? chain, ulong? handle)
    {
        Begin(NFT_MSG_DELRULE, step.Table, NetlinkFlags.None, step);
        writer.Text(NFTA_RULE_TABLE, step.Table.Name);
        if (chain is not null)
            writer.Text(NFTA_RULE_CHAIN, chain);
        if (handle is { } number)
            writer.UInt64BigEndian(NFTA_RULE_HANDLE, number);
        writer.End();
    }

    private void WriteFields(IReadOnlyList<NftDataType> types)
    {
        using NetlinkWriter.Nest description = writer.Nested(NFTA_SET_DESC);
        using NetlinkWriter.Nest fields = writer.Nested(NFTA_SET_DESC_CONCAT);
        foreach (NftDataType type in types)
        {
            using NetlinkWriter.Nest field = writer.Nested(NFTA_LIST_ELEM);
            writer.UInt32BigEndian(NFTA_SET_FIELD_LEN, (uint)type.Length);
        }
    }

    // What nft(8) wants to know to show values: their order of bytes, and the comment.
    private void WriteUserData(NftSetConfig set)
    {
        const byte NFTNL_UDATA_SET_KEYBYTEORDER = 0, NFTNL_UDATA_SET_COMMENT = 7;
        const uint HostEndian = 1, BigEndian = 2;
        bool isHost = set.Key.Count == 1 && (set.Key[0] == NftDataType.Mark || set.Key[0] == NftDataType.InterfaceIndex || set.Key[0] == NftDataType.InterfaceName);
        Span<byte> data = stackalloc byte[6 + MostComment + 3];
        data[0] = NFTNL_UDATA_SET_KEYBYTEORDER;
        data[1] = sizeof(uint);
        MemoryMarshal.Write(data[2..], isHost ? HostEndian : BigEndian);
        int length = 6 + (set.Comment is { } comment ? WriteText(data[6..], NFTNL_UDATA_SET_COMMENT, comment) : 0);
        writer.Bytes(NFTA_SET_USERDATA, data[..length]);
    }

    private static int WriteText(Span<byte> data, byte type, string text)
    {
        if (!Encoding.UTF8.TryGetBytes(text, data.Slice(2, MostComment), out int bytes) || text.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"a comment has at most {MostComment} bytes, none of them zero: '{text}'");
        data[0] = type;
        data[1] = (byte)(bytes + 1);
        data[bytes + 2] = 0;
        return bytes + 3;
    }

    private void WriteElements(int message, NetlinkFlags flags, string what, NftTable table, NftSetConfig set, IReadOnlyList<NftElement> elements)
    {
        foreach (NftElement element in elements)
            NftElements.Check(set, element, isWhole: message == NFT_MSG_NEWSETELEM);
        for (int next = 0; next < elements.Count;)
        {
            Begin(message, table, flags, new Step(what, table, set.Name, elements[next]));
            writer.Text(NFTA_SET_ELEM_LIST_TABLE, table.Name);
            writer.Text(NFTA_SET_ELEM_LIST_SET, set.Name);
            using (writer.Nested(NFTA_SET_ELEM_LIST_ELEMENTS))
            {
                for (int start = writer.Length; next < elements.Count && writer.Length - start < MostElementBytes; next++)
                    NftElements.Write(writer, set, elements[next], isWhole: message == NFT_MSG_NEWSETELEM);
            }

            writer.End();
        }
    }

    // What an error tells of; put into words only then.
    private sealed record Step(string What, NftTable Table, string? Name = null, object? Detail = null)
    {
        public override string ToString() => $"{What} {Table}{(Name is null ? "" : " " + Name)}{(Detail is null ? "" : $": {Detail}")}";
    }
}
