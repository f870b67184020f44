namespace Berth.Linux.Netlink;

/// <summary>The steps that rules are made of, each by its kernel name: nf_tables.h. Registers hold 4 bytes each, or 16 by their other numbers.</summary>
internal static class NftExpressions
{
    private const int NFTA_LIST_ELEM = 1, NFTA_EXPR_NAME = 1, NFTA_EXPR_DATA = 2;

    /// <summary>What a comparison looks for.</summary>
    public const uint NFT_CMP_EQ = 0, NFT_CMP_NEQ = 1;

    public const uint NFT_META_MARK = 3, NFT_META_IIF = 4, NFT_META_OIF = 5, NFT_META_IIFNAME = 6, NFT_META_OIFNAME = 7, NFT_META_NFPROTO = 15, NFT_META_L4PROTO = 16;
    public const uint NFT_META_PROTOCOL = 1;
    public const uint NFT_CT_STATE = 0, NFT_CT_STATUS = 2, NFT_CT_MARK = 3;
    public const uint NFT_PAYLOAD_NETWORK_HEADER = 1, NFT_PAYLOAD_TRANSPORT_HEADER = 2;
    public const uint NFT_NAT_SNAT = 0, NFT_NAT_DNAT = 1;
    public const uint NFT_REJECT_ICMP_UNREACH = 0, NFT_REJECT_TCP_RST = 1, NFT_REJECT_ICMPX_UNREACH = 2;
    private const uint NFT_REG_VERDICT = 0, NFT_REG_1 = 1, NFT_REG32_00 = 8;

    /// <summary>The number of the register that begins behind so many of four bytes. nft(8) expects the large ones' numbers where they begin there.</summary>
    public static uint Register(int words) => words % 4 == 0 ? NFT_REG_1 + (uint)(words / 4) : NFT_REG32_00 + (uint)words;

    /// <summary>Loads bytes of a header.</summary>
    public static void Payload(this NetlinkWriter writer, uint register, uint start, int offset, int length)
    {
        using var expression = new Expression(writer, "payload");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, start);
        writer.UInt32BigEndian(3, (uint)offset);
        writer.UInt32BigEndian(4, (uint)length);
    }

    /// <summary>Loads what is known of a packet beside its bytes.</summary>
    public static void Meta(this NetlinkWriter writer, uint register, uint key)
    {
        using var expression = new Expression(writer, "meta");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, key);
    }

    /// <summary>Sets what is known of a packet.</summary>
    public static void MetaSet(this NetlinkWriter writer, uint register, uint key)
    {
        using var expression = new Expression(writer, "meta");
        writer.UInt32BigEndian(2, key);
        writer.UInt32BigEndian(3, register);
    }

    /// <summary>Loads what is known of a packet's connection.</summary>
    public static void Connection(this NetlinkWriter writer, uint register, uint key)
    {
        using var expression = new Expression(writer, "ct");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, key);
    }

    /// <summary>Goes on when a register has a value, or has not.</summary>
    public static void Compare(this NetlinkWriter writer, uint register, uint operation, ReadOnlySpan<byte> value)
    {
        using var expression = new Expression(writer, "cmp");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, operation);
        writer.Value(3, value);
    }

    /// <summary>Keeps the bits of a mask in a register.</summary>
    public static void Mask(this NetlinkWriter writer, uint register, ReadOnlySpan<byte> mask)
    {
        Span<byte> zero = stackalloc byte[16];
        zero.Clear();
        writer.Mask(register, mask, zero[..mask.Length]);
    }

    /// <summary>Keeps the bits of a mask in a register, and turns over those of another one afterwards.</summary>
    public static void Mask(this NetlinkWriter writer, uint register, ReadOnlySpan<byte> mask, ReadOnlySpan<byte> turned)
    {
        using var expression = new Expression(writer, "bitwise");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, register);
        writer.UInt32BigEndian(3, (uint)mask.Length);
        writer.Value(4, mask);
        writer.Value(5, turned);
    }

    /// <summary>Loads which kind of address the destination is, RTN_*.</summary>
    public static void DestinationType(this NetlinkWriter writer, uint register)
    {
        const uint NFT_FIB_RESULT_ADDRTYPE = 3, NFTA_FIB_F_DADDR = 2;
        using var expression = new Expression(writer, "fib");
        writer.UInt32BigEndian(1, register);
        writer.UInt32BigEndian(2, NFT_FIB_RESULT_ADDRTYPE);
        writer.UInt32BigEndian(3, NFTA_FIB_F_DADDR);
    }

    /// <summary>Goes on when a set has what is in registers, or has it not; or loads what a map has for it.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="set">The name.</param>
    /// <param name="register">The key's.</param>
    /// <param name="result">A map's value's; null: a set.</param>
    /// <param name="isInverted">Whether it goes on when the set does not have it.</param>
    public static void Lookup(this NetlinkWriter writer, string set, uint register, uint? result, bool isInverted)
    {
        const uint NFT_LOOKUP_F_INV = 1;
        using var expression = new Expression(writer, "lookup");
        writer.Text(1, set);
        writer.UInt32BigEndian(2, register);
        if (result is { } loaded)
            writer.UInt32BigEndian(3, loaded);
        if (isInverted)
            writer.UInt32BigEndian(5, NFT_LOOKUP_F_INV);
    }

    /// <summary>Does what a verdict map has for what is in registers.</summary>
    public static void LookupVerdict(this NetlinkWriter writer, string map, uint register) => writer.Lookup(map, register, NFT_REG_VERDICT, isInverted: false);

    /// <summary>Loads a value.</summary>
    public static void Immediate(this NetlinkWriter writer, uint register, ReadOnlySpan<byte> value)
    {
        using var expression = new Expression(writer, "immediate");
        writer.UInt32BigEndian(1, register);
        writer.Value(2, value);
    }

    /// <summary>Decides.</summary>
    public static void Immediate(this NetlinkWriter writer, NftVerdict verdict)
    {
        using var expression = new Expression(writer, "immediate");
        writer.UInt32BigEndian(1, NFT_REG_VERDICT);
        writer.Verdict(2, verdict);
    }

    /// <summary>Gives the connection another source or destination, from registers.</summary>
    public static void Nat(this NetlinkWriter writer, uint type, byte family, uint address, uint? port)
    {
        using var expression = new Expression(writer, "nat");
        writer.UInt32BigEndian(1, type);
        writer.UInt32BigEndian(2, family);
        writer.UInt32BigEndian(3, address);
        if (port is { } register)
            writer.UInt32BigEndian(5, register);
    }

    /// <summary>Gives the connection the address of the link that it leaves through as its source.</summary>
    public static void Masquerade(this NetlinkWriter writer, bool isRandom)
    {
        const uint NF_NAT_RANGE_PROTO_RANDOM_FULLY = 16;
        using var expression = new Expression(writer, "masq");
        if (isRandom)
            writer.UInt32BigEndian(1, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    }

    /// <summary>Drops the packet and tells its sender.</summary>
    public static void Reject(this NetlinkWriter writer, uint type, byte code)
    {
        using var expression = new Expression(writer, "reject");
        writer.UInt32BigEndian(1, type);
        if (type != NFT_REJECT_TCP_RST)
            writer.Byte(2, code);
    }

    /// <summary>Counts packets and bytes.</summary>
    public static void Counter(this NetlinkWriter writer)
    {
        using var expression = new Expression(writer, "counter");
    }

    /// <summary>An expression that is being written.</summary>
    private readonly ref struct Expression
    {
        private readonly NetlinkWriter.Nest element, data;

        public Expression(NetlinkWriter writer, string name)
        {
            element = writer.Nested(NFTA_LIST_ELEM);
            writer.Text(NFTA_EXPR_NAME, name);
            data = writer.Nested(NFTA_EXPR_DATA);
        }

        public void Dispose()
        {
            data.Dispose();
            element.Dispose();
        }
    }
}
