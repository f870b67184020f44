namespace Berth.Network.Dns;

/// <summary>A client's query, taken apart; the bytes stay in the message it came in.</summary>
internal readonly ref struct DnsQuery
{
    /// <summary>What to do with a message.</summary>
    public enum Verdict
    {
        /// <summary>It is a query.</summary>
        Fine,

        /// <summary>Nothing can be answered: too short, or itself an answer.</summary>
        Ignore,

        /// <summary>It is answered with <see cref="Error"/>.</summary>
        Wrong,
    }

    private DnsQuery(ReadOnlySpan<byte> message, DnsHeader header)
    {
        Message = message;
        Header = header;
    }

    public ReadOnlySpan<byte> Message { get; private init; }

    public DnsHeader Header { get; private init; }

    /// <summary>The name asked for in the form of <see cref="DnsName"/>.</summary>
    public ReadOnlySpan<byte> Name { get; private init; }

    public ushort Type { get; private init; }

    public ushort Class { get; private init; }

    /// <summary>The question as it came, name, type and class; empty when it could not be read.</summary>
    public ReadOnlySpan<byte> Question { get; private init; }

    /// <summary>Whether there was an OPT record, so that the answer has one (RFC 6891, 6.1.1).</summary>
    public bool HasOptions { get; private init; }

    public bool WantsSignatures { get; private init; }

    /// <summary>What the client takes in one datagram, in bytes.</summary>
    public int DatagramSize { get; private init; }

    public int Error { get; private init; }

    /// <summary>Takes <paramref name="message"/> apart.</summary>
    /// <param name="message">The bytes as they came.</param>
    /// <param name="nameBuffer">Where the name goes, <see cref="DnsLimits.MaxName"/> bytes; the query refers to it.</param>
    /// <param name="query">Valid unless the verdict is <see cref="Verdict.Ignore"/>.</param>
    public static Verdict Read(ReadOnlySpan<byte> message, Span<byte> nameBuffer, out DnsQuery query)
    {
        query = default;
        if (!DnsHeader.TryRead(message, out DnsHeader header) || header.IsResponse)
        {
            return Verdict.Ignore;
        }

        query = new DnsQuery(message, header) { DatagramSize = DnsLimits.PlainDatagram, Error = ResponseCode.FormatError };
        if ((header.Flags & DnsLimits.OpcodeMask) != 0)
        {
            query = query with { Error = ResponseCode.NotImplemented };
            return Verdict.Wrong;
        }

        // Nothing lies before the first name that it could point to, so what is read is what stands there.
        var reader = new DnsReader(message);
        if (header.Questions != 1 || !reader.TryReadName(nameBuffer, out int length) || !reader.TryReadTypeAndClass(out ushort type, out ushort @class))
        {
            return Verdict.Wrong;
        }

        int end = reader.Position;
        bool isWhole = TryReadOptions(reader, message, header.Answers + header.Authorities + header.Additionals, out DnsRecord? options);
        query = query with
        {
            Name = nameBuffer[..length],
            Type = type,
            Class = @class,
            Question = message[DnsLimits.HeaderSize..end],
            HasOptions = options is not null,
            WantsSignatures = ((options?.TimeToLive ?? 0) & DnsLimits.DnssecOk) != 0,
            DatagramSize = Math.Clamp((int)(options?.Class ?? 0), DnsLimits.PlainDatagram, DnsLimits.Datagram),
            Error = !isWhole ? ResponseCode.FormatError : (byte)((options?.TimeToLive ?? 0) >> 16) != 0 ? ResponseCode.BadVersion : ResponseCode.NoError,
        };
        return query.Error == ResponseCode.NoError ? Verdict.Fine : Verdict.Wrong;
    }

    // Walks all records; false when they cannot be read, or tell of options twice or of another name than the root.
    private static bool TryReadOptions(DnsReader reader, ReadOnlySpan<byte> message, int records, out DnsRecord? options)
    {
        options = null;
        for (; records > 0; records--)
        {
            if (!reader.TryReadRecord(out DnsRecord record))
            {
                return false;
            }

            if (record.Type == RecordType.OPT)
            {
                if (options is not null || message[record.NameStart] != 0)
                {
                    return false;
                }

                options = record;
            }
        }

        return true;
    }
}
