using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>Numbers and the fixed part of nf_tables' messages: nf_tables.h, nfnetlink.h.</summary>
internal static class NftMessages
{
    private const int NFNL_SUBSYS_NFTABLES = 10;

    public const ushort NFNL_MSG_BATCH_BEGIN = 16, NFNL_MSG_BATCH_END = 17;

    public const int NFT_MSG_NEWTABLE = 0, NFT_MSG_GETTABLE = 1, NFT_MSG_DELTABLE = 2, NFT_MSG_NEWCHAIN = 3, NFT_MSG_GETCHAIN = 4, NFT_MSG_DELCHAIN = 5,
        NFT_MSG_NEWRULE = 6, NFT_MSG_GETRULE = 7, NFT_MSG_DELRULE = 8, NFT_MSG_NEWSET = 9, NFT_MSG_GETSET = 10, NFT_MSG_DELSET = 11,
        NFT_MSG_NEWSETELEM = 12, NFT_MSG_GETSETELEM = 13, NFT_MSG_DELSETELEM = 14, NFT_MSG_NEWGEN = 15, NFT_MSG_GETGEN = 16, NFT_MSG_DESTROYSETELEM = 30;

    public const int NFTA_TABLE_NAME = 1, NFTA_TABLE_FLAGS = 2, NFTA_TABLE_USE = 3, NFTA_TABLE_HANDLE = 4;

    public const int NFTA_CHAIN_TABLE = 1, NFTA_CHAIN_HANDLE = 2, NFTA_CHAIN_NAME = 3, NFTA_CHAIN_HOOK = 4, NFTA_CHAIN_POLICY = 5, NFTA_CHAIN_USE = 6,
        NFTA_CHAIN_TYPE = 7, NFTA_HOOK_HOOKNUM = 1, NFTA_HOOK_PRIORITY = 2;

    public const int NFTA_RULE_TABLE = 1, NFTA_RULE_CHAIN = 2, NFTA_RULE_HANDLE = 3, NFTA_RULE_EXPRESSIONS = 4, NFTA_RULE_POSITION = 6, NFTA_RULE_USERDATA = 7;

    public const int NFTA_SET_TABLE = 1, NFTA_SET_NAME = 2, NFTA_SET_FLAGS = 3, NFTA_SET_KEY_TYPE = 4, NFTA_SET_KEY_LEN = 5, NFTA_SET_DATA_TYPE = 6,
        NFTA_SET_DATA_LEN = 7, NFTA_SET_DESC = 9, NFTA_SET_ID = 10, NFTA_SET_USERDATA = 13, NFTA_SET_HANDLE = 16, NFTA_SET_DESC_SIZE = 1, NFTA_SET_DESC_CONCAT = 2,
        NFTA_SET_FIELD_LEN = 1;

    public const uint NFT_SET_INTERVAL = 0x4, NFT_SET_MAP = 0x8, NFT_SET_CONCAT = 0x80;

    public const int NFTA_SET_ELEM_LIST_TABLE = 1, NFTA_SET_ELEM_LIST_SET = 2, NFTA_SET_ELEM_LIST_ELEMENTS = 3, NFTA_LIST_ELEM = 1;

    public const int NFTA_SET_ELEM_KEY = 1, NFTA_SET_ELEM_DATA = 2, NFTA_SET_ELEM_FLAGS = 3, NFTA_SET_ELEM_KEY_END = 10;

    public const uint NFT_SET_ELEM_INTERVAL_END = 1;

    public const int NFTA_DATA_VALUE = 1, NFTA_DATA_VERDICT = 2, NFTA_VERDICT_CODE = 1, NFTA_VERDICT_CHAIN = 2;

    public const int NFTA_GEN_ID = 1, NFTA_GEN_PROC_PID = 2, NFTA_GEN_PROC_NAME = 3;

    /// <summary>The type of a message about nf_tables.</summary>
    public static ushort TypeOf(int message) => (ushort)((NFNL_SUBSYS_NFTABLES << 8) | message);

    /// <summary>The message's number when it is one about nf_tables; else -1.</summary>
    public static int NumberOf(in NetlinkMessage message) => message.Type >> 8 == NFNL_SUBSYS_NFTABLES ? message.Type & 0xFF : -1;

    /// <summary>Begins a message.</summary>
    public static void Begin(NetlinkWriter writer, int message, NftFamily family, NetlinkFlags flags)
    {
        writer.Begin(TypeOf(message), flags);
        writer.Fixed(new NftHeader { Family = (byte)family });
    }

    /// <summary>The message before or behind those of a transaction.</summary>
    public static void Bracket(NetlinkWriter writer, ushort type)
    {
        writer.Begin(type, NetlinkFlags.None);
        writer.Fixed(new NftHeader { ResourceHigh = 0, ResourceLow = NFNL_SUBSYS_NFTABLES });
        writer.End();
    }

    /// <summary>A nested value, as it is in keys, comparisons and data.</summary>
    public static void Value(this NetlinkWriter writer, int type, ReadOnlySpan<byte> value)
    {
        using NetlinkWriter.Nest data = writer.Nested(type);
        writer.Bytes(NFTA_DATA_VALUE, value);
    }

    /// <summary>A nested verdict.</summary>
    public static void Verdict(this NetlinkWriter writer, int type, NftVerdict verdict)
    {
        using NetlinkWriter.Nest data = writer.Nested(type);
        using NetlinkWriter.Nest inner = writer.Nested(NFTA_DATA_VERDICT);
        writer.UInt32BigEndian(NFTA_VERDICT_CODE, (uint)verdict.Code);
        if (verdict.Chain is { } chain)
            writer.Text(NFTA_VERDICT_CHAIN, chain);
    }
}

/// <summary>struct nfgenmsg; its number is most significant byte first.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NftHeader
{
    public const int Size = 4;
    public byte Family;
    public byte Version;
    public byte ResourceHigh;
    public byte ResourceLow;
}
