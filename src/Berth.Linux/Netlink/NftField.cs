using static Berth.Linux.Netlink.NftExpressions;

namespace Berth.Linux.Netlink;

/// <summary>Something of a packet that rules look at, by the words of nft(8).</summary>
public sealed class NftField
{
    private readonly Origin origin;
    private readonly uint key;
    private readonly int offset;

    private NftField(string text, Origin origin, uint key, int length, int offset = 0, NftFamily? network = null)
    {
        Text = text;
        this.origin = origin;
        this.key = key;
        this.offset = offset;
        Length = length;
        Network = network;
    }

    private enum Origin
    {
        Payload,
        Meta,
        Connection,
    }

    /// <summary><c>ip saddr</c>.</summary>
    public static NftField Ipv4Source { get; } = new("ip saddr", Origin.Payload, NFT_PAYLOAD_NETWORK_HEADER, 4, 12, NftFamily.Ip);

    /// <summary><c>ip daddr</c>.</summary>
    public static NftField Ipv4Destination { get; } = new("ip daddr", Origin.Payload, NFT_PAYLOAD_NETWORK_HEADER, 4, 16, NftFamily.Ip);

    /// <summary><c>ip6 saddr</c>.</summary>
    public static NftField Ipv6Source { get; } = new("ip6 saddr", Origin.Payload, NFT_PAYLOAD_NETWORK_HEADER, 16, 8, NftFamily.Ip6);

    /// <summary><c>ip6 daddr</c>.</summary>
    public static NftField Ipv6Destination { get; } = new("ip6 daddr", Origin.Payload, NFT_PAYLOAD_NETWORK_HEADER, 16, 24, NftFamily.Ip6);

    /// <summary><c>th sport</c>: the port that TCP, UDP and SCTP have at the same place.</summary>
    public static NftField SourcePort { get; } = new("th sport", Origin.Payload, NFT_PAYLOAD_TRANSPORT_HEADER, 2);

    /// <summary><c>th dport</c>.</summary>
    public static NftField DestinationPort { get; } = new("th dport", Origin.Payload, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);

    /// <summary><c>meta l4proto</c>.</summary>
    public static NftField Protocol { get; } = new("meta l4proto", Origin.Meta, NFT_META_L4PROTO, 1);

    /// <summary><c>meta mark</c>.</summary>
    public static NftField Mark { get; } = new("meta mark", Origin.Meta, NFT_META_MARK, 4);

    /// <summary><c>iifname</c>.</summary>
    public static NftField InputInterface { get; } = new("iifname", Origin.Meta, NFT_META_IIFNAME, 16);

    /// <summary><c>oifname</c>.</summary>
    public static NftField OutputInterface { get; } = new("oifname", Origin.Meta, NFT_META_OIFNAME, 16);

    /// <summary><c>iif</c>: the index, which is faster, and another after a link of the same name was made anew.</summary>
    public static NftField InputIndex { get; } = new("iif", Origin.Meta, NFT_META_IIF, 4);

    /// <summary><c>oif</c>.</summary>
    public static NftField OutputIndex { get; } = new("oif", Origin.Meta, NFT_META_OIF, 4);

    /// <summary><c>icmpv6 type</c>, or <c>icmp type</c>: for packets of that protocol.</summary>
    public static NftField IcmpType { get; } = new("icmp type", Origin.Payload, NFT_PAYLOAD_TRANSPORT_HEADER, 1);

    /// <summary><c>ct mark</c>.</summary>
    public static NftField ConnectionMark { get; } = new("ct mark", Origin.Connection, NFT_CT_MARK, 4);

    /// <summary>As nft(8) has it.</summary>
    public string Text { get; }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    /// <summary>Which packets have it; null: all.</summary>
    internal NftFamily? Network { get; }

    /// <summary>How many registers of four bytes it takes.</summary>
    internal int Words => NetlinkWriter.Align(Length) / 4;

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>Loads it.</summary>
    internal void Load(NetlinkWriter writer, uint register)
    {
        switch (origin)
        {
            case Origin.Payload: writer.Payload(register, key, offset, Length); break;
            case Origin.Meta: writer.Meta(register, key); break;
            case Origin.Connection: writer.Connection(register, key); break;
        }
    }
}
