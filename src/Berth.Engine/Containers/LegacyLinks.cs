using System.Globalization;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Engine.Containers;

/// <summary>A container that another one is linked to.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Alias">What the other one calls it.</param>
public sealed record LinkTarget(string Id, string Alias);

/// <summary>A linked container as it is at a start of the other one.</summary>
/// <param name="Alias">What the other one calls it.</param>
/// <param name="Record">The container.</param>
/// <param name="Endpoint">What it has on the default network.</param>
internal sealed record LinkedContainer(string Alias, ContainerRecord Record, EndpointState Endpoint)
{
    /// <summary>Its addresses: one of each family that it has.</summary>
    public IEnumerable<NetAddress> Addresses => ((string[])[Endpoint.IPv4, Endpoint.IPv6]).Where(static text => text.Length > 0).Select(static text => NetAddress.Parse(text));

    /// <summary>The ports that it exposes, in docker's order: by number, TCP before others.</summary>
    public IReadOnlyList<(PortProtocol Protocol, ushort Port)> Ports { get; } =
        [.. (Record.Config.ExposedPorts?.Keys ?? Enumerable.Empty<string>()).Select(PortBindings.Parse).OrderBy(static port => port.Port).ThenBy(static port => port.Protocol)];
}

/// <summary>
/// Docker's links between containers (<c>--link NAME[:ALIAS]</c>), which the default network has instead of names: lines in <c>hosts</c>, variables, and ports that may be
/// reached although that network has no traffic between containers. Where a container has no network at all they are checked and told, and there is nothing else that they could do.
/// </summary>
internal static class LegacyLinks
{
    /// <summary>The links as inspect tells them, <c>/NAME:/OWN NAME/ALIAS</c>, and whom they lead to.</summary>
    /// <param name="host">As they were asked for.</param>
    /// <param name="ownName">The new container's name.</param>
    /// <param name="find">Gives a container that exists.</param>
    /// <exception cref="EngineException">InvalidArgument, in docker's words: a link is none, or its container is not there.</exception>
    public static ContainerHostOptions Resolve(ContainerHostOptions host, string ownName, Func<string, ContainerRecord> find)
    {
        if (host.Links is not { } links || IsOfUsersNetwork(host))
        {
            return host; // there they are names of the endpoint's
        }

        List<(ContainerRecord Record, string Alias)> found = [.. links.Select(link => Resolve(link, find))];
        return host with
        {
            Links = [.. found.Select(link => $"/{link.Record.Name}:/{ownName}/{link.Alias}")],
            LinkTargets = [.. found.Select(static link => new LinkTarget(link.Record.Id.ToString(), link.Alias))],
        };
    }

    /// <summary>Whether the links are those of a network of users', which has names of its own.</summary>
    public static bool IsOfUsersNetwork(ContainerHostOptions host) => host.Network == NetworkMode.Named && host.NetworkText != NetworkService.DefaultName;

    /// <summary>The lines for <c>hosts</c>.</summary>
    public static IEnumerable<HostRecord> Hosts(IEnumerable<LinkedContainer> linked) =>
        linked.SelectMany(static link => link.Addresses.Select(address => HostRecord.Link(address, link.Alias, link.Record.Config.Hostname, link.Record.Name)));

    /// <summary>What may be reached.</summary>
    public static IEnumerable<LinkedPort> Ports(IEnumerable<LinkedContainer> linked) =>
        linked.SelectMany(static link => link.Addresses.SelectMany(address => link.Ports.Select(port => new LinkedPort(port.Protocol, address, port.Port))));

    /// <summary>The variables that tell of linked containers, as docker's engine makes them.</summary>
    public static IReadOnlyList<string> Variables(string ownName, IEnumerable<LinkedContainer> linked) => [.. linked.SelectMany(link => Variables(ownName, link))];

    private static IEnumerable<string> Variables(string ownName, LinkedContainer link)
    {
        string prefix = link.Alias.ToUpperInvariant().Replace('-', '_');
        string address = link.Endpoint.IPv4;
        string Url((PortProtocol Protocol, ushort Port) port) => $"{Name(port)}://{address}:{Number(port)}";
        string Variable((PortProtocol Protocol, ushort Port) port) => $"{prefix}_PORT_{Number(port)}_{Name(port).ToUpperInvariant()}";
        if (link.Ports.Count > 0)
        {
            yield return $"{prefix}_PORT={Url(link.Ports[0])}";
        }

        foreach ((int first, int last) in Runs(link.Ports))
        {
            string begin = Variable(link.Ports[first]);
            yield return $"{begin}_START={Url(link.Ports[first])}";
            yield return $"{begin}_ADDR={address}";
            yield return $"{begin}_PROTO={Name(link.Ports[first])}";
            yield return $"{begin}_PORT_START={Number(link.Ports[first])}";
            yield return $"{begin}_END={Url(link.Ports[last])}";
            yield return $"{begin}_PORT_END={Number(link.Ports[last])}";
        }

        foreach ((PortProtocol Protocol, ushort Port) port in link.Ports)
        {
            yield return $"{Variable(port)}={Url(port)}";
            yield return $"{Variable(port)}_ADDR={address}";
            yield return $"{Variable(port)}_PORT={Number(port)}";
            yield return $"{Variable(port)}_PROTO={Name(port)}";
        }

        yield return $"{prefix}_NAME=/{ownName}/{link.Alias}";
        foreach (string entry in link.Record.Config.Env.Where(static entry => !entry.StartsWith("HOME=", StringComparison.Ordinal) && !entry.StartsWith("PATH=", StringComparison.Ordinal)))
        {
            yield return $"{prefix}_ENV_{entry}";
        }
    }

    // Three and more that follow each other are told as a range, besides.
    private static IEnumerable<(int First, int Last)> Runs(IReadOnlyList<(PortProtocol Protocol, ushort Port)> ports)
    {
        for (int first = 0, last; first < ports.Count; first = last + 1)
        {
            last = first;
            while (last + 1 < ports.Count && ports[last + 1].Port == ports[last].Port + 1)
            {
                last++;
            }

            if (last > first + 1)
            {
                yield return (first, last);
            }
        }
    }

    private static string Name((PortProtocol Protocol, ushort Port) port) => port.Protocol.ToString().ToLowerInvariant();

    private static string Number((PortProtocol Protocol, ushort Port) port) => port.Port.ToString(CultureInfo.InvariantCulture);

    private static (ContainerRecord Record, string Alias) Resolve(string link, Func<string, ContainerRecord> find)
    {
        string[] parts = link.Split(':');
        if (link.Length == 0 || parts.Length > 2)
        {
            throw new EngineException(ErrorKind.InvalidArgument, link.Length == 0 ? "empty string specified for links" : $"bad format for links: {link}");
        }

        // Inspect's own form is taken back: configurations are copied from one container to the next.
        string name = parts[0], alias = parts[^1];
        if (parts.Length == 2 && name.StartsWith('/'))
        {
            name = name[1..];
            alias = alias[(alias.LastIndexOf('/') + 1)..];
        }

        try
        {
            return (find(name), alias);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"could not get container for {name}: {e.Message}", e);
        }
    }
}
