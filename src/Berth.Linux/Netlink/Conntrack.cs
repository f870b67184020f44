using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Berth.Linux.Netlink;

/// <summary>A connection, or what looks like one, that the kernel keeps track of.</summary>
/// <param name="Protocol">Its protocol.</param>
/// <param name="Source">Who sent the first packet.</param>
/// <param name="Destination">Where he sent it to.</param>
/// <param name="ReplySource">Who answers: another than <paramref name="Destination"/> when that was translated.</param>
/// <param name="ReplyDestination">Whom he answers to.</param>
/// <param name="Id">The kernel's number for it.</param>
/// <param name="Zone">Which of the separate lists it is in; 0 usually.</param>
public sealed record ConntrackFlow(ProtocolType Protocol, IPEndPoint Source, IPEndPoint Destination, IPEndPoint ReplySource, IPEndPoint ReplyDestination, uint Id, ushort Zone);

/// <summary>The kernel's list of connections, in the namespace of a socket of NETLINK_NETFILTER: nfnetlink_conntrack.h.</summary>
public static class Conntrack
{
    private const ushort IPCTNL_MSG_CT_NEW = 0x100, IPCTNL_MSG_CT_GET = 0x101, IPCTNL_MSG_CT_DELETE = 0x102;
    private const int CTA_TUPLE_ORIG = 1, CTA_TUPLE_REPLY = 2, CTA_ID = 12, CTA_ZONE = 18, CTA_FILTER = 25;
    private const int CTA_TUPLE_IP = 1, CTA_TUPLE_PROTO = 2, CTA_IP_V4_SRC = 1, CTA_IP_V4_DST = 2, CTA_IP_V6_SRC = 3, CTA_IP_V6_DST = 4;
    private const int CTA_PROTO_NUM = 1, CTA_PROTO_SRC_PORT = 2, CTA_PROTO_DST_PORT = 3, CTA_FILTER_ORIG_FLAGS = 1, CTA_FILTER_REPLY_FLAGS = 2;
    private const uint CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3, CTA_FILTER_F_CTA_PROTO_DST_PORT = 1 << 5;

    /// <summary>Those whose first packet went to a port.</summary>
    /// <param name="netfilter">Where to ask.</param>
    /// <param name="addresses">Of which family.</param>
    /// <param name="protocol">TCP, UDP or another with ports.</param>
    /// <param name="destinationPort">Which.</param>
    /// <exception cref="LinuxException">The kernel has no such list, or refused.</exception>
    public static IReadOnlyList<ConntrackFlow> List(NetlinkSocket netfilter, AddressFamily addresses, ProtocolType protocol, ushort destinationPort)
    {
        using var request = new NetlinkWriter();
        Begin(request, IPCTNL_MSG_CT_GET, addresses, NetlinkFlags.Dump);

        // Kernels before 5.8 do not know the filter and tell all.
        using (request.Nested(CTA_TUPLE_ORIG))
        using (request.Nested(CTA_TUPLE_PROTO))
        {
            request.Byte(CTA_PROTO_NUM, (byte)protocol);
            request.UInt16BigEndian(CTA_PROTO_DST_PORT, destinationPort);
        }

        using (request.Nested(CTA_FILTER))
        {
            request.UInt32(CTA_FILTER_ORIG_FLAGS, CTA_FILTER_F_CTA_PROTO_NUM | CTA_FILTER_F_CTA_PROTO_DST_PORT);
            request.UInt32(CTA_FILTER_REPLY_FLAGS, 0);
        }

        request.End();
        return netfilter.Query<ConntrackFlow>(request, Parse, "IPCTNL_MSG_CT_GET", $"{protocol} {destinationPort}")
            .FindAll(flow => flow.Protocol == protocol && flow.Destination.Port == destinationPort && flow.Destination.AddressFamily == addresses);
    }

    /// <summary>Forgets one: its next packet is a first one, which rules decide on.</summary>
    /// <returns>false: it was forgotten already.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static bool Delete(NetlinkSocket netfilter, ConntrackFlow flow)
    {
        using var request = new NetlinkWriter();
        Begin(request, IPCTNL_MSG_CT_DELETE, flow.Source.AddressFamily, NetlinkFlags.Ack);
        using (request.Nested(CTA_TUPLE_ORIG))
        {
            bool isSixth = flow.Source.AddressFamily == AddressFamily.InterNetworkV6;
            using (request.Nested(CTA_TUPLE_IP))
            {
                request.Address(isSixth ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, flow.Source.Address);
                request.Address(isSixth ? CTA_IP_V6_DST : CTA_IP_V4_DST, flow.Destination.Address);
            }

            using (request.Nested(CTA_TUPLE_PROTO))
            {
                request.Byte(CTA_PROTO_NUM, (byte)flow.Protocol);
                request.UInt16BigEndian(CTA_PROTO_SRC_PORT, (ushort)flow.Source.Port);
                request.UInt16BigEndian(CTA_PROTO_DST_PORT, (ushort)flow.Destination.Port);
            }
        }

        request.UInt32BigEndian(CTA_ID, flow.Id);
        if (flow.Zone != 0)
            request.UInt16BigEndian(CTA_ZONE, flow.Zone);
        request.End();
        try
        {
            netfilter.Request(request, "IPCTNL_MSG_CT_DELETE", $"{flow.Protocol} {flow.Source} to {flow.Destination}");
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private static void Begin(NetlinkWriter request, ushort type, AddressFamily addresses, NetlinkFlags flags)
    {
        request.Begin(type, flags);
        request.Fixed(new NftHeader { Family = RouteMessages.FamilyOf(addresses) });
    }

    private static void Parse(in NetlinkMessage message, List<ConntrackFlow> flows)
    {
        if (message.Type != IPCTNL_MSG_CT_NEW)
            return;
        (ProtocolType Protocol, IPEndPoint Source, IPEndPoint Destination)? original = null, reply = null;
        uint id = 0;
        ushort zone = 0;
        foreach (NetlinkAttribute attribute in message.Attributes(NftHeader.Size))
        {
            switch (attribute.Type)
            {
                case CTA_TUPLE_ORIG: original = ReadTuple(attribute.Nested); break;
                case CTA_TUPLE_REPLY: reply = ReadTuple(attribute.Nested); break;
                case CTA_ID: id = attribute.UInt32BigEndian; break;
                case CTA_ZONE: zone = ReadUInt16(attribute); break;
            }
        }

        // Those of protocols without ports are not asked for.
        if (original is { } first && reply is { } answer)
            flows.Add(new ConntrackFlow(first.Protocol, first.Source, first.Destination, answer.Source, answer.Destination, id, zone));
    }

    private static (ProtocolType Protocol, IPEndPoint Source, IPEndPoint Destination)? ReadTuple(NetlinkAttributes tuple)
    {
        IPAddress? source = null, destination = null;
        byte protocol = 0;
        ushort? sourcePort = null, destinationPort = null;
        foreach (NetlinkAttribute part in tuple)
        {
            if (part.Type is not (CTA_TUPLE_IP or CTA_TUPLE_PROTO))
                continue;
            foreach (NetlinkAttribute field in part.Nested)
            {
                switch (part.Type, field.Type)
                {
                    case (CTA_TUPLE_IP, CTA_IP_V4_SRC or CTA_IP_V6_SRC): source = RouteMessages.ReadAddress(field); break;
                    case (CTA_TUPLE_IP, CTA_IP_V4_DST or CTA_IP_V6_DST): destination = RouteMessages.ReadAddress(field); break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_NUM): protocol = field.Byte; break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT): sourcePort = ReadUInt16(field); break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT): destinationPort = ReadUInt16(field); break;
                }
            }
        }

        return source is not null && destination is not null && sourcePort is { } from && destinationPort is { } to
            ? ((ProtocolType)protocol, new IPEndPoint(source, from), new IPEndPoint(destination, to))
            : null;
    }

    private static ushort ReadUInt16(in NetlinkAttribute attribute) => attribute.Value.Length >= sizeof(ushort)
        ? BinaryPrimitives.ReadUInt16BigEndian(attribute.Value)
        : throw new InvalidDataException($"attribute {attribute.Type} of {attribute.Value.Length} bytes where there should be 2");
}
