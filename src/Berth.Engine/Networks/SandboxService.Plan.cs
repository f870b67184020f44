using System.Security.Cryptography;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;
using Berth.Network.Ports;

namespace Berth.Engine.Networks;

/// <summary>What a container gets in networks, in memory.</summary>
public sealed partial class SandboxService
{
    private ContainerNetwork FindOf(ContainerEndpoint endpoint) => networks.Find(endpoint.NetworkId.Length > 0 ? endpoint.NetworkId : endpoint.Config.Network);

    private static void Check(EndpointConfig config, ContainerNetwork? network)
    {
        if (network is null)
        {
            return; // it may be made before the container is started
        }

        if (network.Plan is not RemotePlan)
        {
            EndpointSysctls.ThrowIfOther(config.DriverOptions);
        }

        if (!network.IsUserDefined && config.Aliases.Count > 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "network-scoped aliases are only supported for user-defined networks");
        }

        if (network.Plan is IpvlanPlan && config.Mac.Length > 0)
        {
            throw new EngineException(ErrorKind.Internal, "ipvlan interfaces do not support custom mac address assignment");
        }

        if (network.Record.Config.IsConfigOnly)
        {
            throw new EngineException(ErrorKind.Forbidden, "cannot create endpoint on configuration-only network");
        }

        if (network.RemoteAddresses is { } remote)
        {
            remote.Check(RequestOf(config));
        }
        else
        {
            network.Addresses.Check(RequestOf(config));
        }

        LinkLocalAddresses.Check(config, network.Record.Config);
    }

    private static EndpointAddressRequest RequestOf(EndpointConfig config) => new() { IPv4 = config.IPv4, IPv6 = config.IPv6, Mac = config.Mac };

    private static AttachedNetwork Attach(ContainerRecord record, ContainerNetwork network, ContainerEndpoint endpoint, string interfaceName)
    {
        ContainerEndpoint known = endpoint with { NetworkId = network.Record.Id, NetworkName = network.Name };
        string id = RandomNumberGenerator.GetHexString(64, lowercase: true);
        if (network.Plan is null)
        {
            return new AttachedNetwork(network, known with { State = new EndpointState { Id = id } }, null, null);
        }

        EndpointAddresses addresses = network.Addresses.Take(RequestOf(endpoint.Config));
        AddressPool? ipv4 = PoolOf(network, addresses.IPv4), ipv6 = PoolOf(network, addresses.IPv6);
        (WayOut? out4, WayOut? out6) = (WayOutOf(network, addresses.IPv4), WayOutOf(network, addresses.IPv6));
        var state = new EndpointState
        {
            Id = id,
            Interface = interfaceName,
            IPv4 = addresses.IPv4?.ToString() ?? "",
            IPv4PrefixLength = ipv4?.Subnet.PrefixLength ?? 0,
            IPv4Gateway = out4?.Gateway?.ToString() ?? "",
            IPv6 = addresses.IPv6?.ToString() ?? "",
            IPv6PrefixLength = ipv6?.Subnet.PrefixLength ?? 0,
            IPv6Gateway = out6?.Gateway?.ToString() ?? "",
            Mac = network.Plan is IpvlanPlan ? "" : addresses.Mac.ToString(), // theirs is the parent's, and docker tells none
            IsWithoutPorts = network.Plan is { CanPublish: false },
            Names = network.IsUserDefined ? NamesOf(record, endpoint.Config) : [],
        };
        return new AttachedNetwork(network, known with { State = state }, addresses, PlanOf(network, endpoint.Config, state, addresses));
    }

    private static WayOut? WayOutOf(ContainerNetwork network, NetAddress? address) =>
        address is { } known && network.Plan is { } plan && plan.PoolOf(known) is { } pool ? plan.WayOutOf(pool) : null;

    private static AddressPool? PoolOf(ContainerNetwork network, NetAddress? address) =>
        address is { } known ? network.Addresses.Pools.FirstOrDefault(pool => pool.Subnet.Contains(known)) : null;

    private static List<string> NamesOf(ContainerRecord record, EndpointConfig config) =>
        [.. config.Aliases.Prepend(record.Name).Append(record.Id.ToString()[..ShortIdLength]).Append(record.Config.Hostname).Where(static name => name.Length > 0).Distinct(StringComparer.Ordinal)];

    private static EndpointPlan PlanOf(ContainerNetwork network, EndpointConfig config, EndpointState state, EndpointAddresses addresses) => new()
    {
        Id = state.Id,
        NetworkId = network.Record.Id,
        Interface = state.Interface,
        Addresses = addresses,
        LinkLocal = LinkLocalAddresses.Of(config),
        IsIPv4Gateway = state.IsIPv4Gateway,
        IsIPv6Gateway = state.IsIPv6Gateway,
        Sysctls = EndpointSysctls.Parse(config.DriverOptions),
        Ports = [.. state.Ports.Select(ToPort).Where(port => port.HostAddress.IsIPv6 ? addresses.IPv6 is not null : addresses.IPv4 is not null)],
        Remote = LinkOf(state),
        Links = [.. state.Links.Select(static link => new LinkedPort(link.Protocol, NetAddress.Parse(link.Address), link.Port))],
    };

    private static bool IsDefault(ContainerNetwork network) => network is { IsUserDefined: false, Plan: not null };

    private static List<LinkState> StatesOf(IReadOnlyList<LinkedContainer> linked) =>
        [.. LegacyLinks.Ports(linked).Select(static port => new LinkState(port.Protocol, port.Address.ToString(), port.Port))];

    private static PublishedPort ToPort(PortState port) => new(port.Protocol, NetAddress.Parse(port.HostAddress), port.HostPort, port.ContainerPort);

    private static EndpointAddresses? AddressesOf(EndpointState state) => state.Interface.Length == 0 ? null : new EndpointAddresses
    {
        IPv4 = state.IPv4.Length > 0 ? NetAddress.Parse(state.IPv4) : null,
        IPv6 = state.IPv6.Length > 0 ? NetAddress.Parse(state.IPv6) : null,
        Mac = state.Mac.Length > 0 ? MacAddress.Parse(state.Mac) : default,
    };

    private static string NextInterface(ContainerSandbox sandbox, ContainerNetwork network)
    {
        string prefix = network.Record.Config.Options.GetValueOrDefault(BridgeOptions.InterfacePrefix, "eth");
        HashSet<string> taken = [.. sandbox.Networks.Select(static attached => attached.Endpoint.State!.Interface)]; // it runs
        return Enumerable.Range(0, int.MaxValue).Select(number => $"{prefix}{number}").First(name => !taken.Contains(name));
    }

    // Of those that lead out: the one with the highest priority, of several the one whose name comes first, as in docker.
    private static void ChooseGateways(ContainerSandbox sandbox)
    {
        AttachedNetwork? ipv4 = Best(isIPv6: false), ipv6 = Best(isIPv6: true);
        for (int i = 0; i < sandbox.Networks.Count; i++)
        {
            AttachedNetwork attached = sandbox.Networks[i];
            EndpointState state = attached.Endpoint.State!; // it runs
            bool isIPv4 = attached == ipv4, isIPv6 = attached == ipv6;
            if (attached.Plan is not null && (isIPv4, isIPv6) != (state.IsIPv4Gateway, state.IsIPv6Gateway))
            {
                sandbox.Networks[i] = With(attached, state with { IsIPv4Gateway = isIPv4, IsIPv6Gateway = isIPv6 });
            }
        }

        AttachedNetwork? Best(bool isIPv6) => sandbox.Networks
            .Where(attached => HasWayOut(attached, isIPv6))
            .OrderByDescending(static attached => attached.Endpoint.Config.GatewayPriority)
            .ThenBy(static attached => attached.Network.Name, StringComparer.Ordinal)
            .FirstOrDefault();
    }

    // A plugin says with its link where it leads.
    private static bool HasWayOut(AttachedNetwork attached, bool isIPv6) => attached is { Part: not null, Endpoint.State: { } state }
        ? (isIPv6 ? state.IPv6Gateway : state.IPv4Gateway).Length > 0
        : attached.Addresses is { } addresses && WayOutOf(attached.Network, isIPv6 ? addresses.IPv6 : addresses.IPv4) is not null;

    private static AttachedNetwork With(AttachedNetwork attached, EndpointState state) => attached with
    {
        Endpoint = attached.Endpoint with { State = state },
        Plan = attached.Addresses is { } addresses ? PlanOf(attached.Network, attached.Endpoint.Config, state, addresses) : null,
    };

    // Once all that networks answer is known.
    private void Settle(ContainerRecord record, ContainerSandbox sandbox)
    {
        ChooseGateways(sandbox);
        Publish(record, sandbox);
        foreach (AttachedNetwork attached in sandbox.Networks)
        {
            attached.Network.Enter(sandbox.ContainerId, attached.Endpoint.State!); // it was planned just now
        }
    }

    private void Publish(ContainerRecord record, ContainerSandbox sandbox)
    {
        List<PortRequest> requests = PortBindings.RequestsOf(record.Config);
        int index = sandbox.Networks.FindIndex(static attached => attached.Endpoint.State is { IsIPv4Gateway: true } or { IsIPv6Gateway: true });
        if (requests.Count == 0 || index < 0 || sandbox.Networks[index].Network.Plan is not { CanPublish: true })
        {
            return; // as in docker, what leads nowhere, or not through the host, is published nowhere
        }

        AttachedNetwork gateway = sandbox.Networks[index];
        EndpointState state = gateway.Endpoint.State!; // it runs
        try
        {
            sandbox.Ports = ports.Reserve(requests, TargetOf(sandbox));
        }
        catch (EngineException exception)
        {
            throw new EngineException(exception.Kind, $"driver failed programming external connectivity on endpoint {record.Name} ({state.Id}): {exception.Message}", exception);
        }

        sandbox.Networks[index] = With(gateway, state with { Ports = [.. sandbox.Ports.Ports.Select(static port => new PortState(port.Protocol, port.HostAddress.ToString(), port.HostPort, port.ContainerPort))] });
    }
}
