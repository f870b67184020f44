using System.Buffers.Binary;
using Berth.Network.Ipam;

namespace Berth.Network.Dns;

/// <summary>Writes the answer to one query: its question as it came, records whose name is the question's, and an OPT record if it had one. What no longer fits is left out, and said so.</summary>
internal ref struct DnsWriter
{
    /// <summary>Of answers out of the tables, in seconds, as dockerd's.</summary>
    public const uint TimeToLive = 600;

    private const int OptionsSize = 11;
    private const ushort PointerToQuestion = 0xc00c;
    private readonly Span<byte> buffer;
    private readonly DnsQuery query;
    private readonly int end;
    private int length;
    private int answers;
    private bool isTruncated;

    /// <param name="buffer">Where to; at least <see cref="DnsLimits.PlainDatagram"/> bytes.</param>
    /// <param name="query">What is answered.</param>
    /// <param name="limit">The most bytes the client takes.</param>
    public DnsWriter(Span<byte> buffer, DnsQuery query, int limit)
    {
        this.buffer = buffer;
        this.query = query;
        end = Math.Min(limit, buffer.Length) - (query.HasOptions ? OptionsSize : 0);
        query.Question.CopyTo(buffer[DnsLimits.HeaderSize..]);
        length = DnsLimits.HeaderSize + query.Question.Length;
    }

    /// <summary>Adds an A or AAAA record; false when there is no more room.</summary>
    public bool Add(NetAddress address)
    {
        Span<byte> data = stackalloc byte[16];
        address.WriteBytes(data);
        return Add(address.IsIPv6 ? RecordType.AAAA : RecordType.A, data[..address.ByteCount]);
    }

    /// <summary>Adds a record with the question's name; false when there is no more room.</summary>
    public bool Add(ushort type, scoped ReadOnlySpan<byte> data)
    {
        if (end - length < 12 + data.Length)
        {
            isTruncated = true;
            return false;
        }

        Span<byte> record = buffer[length..];
        BinaryPrimitives.WriteUInt16BigEndian(record, PointerToQuestion);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], DnsLimits.ClassInternet);
        BinaryPrimitives.WriteUInt32BigEndian(record[6..], TimeToLive);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)data.Length);
        data.CopyTo(record[12..]);
        length += 12 + data.Length;
        answers++;
        return true;
    }

    /// <summary>Ends the message and returns its length.</summary>
    public int Finish(int code, bool truncate = false)
    {
        ushort flags = (ushort)(DnsLimits.Response | (query.Header.Flags & (DnsLimits.OpcodeMask | DnsLimits.RecursionDesired | DnsLimits.CheckingDisabled))
            | DnsLimits.RecursionAvailable | (isTruncated || truncate ? DnsLimits.Truncated : 0) | (code & DnsLimits.CodeMask));
        new DnsHeader(query.Header.Id, flags, query.Question.IsEmpty ? 0 : 1, answers, 0, query.HasOptions ? 1 : 0).Write(buffer);
        if (query.HasOptions)
        {
            WriteOptions(buffer[length..], query.WantsSignatures, code);
            length += OptionsSize;
        }

        return length;
    }

    /// <summary>Writes an OPT record of <see cref="OptionsSize"/> bytes: our size of datagrams, version 0, no options.</summary>
    public static int WriteOptions(Span<byte> target, bool wantsSignatures, int code)
    {
        target[0] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(target[1..], RecordType.OPT);
        BinaryPrimitives.WriteUInt16BigEndian(target[3..], DnsLimits.Datagram);
        BinaryPrimitives.WriteUInt32BigEndian(target[5..], ((uint)code >> 4 << 24) | (wantsSignatures ? DnsLimits.DnssecOk : 0u));
        BinaryPrimitives.WriteUInt16BigEndian(target[9..], 0);
        return OptionsSize;
    }
}
