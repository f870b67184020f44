using System.Buffers.Binary;

namespace Berth.Network.Dns;

/// <summary>
/// Answers of servers elsewhere, for as long as they allow, least recently used out first. What they say of how long is bounded: an hour, and for "no such name"
/// (RFC 2308: the SOA record's time and its minimum) five minutes. Safe for concurrent use.
/// </summary>
/// <param name="maxEntries">Answers kept.</param>
/// <param name="maxBytes">Bytes of answers kept.</param>
/// <param name="clock">By which they grow old.</param>
internal sealed class AnswerCache(int maxEntries, int maxBytes, TimeProvider clock)
{
    private const uint MaxSeconds = 3600, MaxNegativeSeconds = 300;

    /// <summary>The longest answer that is kept, in bytes.</summary>
    public const int MaxAnswer = 8192;

    private const int KeySuffix = 5;
    private readonly Lock gate = new();
    private readonly long origin = clock.GetTimestamp();
    private readonly Dictionary<byte[], LinkedListNode<Entry>> entries = new(DnsNameComparer.Instance);
    private readonly LinkedList<Entry> byUse = new();
    private int bytes;

    // In milliseconds.
    private long Now => (long)clock.GetElapsedTime(origin).TotalMilliseconds;

    private sealed record Entry(byte[] Key, byte[] Message, int[] TimesToLive, long Stored, long Expires);

    public int Count
    {
        get
        {
            lock (gate)
            {
                return entries.Count;
            }
        }
    }

    /// <summary>Copies the answer to <paramref name="query"/> that is kept, with the times that are left of it; id and question are still those of the one who asked first.</summary>
    /// <param name="query">What is asked.</param>
    /// <param name="response">At least <see cref="MaxAnswer"/> bytes.</param>
    /// <returns>Its length, 0 when there is none.</returns>
    public int Find(DnsQuery query, Span<byte> response)
    {
        Span<byte> key = stackalloc byte[DnsLimits.MaxName + KeySuffix];
        key = key[..WriteKey(query, key)];
        long now = Now;
        Entry entry;
        lock (gate)
        {
            if (!entries.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out LinkedListNode<Entry>? node))
            {
                return 0;
            }

            entry = node.Value;
            if (entry.Expires <= now)
            {
                Remove(node);
                return 0;
            }

            byUse.Remove(node);
            byUse.AddFirst(node);
        }

        entry.Message.CopyTo(response);
        uint age = (uint)((now - entry.Stored) / 1000);
        foreach (int at in entry.TimesToLive)
        {
            uint left = BinaryPrimitives.ReadUInt32BigEndian(response[at..]);
            BinaryPrimitives.WriteUInt32BigEndian(response[at..], left > age ? left - age : 0);
        }

        return entry.Message.Length;
    }

    /// <summary>Keeps an answer when it may be kept.</summary>
    /// <returns>False when the message cannot be read to its end: it should not be passed on.</returns>
    public bool Add(DnsQuery query, byte[] message)
    {
        if (!TryRead(message, out uint seconds, out int[] times))
        {
            return false;
        }

        if (seconds == 0 || message.Length > MaxAnswer || message.Length > maxBytes || maxEntries == 0)
        {
            return true;
        }

        byte[] key = KeyOf(query);
        long now = Now;
        var entry = new Entry(key, message, times, now, now + (seconds * 1000L));
        lock (gate)
        {
            if (entries.TryGetValue(key, out LinkedListNode<Entry>? before))
            {
                Remove(before);
            }

            while (byUse.Last is { } oldest && (entries.Count >= maxEntries || bytes + message.Length > maxBytes))
            {
                Remove(oldest);
            }

            entries.Add(key, byUse.AddFirst(entry));
            bytes += message.Length;
        }

        return true;
    }

    /// <summary>Equal, by <see cref="DnsNameComparer"/>, for queries that have the same answer.</summary>
    public static byte[] KeyOf(DnsQuery query)
    {
        Span<byte> buffer = stackalloc byte[DnsLimits.MaxName + KeySuffix];
        return buffer[..WriteKey(query, buffer)].ToArray();
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        entries.Remove(node.Value.Key);
        byUse.Remove(node);
        bytes -= node.Value.Message.Length;
    }

    // Everything about a query that may change its answer.
    private static int WriteKey(DnsQuery query, Span<byte> key)
    {
        query.Name.CopyTo(key);
        Span<byte> rest = key[query.Name.Length..];
        BinaryPrimitives.WriteUInt16BigEndian(rest, query.Type);
        BinaryPrimitives.WriteUInt16BigEndian(rest[2..], query.Class);
        rest[4] = (byte)((query.HasOptions ? 1 : 0) | (query.WantsSignatures ? 2 : 0) | ((query.Header.Flags & DnsLimits.CheckingDisabled) != 0 ? 4 : 0)
            | ((query.Header.Flags & DnsLimits.RecursionDesired) != 0 ? 8 : 0) | ((query.Header.Flags & 0x0020) != 0 ? 16 : 0));
        return query.Name.Length + KeySuffix;
    }

    // Reads the whole message: for how many seconds it may be kept, and where the times in it are.
    private static bool TryRead(ReadOnlySpan<byte> message, out uint seconds, out int[] times)
    {
        seconds = 0;
        times = [];
        if (!DnsHeader.TryRead(message, out DnsHeader header))
        {
            return false;
        }

        var reader = new DnsReader(message);
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        if (!reader.TryReadName(name, out _) || !reader.TryReadTypeAndClass(out _, out _))
        {
            return false;
        }

        var found = new List<int>();
        uint least = MaxSeconds;
        uint? negative = null;
        int records = header.Answers + header.Authorities + header.Additionals;
        for (int i = 0; i < records; i++)
        {
            if (!reader.TryReadRecord(out DnsRecord record))
            {
                return false;
            }

            if (record.Type == RecordType.OPT)
            {
                continue;
            }

            uint time = record.TimeToLive > int.MaxValue ? 0 : record.TimeToLive; // RFC 2181, 8
            found.Add(record.TimeToLiveStart);
            least = Math.Min(least, time);
            if (record.Type == RecordType.SOA && i >= header.Answers && i < header.Answers + header.Authorities && record.DataLength >= 22)
            {
                uint minimum = BinaryPrimitives.ReadUInt32BigEndian(message[(record.DataStart + record.DataLength - 4)..]);
                negative = Math.Min(Math.Min(time, minimum), MaxNegativeSeconds);
            }
        }

        bool isPositive = header.Code == ResponseCode.NoError && header.Answers > 0;
        bool isNegative = (header.Code == ResponseCode.NameError || (header.Code == ResponseCode.NoError && header.Answers == 0)) && negative is not null;
        seconds = header.IsTruncated ? 0 : isPositive ? least : isNegative ? Math.Min(least, negative.GetValueOrDefault()) : 0;
        times = [.. found];
        return true;
    }
}
