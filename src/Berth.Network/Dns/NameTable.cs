using System.Collections.Concurrent;
using Berth.Network.Ipam;

namespace Berth.Network.Dns;

/// <summary>How an endpoint is called in its network.</summary>
public sealed record EndpointNames
{
    /// <summary>By which it is replaced and removed.</summary>
    public required string EndpointId { get; init; }

    /// <summary>The container's name; the one that reverse lookups give, with the network's.</summary>
    public required string ContainerName { get; init; }

    /// <summary>Its other names: the short id, the host name, what the user gave. Several endpoints may share one.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public NetAddress? IPv4 { get; init; }

    public NetAddress? IPv6 { get; init; }
}

/// <summary>
/// The names of one network: each leads to the addresses of all endpoints that have it, alone and with the network's name after it, and each address to a
/// name. Lookups are lock-free and may come at any time; changes are serialised. A name that no domain name can be (a label of more than 63 bytes) is in no table.
/// </summary>
/// <param name="networkName">The network's.</param>
public sealed class NameTable(string networkName)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, EndpointNames> endpoints = new(StringComparer.Ordinal);
    private readonly Dictionary<byte[], List<EndpointNames>> owners = new(DnsNameComparer.Instance);
    private readonly Dictionary<NetAddress, EndpointNames> addressOwners = [];
    private readonly ConcurrentDictionary<byte[], NameEntry> entries = new(DnsNameComparer.Instance);

    /// <summary>The network's name, which may follow every name.</summary>
    public string NetworkName { get; } = networkName;

    /// <summary>Adds an endpoint, or replaces what is known of it: names that it keeps are found all the time.</summary>
    public void Set(EndpointNames endpoint)
    {
        lock (gate)
        {
            endpoints.TryGetValue(endpoint.EndpointId, out EndpointNames? before);
            endpoints[endpoint.EndpointId] = endpoint;
            HashSet<byte[]> names = NamesOf(endpoint);
            foreach (byte[] name in names)
            {
                if (!owners.TryGetValue(name, out List<EndpointNames>? list))
                {
                    owners.Add(name, list = []);
                }

                int place = before is null ? -1 : list.IndexOf(before);
                if (place < 0)
                {
                    list.Add(endpoint);
                }
                else
                {
                    list[place] = endpoint;
                }

                entries[name] = NameEntry.Of(list);
            }

            SetAddresses(endpoint);
            if (before is not null && !ReferenceEquals(before, endpoint))
            {
                DropNames(before, NamesOf(before).Except(names, DnsNameComparer.Instance));
                DropAddresses(before);
            }
        }
    }

    /// <summary>Removes an endpoint; one that is not there is no fault.</summary>
    public void Remove(string endpointId)
    {
        lock (gate)
        {
            if (endpoints.Remove(endpointId, out EndpointNames? endpoint))
            {
                DropNames(endpoint, NamesOf(endpoint));
                DropAddresses(endpoint);
            }
        }
    }

    /// <summary>What is kept under <paramref name="name"/>, in the form of <see cref="DnsName"/>.</summary>
    internal NameEntry? Find(ReadOnlySpan<byte> name) =>
        entries.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out NameEntry? entry) ? entry : null;

    private void SetAddresses(EndpointNames endpoint)
    {
        if (DnsName.TryEncode($"{endpoint.ContainerName}.{NetworkName}", out byte[]? target, keepCase: true)
            || DnsName.TryEncode(endpoint.ContainerName, out target, keepCase: true))
        {
            foreach (NetAddress address in AddressesOf(endpoint))
            {
                entries[DnsName.ReverseOf(address)] = new NameEntry([], [], target);
                addressOwners[address] = endpoint;
            }
        }
    }

    private void DropNames(EndpointNames endpoint, IEnumerable<byte[]> names)
    {
        foreach (byte[] name in names)
        {
            List<EndpointNames> list = owners[name];
            list.Remove(endpoint);
            if (list.Count == 0)
            {
                owners.Remove(name);
                entries.TryRemove(name, out _);
            }
            else
            {
                entries[name] = NameEntry.Of(list);
            }
        }
    }

    private void DropAddresses(EndpointNames endpoint)
    {
        foreach (NetAddress address in AddressesOf(endpoint))
        {
            if (addressOwners.TryGetValue(address, out EndpointNames? owner) && ReferenceEquals(owner, endpoint)) // not when another has got it since
            {
                addressOwners.Remove(address);
                entries.TryRemove(DnsName.ReverseOf(address), out _);
            }
        }
    }

    private HashSet<byte[]> NamesOf(EndpointNames endpoint)
    {
        var names = new HashSet<byte[]>(DnsNameComparer.Instance);
        foreach (string text in endpoint.Aliases.Prepend(endpoint.ContainerName))
        {
            if (DnsName.TryEncode(text, out byte[]? name))
            {
                names.Add(name);
            }

            if (DnsName.TryEncode($"{text}.{NetworkName}", out byte[]? qualified))
            {
                names.Add(qualified);
            }
        }

        return names;
    }

    private static IEnumerable<NetAddress> AddressesOf(EndpointNames endpoint)
    {
        if (endpoint.IPv4 is { } ipv4)
        {
            yield return ipv4;
        }

        if (endpoint.IPv6 is { } ipv6)
        {
            yield return ipv6;
        }
    }
}

/// <summary>What one name leads to: addresses, or another name. Only the turn of its addresses changes.</summary>
internal sealed class NameEntry(NetAddress[] ipv4, NetAddress[] ipv6, byte[]? target)
{
    private uint turn;

    public NetAddress[] IPv4 { get; } = ipv4;

    public NetAddress[] IPv6 { get; } = ipv6;

    /// <summary>Of an address's name: the name it leads back to, as on the wire.</summary>
    public byte[]? Target { get; } = target;

    /// <summary>Which of several addresses comes first this time.</summary>
    public uint NextTurn() => Interlocked.Increment(ref turn);

    public static NameEntry Of(List<EndpointNames> owners) => new(
        [.. owners.Where(static owner => owner.IPv4 is not null).Select(static owner => owner.IPv4!.Value)], // asked for just before
        [.. owners.Where(static owner => owner.IPv6 is not null).Select(static owner => owner.IPv6!.Value)],
        target: null);
}
