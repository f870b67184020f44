using System.Net;

namespace Berth.Network.Files;

/// <summary>What a user said of a container's resolver (--dns, --dns-search, --dns-option), or the daemon's owner for all of them; empty lists where nothing was said.</summary>
public sealed record ResolverSettings
{
    public IReadOnlyList<string> Servers { get; init; } = [];

    public IReadOnlyList<string> Search { get; init; } = [];

    public IReadOnlyList<string> Options { get; init; } = [];

    internal bool IsEmpty => Servers.Count == 0 && Search.Count == 0 && Options.Count == 0;
}

/// <summary>The resolv.conf of a container, by the kind of its network, as dockerd makes it; and the servers that its resolver asks.</summary>
public static class ContainerResolvConf
{
    /// <summary>Where the resolver of a container in user-defined networks listens.</summary>
    public const string ResolverAddress = "127.0.0.11";

    // dockerd's last resort, for hosts whose own servers a container cannot reach.
    private static readonly string[] PublicIPv4 = ["8.8.8.8", "8.8.4.4"];
    private static readonly string[] PublicIPv6 = ["2001:4860:4860::8888", "2001:4860:4860::8844"];

    /// <summary>
    /// The path of the host's file: systemd-resolved's own list, if the usual file names nothing but its stub at 127.0.0.53, which no container reaches.
    /// </summary>
    /// <param name="hostText">What <see cref="ResolvConf.HostPath"/> says.</param>
    public static string PathFor(string hostText) =>
        ResolvConf.Parse(hostText).Nameservers is ["127.0.0.53"] && File.Exists(ResolvConf.SystemdPath) ? ResolvConf.SystemdPath : ResolvConf.HostPath;

    /// <summary>In the host's own network namespace: the host's file as it is, unless something else was said.</summary>
    public static string ForHostNetwork(string hostText, ResolverSettings settings) =>
        settings.IsEmpty ? hostText : Merge(ResolvConf.Parse(hostText), settings).ToString();

    /// <summary>
    /// On the default network, or none, where no resolver of ours is: the host's file as it is but for servers that the container cannot reach, which are left out; when none is
    /// left, public ones stand in. With settings the file is written anew.
    /// </summary>
    /// <param name="hostText">The host's file.</param>
    /// <param name="settings">The container's, else the daemon's.</param>
    /// <param name="hasIPv6">Whether the container reaches IPv6 servers.</param>
    public static string ForDefaultNetwork(string hostText, ResolverSettings settings, bool hasIPv6)
    {
        string filtered = Filter(hostText, hasIPv6);
        return settings.IsEmpty ? filtered : Merge(ResolvConf.Parse(filtered), settings).ToString();
    }

    /// <summary>On user-defined networks: our resolver, the host's search domains and options unless others were given, and names without dots asked as they are.</summary>
    public static string ForUserNetwork(string hostText, ResolverSettings settings)
    {
        ResolvConf merged = Merge(ResolvConf.Parse(hostText), settings);
        bool hasDots = merged.Options.Any(static option => option.StartsWith("ndots:", StringComparison.Ordinal));
        return (merged with { Nameservers = [ResolverAddress], Options = hasDots ? merged.Options : [.. merged.Options, "ndots:0"] }).ToString();
    }

    /// <summary>
    /// The servers that the resolver of a container on user-defined networks asks, from the host's namespace: those given, else the host's first three, its loopback ones
    /// too, and another platform's resolver when the daemon runs in a container; public ones when there is none. Left out is what is no address, and of those given the address
    /// at which the container's own resolver listens, which would ask itself.
    /// </summary>
    public static IReadOnlyList<IPEndPoint> Upstreams(string hostText, ResolverSettings settings)
    {
        IEnumerable<string> servers = settings.Servers.Count > 0 ? settings.Servers.Where(static server => server != ResolverAddress) : ResolvConf.Parse(hostText).Nameservers;
        List<IPEndPoint> found = EndPointsOf(servers);
        return found.Count > 0 ? found : EndPointsOf(PublicIPv4);
    }

    private static List<IPEndPoint> EndPointsOf(IEnumerable<string> servers)
    {
        var found = new List<IPEndPoint>();
        foreach (string server in servers)
        {
            if (found.Count < ResolvConf.MaxServers && IPAddress.TryParse(server, out IPAddress? address))
            {
                found.Add(new IPEndPoint(address, 53));
            }
        }

        return found;
    }

    private static ResolvConf Merge(ResolvConf host, ResolverSettings settings) => new()
    {
        Nameservers = settings.Servers.Count > 0 ? settings.Servers : host.Nameservers,
        Search = settings.Search.Count > 0 ? settings.Search : host.Search,
        Options = settings.Options.Count > 0 ? settings.Options : host.Options,
    };

    private static string Filter(string text, bool hasIPv6)
    {
        var kept = new List<string>();
        bool hasServer = false;
        foreach (string line in text.Split('\n'))
        {
            if (ResolvConf.Parse(line).Nameservers is [string server])
            {
                if (ResolvConf.IsLoopback(server) || (!hasIPv6 && server.Contains(':')))
                {
                    continue;
                }

                hasServer = true;
            }

            kept.Add(line);
        }

        string filtered = string.Join('\n', kept);
        if (hasServer)
        {
            return filtered;
        }

        string separator = filtered.Length == 0 || filtered.EndsWith('\n') ? "" : "\n";
        return filtered + separator + new ResolvConf { Nameservers = hasIPv6 ? [.. PublicIPv4, .. PublicIPv6] : PublicIPv4 };
    }
}
