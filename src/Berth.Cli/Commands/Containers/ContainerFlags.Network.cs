using Berth.Api;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

internal sealed partial class ContainerFlags
{
    private readonly List<string> published = [];
    private readonly List<string> exposed = [];
    private readonly List<string> aliases = [];
    private readonly List<string> linkLocalAddresses = [];
    private readonly List<NetworkAttachment> networks = [];
    private string? ip4;
    private string? ip6;
    private string? macAddress;

    private void DeclareNetwork()
    {
        flags.List("expose", null, "Expose a port or a range of ports", exposed);
        flags.Text("ip", null, "IPv4 address (e.g., 172.30.100.104)", value => ip4 = NotEmpty(value));
        flags.Text("ip6", null, "IPv6 address (e.g., 2001:db8::33)", value => ip6 = NotEmpty(value));
        flags.List("link", null, "Add link to another container", links, check: Values.Link);
        flags.List("link-local-ip", null, "Container IPv4/IPv6 link-local addresses", linkLocalAddresses);
        flags.Text("mac-address", null, "Container MAC address (e.g., 92:d0:c6:0a:29:33)", value => macAddress = NotEmpty(value));
        flags.Add(new Flag("network", null, "network", "Connect a container to a network", null, value => networks.Add(NetworkAttachment.Parse(value))));
        flags.Add(new Flag("net", null, "network", "", null, value => networks.Add(NetworkAttachment.Parse(value))) { IsHidden = true });
        flags.List("network-alias", null, "Add network-scoped alias for the container", aliases);
        flags.Add(new Flag("net-alias", null, "list", "", null, aliases.Add) { IsHidden = true });
        flags.List("publish", 'p', "Publish a container's port(s) to the host", published);
        flags.Switch("publish-all", 'P', "Publish all exposed ports to random ports", value => host.PublishAllPorts = value);
    }

    private void SetPorts()
    {
        var ports = new SortedDictionary<string, EmptyObject>(StringComparer.Ordinal);
        try
        {
            foreach (string port in published)
                Ports.Publish(port, ports, host.PortBindings!); // set at construction

            foreach (string port in exposed)
                Ports.Expose(port, ports);
        }
        catch (FlagValueException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 125);
        }

        config.ExposedPorts = ports.Count > 0 ? new Dictionary<string, EmptyObject>(ports, StringComparer.Ordinal) : null;
    }

    /// <summary>The endpoints: flags without a network of their own belong to the first. One network without settings is told by the mode alone.</summary>
    private NetworkingConfig SetNetworks()
    {
        var endpoints = new Dictionary<string, EndpointSettings?>(StringComparer.Ordinal);
        List<NetworkAttachment> wanted = networks.Count > 0 ? networks : [NetworkAttachment.Named("default")];
        ApplyToFirst(wanted[0]);
        foreach (NetworkAttachment network in wanted)
        {
            EndpointSettings settings = network.ToSettings();
            if (networks.Count == 1 && !network.HasSettings)
                continue;

            if (!endpoints.TryAdd(network.Target, settings))
                throw new CommandFailedException($"network \"{network.Target}\" is specified multiple times", exitCode: 125);
        }

        if (wanted.Exists(network => network.IsUserDefined) && wanted.Exists(network => !network.IsUserDefined))
            throw new CommandFailedException("conflicting options: cannot attach both user-defined and non-user-defined network-modes", exitCode: 125);

        host.NetworkMode = wanted[0].Target;
        return new NetworkingConfig { EndpointsConfig = endpoints };
    }

    private void ApplyToFirst(NetworkAttachment first)
    {
        RefuseBoth(first.Aliases.Count > 0 && aliases.Count > 0, "--network-alias and per-network alias");
        RefuseBoth(first.Ip4 is not null && ip4 is not null, "--ip and per-network IPv4 address");
        RefuseBoth(first.Ip6 is not null && ip6 is not null, "--ip6 and per-network IPv6 address");
        RefuseBoth(first.MacAddress is not null && macAddress is not null, "--mac-address and per-network MAC address");
        RefuseBoth(first.LinkLocalAddresses.Count > 0 && linkLocalAddresses.Count > 0, "--link-local-ip and per-network link-local IP addresses");
        first.Aliases.AddRange(aliases);
        first.LinkLocalAddresses.AddRange(linkLocalAddresses);
        first.Ip4 ??= ip4;
        first.Ip6 ??= ip6;
        first.MacAddress ??= macAddress;
        if (first.Target != "default" && first.IsUserDefined)
            first.Links.AddRange(links);
    }

    private static string? NotEmpty(string text) => text.Length > 0 ? text : null;

    private static void RefuseBoth(bool both, string names)
    {
        if (both)
            throw new CommandFailedException("conflicting options: cannot specify both " + names, exitCode: 125);
    }
}
