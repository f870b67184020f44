using Berth.Engine.Containers;
using Berth.Network.Dns;
using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>How containers find others, and are found: files and resolvers.</summary>
public sealed partial class SandboxService
{
    /// <summary>The texts of a run's <c>hosts</c> and <c>resolv.conf</c>.</summary>
    internal (string Hosts, string ResolvConf) FilesOf(ContainerRecord record, ContainerSandbox? sandbox)
    {
        ContainerHostOptions host = record.Config.Host;
        string hostText = HostResolvConf();
        ResolverSettings settings = ResolverOf(host);
        if (host.Network == NetworkMode.Host)
        {
            string own = File.Exists("/etc/hosts") ? File.ReadAllText("/etc/hosts") : HostsFile.Build([], []);
            return (HostsFile.Add(own, ExtraHosts(host)), ContainerResolvConf.ForHostNetwork(hostText, settings));
        }

        IEnumerable<HostRecord> lines = sandbox is null ? [] : sandbox.Networks.SelectMany(attached => LinesOf(record, attached));
        bool isUsers = sandbox is { Namespace: not null } && sandbox.Networks.Exists(static attached => attached.Network.IsUserDefined);
        bool hasIPv6 = sandbox?.Networks.Exists(static attached => attached.Addresses?.IPv6 is not null) ?? false;
        return (
            HostsFile.Build(ExtraHosts(host).Concat(LegacyLinks.Hosts(sandbox?.Linked ?? [])), lines),
            isUsers ? ContainerResolvConf.ForUserNetwork(hostText, settings) : ContainerResolvConf.ForDefaultNetwork(hostText, settings, hasIPv6));
    }

    /// <summary>The container's own lines in <c>hosts</c> for one network.</summary>
    internal static IEnumerable<HostRecord> LinesOf(ContainerRecord record, AttachedNetwork attached)
    {
        foreach (NetAddress? address in (NetAddress?[])[attached.Addresses?.IPv4, attached.Addresses?.IPv6])
        {
            if (address is { } known)
            {
                yield return HostRecord.Own(known, record.Config.Hostname, record.Config.Domainname);
            }
        }
    }

    private static string HostResolvConf()
    {
        string text = ResolvConf.ReadText(ResolvConf.HostPath);
        string path = ContainerResolvConf.PathFor(text);
        return path == ResolvConf.HostPath ? text : ResolvConf.ReadText(path);
    }

    private IEnumerable<HostRecord> ExtraHosts(ContainerHostOptions host) => (host.ExtraHosts ?? []).SelectMany(text => HostRecord.ParseExtra(text, networks.HostGateways));

    private ResolverSettings ResolverOf(ContainerHostOptions host)
    {
        ResolverSettings common = networks.Options.Resolver;
        return new ResolverSettings
        {
            Servers = host.Dns is { Count: > 0 } servers ? servers : common.Servers,
            Search = host.DnsSearch is { Count: > 0 } search ? search : common.Search,
            Options = host.DnsOptions is { Count: > 0 } texts ? texts : common.Options,
        };
    }

    private static void SetNames(AttachedNetwork attached, string containerName)
    {
        EndpointState state = attached.Endpoint.State!; // it runs
        attached.Network.Names.Set(new EndpointNames
        {
            EndpointId = state.Id,
            ContainerName = containerName,
            Aliases = state.Names,
            IPv4 = attached.Addresses?.IPv4,
            IPv6 = attached.Addresses?.IPv6,
        });
    }

    // A container in networks of users' has a resolver as long as it is in one of them or was.
    private void ServeNames(ContainerRecord record, ContainerSandbox sandbox)
    {
        List<AttachedNetwork> named = [.. sandbox.Networks.Where(static attached => attached.Network.IsUserDefined)];
        named.ForEach(attached => SetNames(attached, record.Name));
        if (named.Count == 0 && sandbox.Names is null)
        {
            return;
        }

        bool hasWayOut = sandbox.Networks.Exists(static attached => !attached.Network.Record.Config.IsInternal);
        var scope = new NameScope(
            [.. named.Select(static attached => new ScopeNetwork(attached.Network.Names, LinksOf(attached.Endpoint.Config)))],
            hasWayOut ? upstreams.For(ContainerResolvConf.Upstreams(HostResolvConf(), ResolverOf(record.Config.Host))) : null);
        if (sandbox.Names is { } listener)
        {
            listener.Scope = scope;
        }
        else
        {
            sandbox.Names = sandbox.Namespace!.ServeNames(names, scope); // it runs in one of ours
        }
    }

    private static Dictionary<string, string> LinksOf(EndpointConfig config)
    {
        var links = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string link in config.Links)
        {
            int colon = link.IndexOf(':', StringComparison.Ordinal);
            (string name, string alias) = colon < 0 ? (link, link) : (link[..colon], link[(colon + 1)..]);
            links[alias] = name.TrimStart('/');
        }

        return links;
    }
}
