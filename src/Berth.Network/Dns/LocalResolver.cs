using Berth.Network.Ipam;

namespace Berth.Network.Dns;

/// <summary>Answers what a container's networks know; without waiting, and without allocation.</summary>
internal static class LocalResolver
{
    /// <summary>Answers <paramref name="query"/> out of the tables of <paramref name="scope"/>.</summary>
    /// <returns>The answer's length in <paramref name="response"/>; 0 when no network of the scope knows the name.</returns>
    public static int Answer(DnsQuery query, NameScope scope, Span<byte> response, int limit)
    {
        NameEntry? entry = query.Class == DnsLimits.ClassInternet ? scope.Find(query.Name, query.Type) : null;
        if (entry is null)
        {
            return 0;
        }

        // A name of ours has no records but these: for other types the answer is empty, and not what somebody elsewhere says of that name.
        var writer = new DnsWriter(response, query, limit);
        bool isAny = query.Type == RecordType.ANY;
        if (entry.Target is not null)
        {
            if (isAny || query.Type == RecordType.PTR)
            {
                writer.Add(RecordType.PTR, entry.Target);
            }

            return writer.Finish(ResponseCode.NoError);
        }

        if (isAny || query.Type == RecordType.A)
        {
            AddInTurn(ref writer, entry.IPv4, entry);
        }

        if (isAny || query.Type == RecordType.AAAA)
        {
            AddInTurn(ref writer, entry.IPv6, entry);
        }

        return writer.Finish(ResponseCode.NoError);
    }

    private static void AddInTurn(ref DnsWriter writer, NetAddress[] addresses, NameEntry entry)
    {
        uint turn = addresses.Length > 1 ? entry.NextTurn() : 0;
        for (uint i = 0; i < addresses.Length; i++)
        {
            if (!writer.Add(addresses[(turn + i) % (uint)addresses.Length]))
            {
                return;
            }
        }
    }
}
