using System.Net;
using System.Net.Sockets;
using System.Text;
using static Berth.Linux.Netlink.NftExpressions;

namespace Berth.Linux.Netlink;

/// <summary>
/// A rule, written from left to right as in nft(8): <c>new NftRule().Source(network).OutputInterface("br0", not: true).Masquerade()</c>. What a step needs
/// (that a packet is IPv4 before its IPv4 address is looked at) is added as nft(8) adds it. A rule may be used several times.
/// </summary>
/// <param name="family">The family of the table that it is for.</param>
public sealed partial class NftRule(NftFamily family = NftFamily.Inet)
{
    private const byte IPPROTO_TCP = 6, NFPROTO_IPV4 = 2, NFPROTO_IPV6 = 10;
    private readonly List<Action<NetlinkWriter>> steps = [];
    private readonly StringBuilder text = new();
    private readonly NftFamily table = family;
    private NftFamily network = family;
    private byte? protocol;
    private bool isDecided;

    /// <summary>Free text of at most 128 bytes that nft(8) shows beside the rule.</summary>
    public string? Comment { get; init; }

    /// <summary><c>iifname NAME</c>; a star at the end stands for anything.</summary>
    public NftRule InputInterface(string name, bool not = false) => Interface(NftField.InputInterface, name, not);

    /// <summary><c>oifname NAME</c>; a star at the end stands for anything.</summary>
    public NftRule OutputInterface(string name, bool not = false) => Interface(NftField.OutputInterface, name, not);

    /// <summary><c>ip saddr NETWORK</c>, or <c>ip6</c>.</summary>
    public NftRule Source(IPNetwork addresses, bool not = false) =>
        InNetwork(IsSixth(addresses.BaseAddress) ? NftField.Ipv6Source : NftField.Ipv4Source, addresses, not);

    /// <summary><c>ip daddr NETWORK</c>, or <c>ip6</c>.</summary>
    public NftRule Destination(IPNetwork addresses, bool not = false) =>
        InNetwork(IsSixth(addresses.BaseAddress) ? NftField.Ipv6Destination : NftField.Ipv4Destination, addresses, not);

    /// <summary><c>meta nfproto ipv4</c> or <c>ipv6</c>.</summary>
    public NftRule Network(AddressFamily addresses)
    {
        NeedNetwork(addresses == AddressFamily.InterNetworkV6 ? NftFamily.Ip6 : NftFamily.Ip);
        return Say($"meta nfproto {(addresses == AddressFamily.InterNetworkV6 ? "ipv6" : "ipv4")}");
    }

    /// <summary><c>meta l4proto PROTOCOL</c>.</summary>
    public NftRule Protocol(ProtocolType wanted)
    {
        NeedProtocol((byte)wanted);
        return Say($"meta l4proto {wanted.ToString().ToLowerInvariant()}");
    }

    /// <summary><c>tcp sport PORT</c>, or <c>udp</c>.</summary>
    public NftRule SourcePort(ProtocolType wanted, ushort port) => Port(NftField.SourcePort, wanted, port, "sport");

    /// <summary><c>tcp dport PORT</c>, or <c>udp</c>.</summary>
    public NftRule DestinationPort(ProtocolType wanted, ushort port) => Port(NftField.DestinationPort, wanted, port, "dport");

    /// <summary>A field that has a value, or has it not.</summary>
    /// <exception cref="ArgumentException">The value has another length.</exception>
    public NftRule Match(NftField field, NftValue value, bool not = false)
    {
        if (value.Bytes.Length != field.Length)
            throw new ArgumentException($"{field} has {field.Length} bytes, {value} has {value.Bytes.Length}");
        NeedNetwork(field.Network);
        return Add($"{field}{(not ? " !=" : "")} {value}", writer =>
        {
            field.Load(writer, Register(0));
            writer.Compare(Register(0), not ? NFT_CMP_NEQ : NFT_CMP_EQ, value.Bytes);
        });
    }

    /// <summary><c>ct state STATES</c>: any of them.</summary>
    public NftRule ConnectionState(NftConnectionState states) => AnyBit("ct state", NFT_CT_STATE, (uint)states, states.ToString());

    /// <summary><c>ct status STATUS</c>: any of them.</summary>
    public NftRule ConnectionStatus(NftConnectionStatus status) => AnyBit("ct status", NFT_CT_STATUS, (uint)status, status.ToString());

    /// <summary><c>fib daddr type TYPE</c>: whether the destination is an address of the host, and so on.</summary>
    public NftRule DestinationType(RouteType type, bool not = false) =>
        Add($"fib daddr type{(not ? " !=" : "")} {type.ToString().ToLowerInvariant()}", writer =>
        {
            writer.DestinationType(Register(0));
            writer.Compare(Register(0), not ? NFT_CMP_NEQ : NFT_CMP_EQ, NftValue.Number((uint)type).Bytes);
        });

    /// <summary><c>FIELD . FIELD @SET</c>.</summary>
    public NftRule In(string set, params NftField[] fields) => InSet(set, fields, isInverted: false);

    /// <summary><c>FIELD . FIELD != @SET</c>.</summary>
    public NftRule NotIn(string set, params NftField[] fields) => InSet(set, fields, isInverted: true);

    /// <summary><c>counter</c>.</summary>
    public NftRule Counter() => Add("counter", static writer => writer.Counter());

    /// <summary><c>meta mark set MARK</c>.</summary>
    public NftRule SetMark(uint mark) => Add($"meta mark set {mark}", writer =>
    {
        writer.Immediate(Register(0), NftValue.Number(mark).Bytes);
        writer.MetaSet(Register(0), NFT_META_MARK);
    });

    /// <summary><c>FIELD . FIELD vmap @MAP</c>: what the map says, or on with the next rule.</summary>
    public NftRule VerdictMap(string map, params NftField[] fields)
    {
        NeedNetworks(fields);
        return Add($"{Join(fields)} vmap @{map}", writer =>
        {
            Load(writer, fields);
            writer.LookupVerdict(map, Register(0));
        });
    }

    /// <summary><c>accept</c>.</summary>
    public NftRule Accept() => Decide(new NftVerdict(NftVerdictCode.Accept));

    /// <summary><c>drop</c>.</summary>
    public NftRule Drop() => Decide(new NftVerdict(NftVerdictCode.Drop));

    /// <summary><c>return</c>.</summary>
    public NftRule Return() => Decide(new NftVerdict(NftVerdictCode.Return));

    /// <summary><c>jump CHAIN</c>.</summary>
    public NftRule Jump(string chain) => Decide(new NftVerdict(NftVerdictCode.Jump, chain));

    /// <summary><c>goto CHAIN</c>.</summary>
    public NftRule Goto(string chain) => Decide(new NftVerdict(NftVerdictCode.Goto, chain));

    /// <summary><c>reject with ...</c>.</summary>
    public NftRule Reject(NftReject reason = NftReject.PortUnreachable)
    {
        if (reason == NftReject.TcpReset)
            NeedProtocol(IPPROTO_TCP);
        (uint type, byte code) = RejectionOf(reason);
        return Decide($"reject with {reason}", writer => writer.Reject(type, code));
    }

    /// <summary><c>masquerade</c>, with <paramref name="isRandom"/> <c>fully-random</c>.</summary>
    public NftRule Masquerade(bool isRandom = false) =>
        Decide(isRandom ? "masquerade fully-random" : "masquerade", writer => writer.Masquerade(isRandom));

    /// <summary><c>dnat to ADDRESS</c>, with a port if there is one.</summary>
    public NftRule DestinationNat(IPAddress address, ushort? port = null) => Nat(NFT_NAT_DNAT, address, port);

    /// <summary><c>snat to ADDRESS</c>, with a port if there is one.</summary>
    public NftRule SourceNat(IPAddress address, ushort? port = null) => Nat(NFT_NAT_SNAT, address, port);

    /// <summary><c>dnat ip to FIELD . FIELD map @MAP</c>: what the map has, or on with the next rule.</summary>
    /// <param name="addresses">Of which family the map's addresses are.</param>
    /// <param name="map">Its values are an address, with <paramref name="hasPort"/> and a port.</param>
    /// <param name="hasPort">Whether they have one.</param>
    /// <param name="fields">What its keys are.</param>
    public NftRule DestinationNat(AddressFamily addresses, string map, bool hasPort, params NftField[] fields)
    {
        bool isSixth = addresses == AddressFamily.InterNetworkV6;
        MayBe(isSixth ? NftFamily.Ip6 : NftFamily.Ip);
        NeedNetworks(fields);
        return Decide($"dnat {(isSixth ? "ip6" : "ip")} to {Join(fields)} map @{map}", writer =>
        {
            Load(writer, fields);
            writer.Lookup(map, Register(0), Register(0), isInverted: false);
            writer.Nat(NFT_NAT_DNAT, isSixth ? NFPROTO_IPV6 : NFPROTO_IPV4, Register(0), hasPort ? Register(isSixth ? 4 : 1) : null);
        });
    }

    /// <summary>As nft(8) has it, in the main; for plans and errors.</summary>
    public override string ToString() => text.ToString();

    /// <summary>Writes the steps, one after another.</summary>
    internal void Write(NetlinkWriter writer)
    {
        foreach (Action<NetlinkWriter> step in steps)
            step(writer);
    }
}
