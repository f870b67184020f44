using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Berth.Network.Dns;

/// <summary>Types of records (RFC 1035, 3.2.2; RFC 3596; RFC 6891).</summary>
internal static class RecordType
{
    public const ushort A = 1, SOA = 6, PTR = 12, AAAA = 28, OPT = 41, ANY = 255;
}

/// <summary>Response codes (RFC 1035, 4.1.1; RFC 6891, 9 for the one that needs EDNS).</summary>
internal static class ResponseCode
{
    public const int NoError = 0, FormatError = 1, ServerFailure = 2, NameError = 3, NotImplemented = 4, Refused = 5, BadVersion = 16;
}

/// <summary>Sizes and flags of the protocol.</summary>
internal static class DnsLimits
{
    /// <summary>Of a header, before the question.</summary>
    public const int HeaderSize = 12;

    /// <summary>Of a name on the wire, its last zero included (RFC 1035, 2.3.4).</summary>
    public const int MaxName = 255;

    public const int MaxLabel = 63;

    /// <summary>What fits into a datagram for a client without EDNS.</summary>
    public const int PlainDatagram = 512;

    /// <summary>What we take and send over UDP at most, and tell upstream servers (a size that no path fragments: DNS flag day 2020).</summary>
    public const int Datagram = 1232;

    public const int MaxMessage = ushort.MaxValue;

    public const ushort ClassInternet = 1;

    public const ushort Response = 0x8000, OpcodeMask = 0x7800, Truncated = 0x0200, RecursionDesired = 0x0100, RecursionAvailable = 0x0080, CheckingDisabled = 0x0010, CodeMask = 0x000f;

    /// <summary>In the OPT record: the client wants signatures (RFC 3225).</summary>
    public const ushort DnssecOk = 0x8000;
}

/// <summary>The first twelve bytes of a message.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DnsHeader(ushort Id, ushort Flags, int Questions, int Answers, int Authorities, int Additionals)
{
    public bool IsResponse => (Flags & DnsLimits.Response) != 0;

    public bool IsTruncated => (Flags & DnsLimits.Truncated) != 0;

    public int Code => Flags & DnsLimits.CodeMask;

    public static bool TryRead(ReadOnlySpan<byte> message, out DnsHeader header)
    {
        header = default;
        if (message.Length < DnsLimits.HeaderSize)
        {
            return false;
        }

        header = new DnsHeader(
            BinaryPrimitives.ReadUInt16BigEndian(message), BinaryPrimitives.ReadUInt16BigEndian(message[2..]), BinaryPrimitives.ReadUInt16BigEndian(message[4..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[6..]), BinaryPrimitives.ReadUInt16BigEndian(message[8..]), BinaryPrimitives.ReadUInt16BigEndian(message[10..]));
        return true;
    }

    public void Write(Span<byte> message)
    {
        BinaryPrimitives.WriteUInt16BigEndian(message, Id);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], Flags);
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], (ushort)Questions);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], (ushort)Answers);
        BinaryPrimitives.WriteUInt16BigEndian(message[8..], (ushort)Authorities);
        BinaryPrimitives.WriteUInt16BigEndian(message[10..], (ushort)Additionals);
    }
}

/// <summary>Where a record's parts are in its message.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DnsRecord(int NameStart, ushort Type, ushort Class, uint TimeToLive, int TimeToLiveStart, int DataStart, int DataLength);
