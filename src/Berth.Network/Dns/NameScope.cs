namespace Berth.Network.Dns;

/// <summary>A network a container is in, as its resolver sees it.</summary>
/// <param name="Table">The network's names.</param>
/// <param name="Links">The container's own names (keys) for others of this network, by their name there.</param>
public sealed record ScopeNetwork(NameTable Table, IReadOnlyDictionary<string, string> Links);

/// <summary>What one container may ask for: the names of its networks, in their order, and servers for everything else. Never changes; a container whose networks change gets a new one.</summary>
public sealed class NameScope
{
    private readonly (NameTable Table, Dictionary<byte[], byte[]> Links)[] networks;

    /// <param name="networks">In the order in which a name of several is looked for.</param>
    /// <param name="upstreams">Null: nothing is asked elsewhere, as in internal networks; a name that is not here is a failure.</param>
    public NameScope(IReadOnlyList<ScopeNetwork> networks, UpstreamGroup? upstreams)
    {
        this.networks = [.. networks.Select(static network => (network.Table, Encode(network)))];
        Upstreams = upstreams;
    }

    public UpstreamGroup? Upstreams { get; }

    /// <summary>The first network's entry with addresses of the family asked for; else any other of that name; null when no network has it.</summary>
    internal NameEntry? Find(ReadOnlySpan<byte> name, ushort type)
    {
        NameEntry? other = null;
        foreach ((NameTable table, Dictionary<byte[], byte[]> links) in networks)
        {
            NameEntry? entry = links.Count > 0 && links.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out byte[]? target) ? table.Find(target) : table.Find(name);
            if (entry is null)
            {
                continue;
            }

            if (type switch { RecordType.A => entry.IPv4.Length > 0, RecordType.AAAA => entry.IPv6.Length > 0, _ => true })
            {
                return entry;
            }

            other ??= entry;
        }

        return other;
    }

    private static Dictionary<byte[], byte[]> Encode(ScopeNetwork network)
    {
        var links = new Dictionary<byte[], byte[]>(DnsNameComparer.Instance);
        foreach ((string alias, string target) in network.Links)
        {
            if (!DnsName.TryEncode(target, out byte[]? name))
            {
                continue;
            }

            foreach (string text in (string[])[alias, $"{alias}.{network.Table.NetworkName}"])
            {
                if (DnsName.TryEncode(text, out byte[]? encoded))
                {
                    links[encoded] = name;
                }
            }
        }

        return links;
    }
}
