using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using NetworkConfig = Berth.Engine.Networks.NetworkConfig;
using PortBinding = Berth.Engine.Networks.PortBinding;
using Wire = Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>Between the API's networks, endpoints and ports and the engine's.</summary>
internal static class NetworkMapping
{
    private static readonly HashSet<string> BuiltNetworking = new(StringComparer.OrdinalIgnoreCase) { "EndpointsConfig" };

    // The second line is what an engine answers with, not what a user asks for: clients send it back as it was.
    private static readonly HashSet<string> BuiltEndpoint = new(StringComparer.OrdinalIgnoreCase)
    {
        "IPAMConfig", "Links", "Aliases", "MacAddress", "DriverOpts", "GwPriority",
        "NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DNSNames",
    };

    private static readonly HashSet<string> BuiltAddresses = new(StringComparer.OrdinalIgnoreCase) { "IPv4Address", "IPv6Address", "LinkLocalIPs" };

    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static NetworkConfig Map(NetworkCreateRequest request)
    {
        RefuseUnknown(request.Unknown, "");
        if (request.Name.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "network name cannot be empty");
        }

        return new NetworkConfig
        {
            Name = request.Name,
            Driver = request.Driver,
            EnableIPv4 = request.EnableIPv4 ?? true,
            EnableIPv6 = request.EnableIPv6 ?? false,
            IsInternal = request.Internal,
            IsAttachable = request.Attachable,
            IsIngress = request.Ingress,
            IsConfigOnly = request.ConfigOnly,
            ConfigFrom = request.ConfigFrom?.Network ?? "",
            Scope = request.Scope,
            Options = request.Options ?? [],
            Labels = request.Labels ?? [],
            IpamOptions = request.IPAM?.Options,
            IpamDriver = request.IPAM is { Driver: not "default" and var driver } ? driver : "",
            Pools = [.. (request.IPAM?.Config ?? []).Select(MapPool)],
        };
    }

    /// <param name="info">The network.</param>
    /// <param name="nameOf">Names a container by its id; null when it is gone.</param>
    /// <param name="hasContainers">Whether its containers are told.</param>
    public static NetworkInspect ToInspect(NetworkInfo info, Func<string, string?> nameOf, bool hasContainers)
    {
        NetworkRecord record = info.Record;
        return new NetworkInspect
        {
            Name = record.Config.Name,
            Id = record.Id,
            Created = WireTime.Format(record.Created),
            Scope = "local",
            Driver = record.Config.Driver,
            EnableIPv4 = record.Config.EnableIPv4,
            EnableIPv6 = record.Config.EnableIPv6,
            IPAM = new NetworkIpam
            {
                Driver = record.Config.IpamDriver.Length > 0 ? record.Config.IpamDriver : "default",
                Options = record.Config.IpamOptions is { } options ? new Dictionary<string, string>(options) : null,
                Config = record.Config.IsConfigOnly ? [.. record.Config.Pools.Select(ToPool)] : [.. record.Pools.Select(static pool => new NetworkIpamConfig
                {
                    Subnet = pool.Subnet,
                    IPRange = pool.IpRange,
                    Gateway = pool.Gateway.Length > 0 ? pool.Gateway : null,
                    AuxiliaryAddresses = pool.AuxAddresses is { } aux ? new Dictionary<string, string>(aux) : null,
                })],
            },
            Internal = record.Config.IsInternal,
            Attachable = record.Config.IsAttachable,
            ConfigFrom = new NetworkConfigReference { Network = record.Config.ConfigFrom },
            ConfigOnly = record.Config.IsConfigOnly,
            Containers = hasContainers ? info.Endpoints.ToDictionary(static pair => pair.Key, pair => ToEndpoint(pair.Value, nameOf(pair.Key) ?? ""), StringComparer.Ordinal) : [],
            Options = new Dictionary<string, string>(record.Config.Options),
            Labels = new Dictionary<string, string>(record.Config.Labels),
        };
    }

    /// <summary>Refuses what a create request's <c>NetworkingConfig</c> sets and this build has not.</summary>
    /// <exception cref="EngineException">NotImplemented naming the member.</exception>
    public static void RefuseUnbuilt(JsonElement networking)
    {
        UnbuiltOptions.Refuse(networking, BuiltNetworking, "NetworkingConfig.");
        foreach (JsonProperty endpoint in networking.EnumerateObject().Where(static member => member.Value.ValueKind == JsonValueKind.Object).SelectMany(static member => member.Value.EnumerateObject()))
        {
            if (endpoint.Value.ValueKind == JsonValueKind.Object)
            {
                RefuseUnbuiltEndpoint(endpoint.Value, $"NetworkingConfig.EndpointsConfig.{endpoint.Name}.");
            }
        }
    }

    /// <summary>What a create request asks of networks.</summary>
    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static IReadOnlyList<EndpointConfig> MapEndpoints(ContainerCreateRequest request)
    {
        if (request.NetworkingConfig is { Unknown: { } unknown })
        {
            RefuseUnknown(unknown, "NetworkingConfig.");
        }

        List<EndpointConfig> endpoints = [.. (request.NetworkingConfig?.EndpointsConfig ?? []).Select(static pair => MapEndpoint(pair.Key, pair.Value))];
        if (request.MacAddress is { Length: > 0 } mac)
        {
            // How it was said before API 1.44: of the container's one network.
            string mode = request.HostConfig?.NetworkMode is { Length: > 0 } named ? named : "default";
            int index = endpoints.FindIndex(endpoint => endpoint.Network == mode);
            EndpointConfig present = index >= 0 ? endpoints[index] : new EndpointConfig { Network = mode };
            if (present.Mac.Length > 0 && present.Mac != mac)
            {
                throw new EngineException(ErrorKind.InvalidArgument, "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty");
            }

            endpoints.RemoveAll(endpoint => endpoint.Network == mode);
            endpoints.Insert(0, present with { Mac = mac });
        }

        return endpoints;
    }

    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static EndpointConfig MapEndpoint(string network, EndpointSettings? settings)
    {
        settings ??= new EndpointSettings();
        List<string> local = settings.IPAMConfig?.LinkLocalIPs ?? [];
        local.ForEach(LinkLocalAddresses.Check);
        if (settings.MacAddress.Length > 0)
        {
            try
            {
                _ = MacAddress.Parse(settings.MacAddress);
            }
            catch (EngineException exception)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid endpoint settings: {exception.Message}", exception);
            }
        }

        _ = EndpointSysctls.Parse(settings.DriverOpts ?? []);
        return new EndpointConfig
        {
            Network = network,
            Aliases = settings.Aliases ?? [],
            Links = settings.Links ?? [],
            IPv4 = settings.IPAMConfig?.IPv4Address ?? "",
            IPv6 = settings.IPAMConfig?.IPv6Address ?? "",
            Mac = settings.MacAddress,
            LinkLocal = local,
            DriverOptions = settings.DriverOpts ?? [],
            GatewayPriority = settings.GwPriority,
        };
    }

    /// <summary>The ports of a create request: <c>80/tcp</c> to where it is published.</summary>
    /// <exception cref="EngineException">InvalidArgument naming what is no port or address.</exception>
    public static List<PortBinding>? MapPorts(Dictionary<string, List<Wire.PortBinding>?>? bindings)
    {
        var result = new List<PortBinding>();
        foreach ((string container, List<Wire.PortBinding>? places) in bindings ?? [])
        {
            (PortProtocol protocol, ushort port) = PortBindings.Parse(container);
            foreach (Wire.PortBinding place in places is { Count: > 0 } ? places : [new Wire.PortBinding()])
            {
                if (place.HostIp.Length > 0 && !NetAddress.TryParse(place.HostIp, out _))
                {
                    throw new EngineException(ErrorKind.InvalidArgument, $"invalid IP address: {place.HostIp}");
                }

                (ushort first, ushort last) = ParseRange(place.HostPort);
                result.Add(new PortBinding(protocol, port, place.HostIp, first, last));
            }
        }

        return result.Count == 0 ? null : result;
    }

    public static Dictionary<string, List<Wire.PortBinding>?>? ToPorts(IReadOnlyList<PortBinding>? bindings) => bindings?
        .GroupBy(static binding => PortBindings.Format(binding.Protocol, binding.ContainerPort), StringComparer.Ordinal)
        .ToDictionary(
            static group => group.Key,
            static group => (List<Wire.PortBinding>?)[.. group.Select(static binding => new Wire.PortBinding
            {
                HostIp = binding.HostAddress,
                HostPort = binding.FirstPort == 0 ? "" : binding.FirstPort == binding.LastPort ? Text(binding.FirstPort) : $"{Text(binding.FirstPort)}-{Text(binding.LastPort)}",
            })],
            StringComparer.Ordinal);

    public static NetworkSettings ToSettings(ContainerRecord record)
    {
        var settings = new NetworkSettings { Networks = ToNetworks(record), Ports = ToPublished(record) };
        if (record.Endpoints.Any(static endpoint => endpoint.State is not null))
        {
            settings.SandboxID = record.Id.ToString();
            settings.SandboxKey = $"/proc/{record.State.Pid.ToString(CultureInfo.InvariantCulture)}/ns/net";
        }

        // As before there were several networks: those of the default one.
        if (record.Endpoints.FirstOrDefault(static endpoint => endpoint.NetworkName == "bridge")?.State is { } state)
        {
            settings.EndpointID = state.Id;
            settings.Gateway = state.IPv4Gateway;
            settings.IPAddress = state.IPv4;
            settings.IPPrefixLen = state.IPv4PrefixLength;
            settings.GlobalIPv6Address = state.IPv6;
            settings.GlobalIPv6PrefixLen = state.IPv6PrefixLength;
            settings.IPv6Gateway = state.IPv6Gateway;
            settings.MacAddress = state.Mac;
        }

        return settings;
    }

    public static Dictionary<string, EndpointSettings?> ToNetworks(ContainerRecord record)
    {
        var networks = new Dictionary<string, EndpointSettings?>(StringComparer.Ordinal);
        foreach (ContainerEndpoint endpoint in record.Endpoints)
        {
            networks[endpoint.NetworkName] = ToEndpoint(record, endpoint);
        }

        return networks;
    }

    /// <summary>The ports as a list shows them: exposed ones, and published ones by each address.</summary>
    public static List<PortSummary> ToPortList(ContainerRecord record)
    {
        var ports = new List<PortSummary>();
        if (!record.State.IsAlive)
        {
            return ports;
        }

        foreach ((string text, List<Wire.PortBinding>? places) in ToPublished(record))
        {
            (PortProtocol protocol, ushort port) = PortBindings.Parse(text);
            string type = protocol.ToString().ToLowerInvariant();
            if (places is null)
            {
                ports.Add(new PortSummary { PrivatePort = port, Type = type });
            }

            ports.AddRange((places ?? []).Select(place => new PortSummary
            {
                IP = place.HostIp,
                PrivatePort = port,
                PublicPort = ushort.Parse(place.HostPort, CultureInfo.InvariantCulture),
                Type = type,
            }));
        }

        return ports;
    }

    private static string Text(ushort port) => port.ToString(CultureInfo.InvariantCulture);

    private static Dictionary<string, List<Wire.PortBinding>?> ToPublished(ContainerRecord record)
    {
        var ports = new Dictionary<string, List<Wire.PortBinding>?>(StringComparer.Ordinal);
        if (!record.Endpoints.Any(static endpoint => endpoint.State is { IsWithoutPorts: false }))
        {
            return ports;
        }

        foreach (string exposed in record.Config.ExposedPorts is { } map ? map.Keys : (IEnumerable<string>)[])
        {
            ports[exposed.Contains('/', StringComparison.Ordinal) ? exposed : exposed + "/tcp"] = null;
        }

        foreach (PortState port in record.Endpoints.SelectMany(static endpoint => endpoint.State?.Ports ?? []).Where(static port => port.HostPort > 0))
        {
            string text = PortBindings.Format(port.Protocol, port.ContainerPort);
            List<Wire.PortBinding> places = ports.GetValueOrDefault(text) ?? [];
            places.Add(new Wire.PortBinding { HostIp = port.HostAddress, HostPort = Text(port.HostPort) });
            ports[text] = places;
        }

        return ports;
    }

    private static EndpointSettings ToEndpoint(ContainerRecord record, ContainerEndpoint endpoint)
    {
        EndpointConfig config = endpoint.Config;
        EndpointState state = endpoint.State ?? new EndpointState { Id = "" };
        return new EndpointSettings
        {
            IPAMConfig = config.IPv4.Length + config.IPv6.Length + config.LinkLocal.Count == 0 ? null : new EndpointIpamConfig
            {
                IPv4Address = Named(config.IPv4),
                IPv6Address = Named(config.IPv6),
                LinkLocalIPs = config.LinkLocal.Count > 0 ? [.. config.LinkLocal] : null,
            },
            Links = config.Links.Count > 0 ? [.. config.Links] : null,
            Aliases = config.Aliases.Count > 0 ? [.. config.Aliases] : null,
            MacAddress = state.Mac.Length > 0 ? state.Mac : config.Mac,
            DriverOpts = config.DriverOptions.Count > 0 ? new Dictionary<string, string>(config.DriverOptions) : null,
            GwPriority = config.GatewayPriority,
            NetworkID = endpoint.NetworkId,
            EndpointID = state.Id,
            Gateway = state.IPv4Gateway,
            IPAddress = state.IPv4,
            IPPrefixLen = state.IPv4PrefixLength,
            IPv6Gateway = state.IPv6Gateway,
            GlobalIPv6Address = state.IPv6,
            GlobalIPv6PrefixLen = state.IPv6PrefixLength,
            DNSNames = state.Names.Count > 0 ? [.. state.Names] : null,
        };
    }

    private static NetworkEndpoint ToEndpoint(EndpointState state, string name) => new()
    {
        Name = name,
        EndpointID = state.Id,
        MacAddress = state.Mac,
        IPv4Address = state.IPv4.Length > 0 ? $"{state.IPv4}/{state.IPv4PrefixLength}" : "",
        IPv6Address = state.IPv6.Length > 0 ? $"{state.IPv6}/{state.IPv6PrefixLength}" : "",
    };

    // As it was asked for: nothing of it is chosen before a network is made with it.
    private static NetworkIpamConfig ToPool(AddressPoolRequest pool) => new()
    {
        Subnet = pool.Subnet,
        IPRange = Named(pool.IpRange),
        Gateway = Named(pool.Gateway),
        AuxiliaryAddresses = pool.AuxAddresses is { Count: > 0 } aux ? new Dictionary<string, string>(aux) : null,
    };

    private static string? Named(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static AddressPoolRequest MapPool(NetworkIpamConfig config) => new()
    {
        Subnet = config.Subnet ?? "",
        IpRange = config.IPRange,
        Gateway = config.Gateway,
        AuxAddresses = config.AuxiliaryAddresses,
    };

    private static (ushort First, ushort Last) ParseRange(string text)
    {
        if (text.Length == 0)
        {
            return (0, 0);
        }

        string[] parts = text.Split('-', 2);
        return ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
            && ushort.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last) && first <= last
            ? (first, last)
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid port specification: \"{text}\"");
    }

    private static void RefuseUnbuiltEndpoint(JsonElement endpoint, string prefix)
    {
        UnbuiltOptions.Refuse(endpoint, BuiltEndpoint, prefix);
        foreach (JsonProperty addresses in endpoint.EnumerateObject().Where(static member => member.Value.ValueKind == JsonValueKind.Object && member.Name.Equals("IPAMConfig", StringComparison.OrdinalIgnoreCase)))
        {
            UnbuiltOptions.Refuse(addresses.Value, BuiltAddresses, prefix + "IPAMConfig.");
        }
    }

    private static void RefuseUnknown(Dictionary<string, JsonElement>? unknown, string prefix)
    {
        if (unknown?.FirstOrDefault(static member => UnbuiltOptions.IsSet(member.Value)) is { Key: { } name })
        {
            throw new EngineException(ErrorKind.NotImplemented, $"{prefix}{name} is not supported yet; leave it out");
        }
    }
}
