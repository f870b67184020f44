using System.Text;
using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Files;

/// <summary>A line of hosts(5).</summary>
/// <param name="Address">Leads to.</param>
/// <param name="Names">The canonical one first, apart by blanks.</param>
public sealed record HostRecord(NetAddress Address, string Names)
{
    /// <summary>What stands for the host's own address in --add-host.</summary>
    public const string HostGateway = "host-gateway";

    /// <summary>The line of a container itself: its full name and, when that has a domain, the first part.</summary>
    /// <param name="address">Of one of its endpoints.</param>
    /// <param name="hostname">Its name, possibly with a domain.</param>
    /// <param name="domainname">Its domain, if it was given apart.</param>
    public static HostRecord Own(NetAddress address, string hostname, string? domainname)
    {
        string full = string.IsNullOrEmpty(domainname) ? hostname : $"{hostname}.{domainname}";
        int dot = full.IndexOf('.');
        return new HostRecord(address, dot > 0 ? $"{full} {full[..dot]}" : full);
    }

    /// <summary>The line of a container linked to on the default network: by the link's name, its host name and its own.</summary>
    public static HostRecord Link(NetAddress address, string alias, string hostname, string containerName) =>
        new(address, alias == containerName ? $"{alias} {hostname}" : $"{alias} {hostname} {containerName}");

    /// <summary>Reads NAME:ADDRESS of --add-host; the address may stand in brackets, or be <see cref="HostGateway"/>.</summary>
    /// <param name="text">The option's value.</param>
    /// <param name="hostGateways">What that stands for: an address of the host, or one of each family.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> in dockerd's words.</exception>
    public static IReadOnlyList<HostRecord> ParseExtra(string text, IReadOnlyList<NetAddress> hostGateways)
    {
        int colon = text.IndexOf(':');
        if (colon <= 0 || text.AsSpan(0, colon).ContainsAny(" \t\r\n\0"))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"bad format for add-host: \"{text}\"");
        }

        (string name, string address) = (text[..colon], text[(colon + 1)..]);
        if (address == HostGateway)
        {
            return hostGateways.Count > 0
                ? [.. hostGateways.Select(gateway => new HostRecord(gateway, name))]
                : throw new EngineException(ErrorKind.InvalidArgument, "unable to derive the IP value for host-gateway");
        }

        ReadOnlySpan<char> bare = address.StartsWith('[') && address.EndsWith(']') ? address.AsSpan(1, address.Length - 2) : address;
        return NetAddress.TryParse(bare, out NetAddress parsed)
            ? [new HostRecord(parsed, name)]
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid IP address in add-host: \"{address}\"");
    }

    /// <summary>Address, tabulator, names, as dockerd writes it.</summary>
    public override string ToString() => $"{Address}\t{Names}";
}

/// <summary>The /etc/hosts of a container.</summary>
public static class HostsFile
{
    private const string Loopback =
        """
        127.0.0.1	localhost
        ::1	localhost ip6-localhost ip6-loopback
        fe00::0	ip6-localnet
        ff00::0	ip6-mcastprefix
        ff02::1	ip6-allnodes
        ff02::2	ip6-allrouters

        """;

    /// <summary>The whole file: loopback, then what the user added, then the container's own lines, in that order.</summary>
    public static string Build(IEnumerable<HostRecord> extra, IEnumerable<HostRecord> own)
    {
        var text = new StringBuilder(Loopback);
        foreach (HostRecord record in extra.Concat(own))
        {
            text.Append(record).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Adds lines at the end of a file that its container may have changed; those that are there already are not repeated.</summary>
    public static string Add(string text, IEnumerable<HostRecord> records)
    {
        var present = new HashSet<string>(text.Split('\n'), StringComparer.Ordinal);
        var result = new StringBuilder(text);
        if (text.Length > 0 && !text.EndsWith('\n'))
        {
            result.Append('\n');
        }

        foreach (HostRecord record in records)
        {
            if (present.Add(record.ToString()))
            {
                result.Append(record).Append('\n');
            }
        }

        return result.ToString();
    }

    /// <summary>Gives lines of ours, known by their names and their address's family, another address; everything else stays as it is.</summary>
    public static string Readdress(string text, IEnumerable<HostRecord> records)
    {
        Dictionary<(string Names, bool IsIPv6), HostRecord> known = records.DistinctBy(static record => (record.Names, record.Address.IsIPv6)).ToDictionary(static record => (record.Names, record.Address.IsIPv6));
        return string.Join('\n', text.Split('\n').Select(line =>
        {
            int tab = line.IndexOf('\t', StringComparison.Ordinal);
            return tab > 0 && NetAddress.TryParse(line.AsSpan(0, tab), out NetAddress address) && known.TryGetValue((line[(tab + 1)..], address.IsIPv6), out HostRecord? record) ? record.ToString() : line;
        }));
    }

    /// <summary>Takes lines of ours out again; everything else stays as it is.</summary>
    public static string Remove(string text, IEnumerable<HostRecord> records)
    {
        var gone = new HashSet<string>(records.Select(static record => record.ToString()), StringComparer.Ordinal);
        return string.Join('\n', text.Split('\n').Where(line => !gone.Contains(line)));
    }
}
