using System.Net;
using System.Net.Sockets;
using System.Text;
using static Berth.Linux.Netlink.NftExpressions;

namespace Berth.Linux.Netlink;

/// <content>What the words are made of.</content>
public sealed partial class NftRule
{
    private static bool IsSixth(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6;

    private static string Join(NftField[] fields) => string.Join(" . ", fields.Select(static field => field.Text));

    // One after another, from the first register on.
    private static void Load(NetlinkWriter writer, NftField[] fields)
    {
        int words = 0;
        foreach (NftField field in fields)
        {
            field.Load(writer, Register(words));
            words += field.Words;
        }
    }

    private NftRule Interface(NftField field, string name, bool not)
    {
        // The beginning of a name is compared without the zeros behind it.
        NftValue value = name.EndsWith('*') && name.Length > 1 ? NftValue.FromBytes(Encoding.UTF8.GetBytes(name[..^1])) : NftValue.Interface(name);
        return Add($"{field}{(not ? " !=" : "")} \"{name}\"", writer =>
        {
            field.Load(writer, Register(0));
            writer.Compare(Register(0), not ? NFT_CMP_NEQ : NFT_CMP_EQ, value.Bytes);
        });
    }

    private NftRule InNetwork(NftField field, IPNetwork addresses, bool not)
    {
        NeedNetwork(field.Network);
        byte[] mask = NftValue.MaskOf(addresses), first = addresses.BaseAddress.GetAddressBytes();
        return Add($"{field}{(not ? " !=" : "")} {addresses}", writer =>
        {
            field.Load(writer, Register(0));
            if (addresses.PrefixLength < mask.Length * 8)
                writer.Mask(Register(0), mask);
            writer.Compare(Register(0), not ? NFT_CMP_NEQ : NFT_CMP_EQ, first);
        });
    }

    private NftRule Port(NftField field, ProtocolType wanted, ushort port, string word)
    {
        NeedProtocol((byte)wanted);
        return Add($"{wanted.ToString().ToLowerInvariant()} {word} {port}", writer =>
        {
            field.Load(writer, Register(0));
            writer.Compare(Register(0), NFT_CMP_EQ, NftValue.Service(port).Bytes);
        });
    }

    private NftRule AnyBit(string name, uint key, uint bits, string shown) =>
        Add($"{name} {shown.ToLowerInvariant().Replace(", ", ",", StringComparison.Ordinal)}", writer =>
        {
            writer.Connection(Register(0), key);
            writer.Mask(Register(0), NftValue.Number(bits).Bytes);
            writer.Compare(Register(0), NFT_CMP_NEQ, NftValue.Number(0).Bytes);
        });

    private NftRule InSet(string set, NftField[] fields, bool isInverted)
    {
        NeedNetworks(fields);
        return Add($"{Join(fields)}{(isInverted ? " !=" : "")} @{set}", writer =>
        {
            Load(writer, fields);
            writer.Lookup(set, Register(0), result: null, isInverted);
        });
    }

    private NftRule Nat(uint type, IPAddress address, ushort? port)
    {
        bool isSixth = IsSixth(address);
        MayBe(isSixth ? NftFamily.Ip6 : NftFamily.Ip);
        if (port is not null && protocol is null)
            throw new InvalidOperationException($"'{text}': a port needs a protocol before it");
        string to = port is null ? address.ToString() : isSixth ? $"[{address}]:{port}" : $"{address}:{port}";
        return Decide($"{(type == NFT_NAT_DNAT ? "dnat" : "snat")} to {to}", writer =>
        {
            writer.Immediate(Register(0), address.GetAddressBytes());
            if (port is { } number)
                writer.Immediate(Register(4), NftValue.Service(number).Bytes);
            writer.Nat(type, isSixth ? NFPROTO_IPV6 : NFPROTO_IPV4, Register(0), port is null ? null : Register(4));
        });
    }

    // Tables of IPv4 or IPv6 alone have codes of their own.
    private (uint Type, byte Code) RejectionOf(NftReject reason) => (reason, table) switch
    {
        (NftReject.TcpReset, _) => (NFT_REJECT_TCP_RST, 0),
        (NftReject.NoRoute, NftFamily.Ip or NftFamily.Ip6) => (NFT_REJECT_ICMP_UNREACH, 0),
        (NftReject.PortUnreachable, NftFamily.Ip) => (NFT_REJECT_ICMP_UNREACH, 3),
        (NftReject.PortUnreachable, NftFamily.Ip6) => (NFT_REJECT_ICMP_UNREACH, 4),
        (NftReject.HostUnreachable, NftFamily.Ip) => (NFT_REJECT_ICMP_UNREACH, 1),
        (NftReject.HostUnreachable, NftFamily.Ip6) => (NFT_REJECT_ICMP_UNREACH, 3),
        (NftReject.AdminProhibited, NftFamily.Ip) => (NFT_REJECT_ICMP_UNREACH, 13),
        (NftReject.AdminProhibited, NftFamily.Ip6) => (NFT_REJECT_ICMP_UNREACH, 1),
        _ => (NFT_REJECT_ICMPX_UNREACH, (byte)reason),
    };

    private void NeedNetworks(NftField[] fields)
    {
        if (fields.Length == 0)
            throw new ArgumentException("which fields are looked for?");
        if (fields.Sum(static field => field.Words) > 16)
            throw new ArgumentException($"{Join(fields)} has more than the 64 bytes that registers hold");
        foreach (NftField field in fields)
            NeedNetwork(field.Network);
    }

    // In tables of both a header's layout is known only when its family is.
    private void NeedNetwork(NftFamily? wanted)
    {
        if (wanted is not { } needed || network == needed)
            return;
        MayBe(needed);
        network = needed;
        byte number = needed == NftFamily.Ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
        steps.Add(writer =>
        {
            // To a table of bridges all frames are of one family: what they carry is said by their Ethernet header.
            if (table == NftFamily.Bridge)
            {
                writer.Meta(Register(0), NFT_META_PROTOCOL);
                writer.Compare(Register(0), NFT_CMP_EQ, needed == NftFamily.Ip6 ? [0x86, 0xDD] : [0x08, 0x00]);
                return;
            }

            writer.Meta(Register(0), NFT_META_NFPROTO);
            writer.Compare(Register(0), NFT_CMP_EQ, [number]);
        });
    }

    // Steps that let packets of the other family pass by themselves.
    private void MayBe(NftFamily wanted)
    {
        if (network is NftFamily.Ip or NftFamily.Ip6 && network != wanted)
            throw new InvalidOperationException($"'{text}' is about packets of {network}: nothing of {wanted} can follow");
    }

    private void NeedProtocol(byte wanted)
    {
        if (protocol == wanted)
            return;
        if (protocol is { } known)
            throw new InvalidOperationException($"'{text}' is about packets of protocol {known}: nothing of protocol {wanted} can follow");
        protocol = wanted;
        steps.Add(writer =>
        {
            writer.Meta(Register(0), NFT_META_L4PROTO);
            writer.Compare(Register(0), NFT_CMP_EQ, [wanted]);
        });
    }

    private NftRule Decide(NftVerdict verdict) => Decide(verdict.ToString(), writer => writer.Immediate(verdict));

    private NftRule Decide(string words, Action<NetlinkWriter> step)
    {
        Add(words, step);
        isDecided = true;
        return this;
    }

    private NftRule Add(string words, Action<NetlinkWriter> step)
    {
        if (isDecided)
            throw new InvalidOperationException($"'{text}' is decided: '{words}' would never be reached");
        steps.Add(step);
        return Say(words);
    }

    private NftRule Say(string words)
    {
        text.Append(text.Length == 0 ? "" : " ").Append(words);
        return this;
    }
}
