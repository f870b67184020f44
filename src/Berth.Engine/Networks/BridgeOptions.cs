using System.Globalization;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>The options of bridge networks, by docker's names: what they say, and the plan of a network that has them.</summary>
public static class BridgeOptions
{
    public const string Bridge = "com.docker.network.bridge.name";
    public const string Mtu = "com.docker.network.driver.mtu";
    public const string HostBinding = "com.docker.network.bridge.host_binding_ipv4";
    public const string InterfacePrefix = "com.docker.network.container_iface_prefix";
    public const string IsDefault = "com.docker.network.bridge.default_bridge";
    private const string InterContainer = "com.docker.network.bridge.enable_icc";
    private const string Masquerade = "com.docker.network.bridge.enable_ip_masquerade";
    private const string IPv4Mode = "com.docker.network.bridge.gateway_mode_ipv4";
    private const string IPv6Mode = "com.docker.network.bridge.gateway_mode_ipv6";
    private const string HostIPv4 = "com.docker.network.host_ipv4";
    private const string HostIPv6 = "com.docker.network.host_ipv6";
    private const int MaxInterfaceName = 15;

    /// <summary>The auxiliary address by which a bridge network's containers have their default route, where there is one of this name: docker's.</summary>
    public static string GatewayName(bool isIPv6) => isIPv6 ? "DefaultGatewayIPv6" : "DefaultGatewayIPv4";

    /// <summary>Where the default route of a pool's containers leads.</summary>
    /// <returns>Null: to the gateway.</returns>
    public static NetAddress? RouterOf(NetworkPool pool) =>
        pool.AuxAddresses is { } aux && aux.TryGetValue(GatewayName(Subnet.Parse(pool.Subnet).IsIPv6), out string? text) ? NetAddress.Parse(text) : null;

    /// <summary>Checks every option.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the one that is not understood; NotImplemented for one of docker's that is not built.</exception>
    public static void Check(NetworkConfig config)
    {
        foreach ((string name, string value) in config.Options)
        {
            switch (name)
            {
                case Bridge:
                    CheckInterface(name, value, MaxInterfaceName);
                    break;
                case InterfacePrefix:
                    CheckInterfacePrefix(value);
                    break;
                case Mtu:
                    _ = ParseMtu(value);
                    break;
                case InterContainer or Masquerade or IsDefault:
                    _ = Switch(config, name, isOn: true);
                    break;
                case IPv4Mode or IPv6Mode:
                    _ = Mode(config, name);
                    break;
                case HostBinding or HostIPv4:
                    _ = Address(config, name, isIPv6: false);
                    break;
                case HostIPv6:
                    _ = Address(config, name, isIPv6: true);
                    break;
                default:
                    if (name.StartsWith("com.docker.network.", StringComparison.Ordinal))
                    {
                        throw new EngineException(ErrorKind.NotImplemented, $"the network option {name} is not supported; leave it out");
                    }

                    break; // a mark of the user's own, told and without meaning, as in docker
            }
        }

        if (!config.IsInternal && (Mode(config, IPv4Mode) == GatewayMode.Isolated || Mode(config, IPv6Mode) == GatewayMode.Isolated))
        {
            throw new EngineException(ErrorKind.InvalidArgument, "gateway mode 'isolated' can only be used for an internal network");
        }
    }

    /// <summary>The name of a new network's bridge; empty for networks of other drivers.</summary>
    public static string BridgeOf(NetworkConfig config, string id) => config.Driver != "bridge" ? "" : config.Options.GetValueOrDefault(Bridge, $"br-{id[..12]}");

    /// <summary>The bridge that a network is.</summary>
    public static BridgePlan PlanOf(NetworkRecord record) => new()
    {
        Id = record.Id,
        Bridge = record.Bridge,
        IsBridgeForeign = record.IsBridgeForeign,
        Pools = [.. DriverOptions.PoolsOf(record).Zip(record.Pools, static (plan, pool) => plan with { Router = RouterOf(pool) })],
        Mtu = record.Config.Options.TryGetValue(Mtu, out string? mtu) ? ParseMtu(mtu) : null,
        HasInterContainerTraffic = Switch(record.Config, InterContainer, isOn: true),
        HasMasquerade = Switch(record.Config, Masquerade, isOn: true),
        IsInternal = record.Config.IsInternal,
        IPv4Mode = Mode(record.Config, IPv4Mode),
        IPv6Mode = Mode(record.Config, IPv6Mode),
        HostIPv4 = Address(record.Config, HostIPv4, isIPv6: false),
        HostIPv6 = Address(record.Config, HostIPv6, isIPv6: true),
    };

    /// <summary>Bytes of a link's packets.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static int ParseMtu(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int mtu) && mtu is >= 68 and <= 65535
            ? mtu
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid MTU: {value}; wanted a number of bytes from 68 to 65535");

    /// <summary>What containers' interfaces are called, without the number.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    internal static void CheckInterfacePrefix(string value) => CheckInterface(InterfacePrefix, value, MaxInterfaceName - 4);

    private static bool Switch(NetworkConfig config, string name, bool isOn) => !config.Options.TryGetValue(name, out string? value)
        ? isOn
        : value switch
        {
            "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
            "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
            _ => throw new EngineException(ErrorKind.InvalidArgument, $"invalid value for {name}: \"{value}\"; wanted true or false"),
        };

    private static GatewayMode Mode(NetworkConfig config, string name) => config.Options.GetValueOrDefault(name, "") switch
    {
        "" or "nat" => GatewayMode.Nat,
        "nat-unprotected" => GatewayMode.NatUnprotected,
        "routed" => GatewayMode.Routed,
        "isolated" => GatewayMode.Isolated,
        var other => throw new EngineException(ErrorKind.InvalidArgument, $"unknown gateway mode {other}"),
    };

    private static NetAddress? Address(NetworkConfig config, string name, bool isIPv6) =>
        !config.Options.TryGetValue(name, out string? text) || text.Length == 0 ? null
        : NetAddress.TryParse(text, out NetAddress address) && address.IsIPv6 == isIPv6 ? address
        : throw new EngineException(ErrorKind.InvalidArgument, $"invalid value for {name}: \"{text}\"; wanted an {(isIPv6 ? "IPv6" : "IPv4")} address");

    private static void CheckInterface(string option, string name, int longest)
    {
        if (name.Length == 0 || name.Length > longest || name is "." or ".." || name.Any(static c => c is '/' or ':' or '%' || char.IsWhiteSpace(c) || !char.IsAscii(c) || char.IsControl(c)))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid value for {option}: \"{name}\"; wanted an interface name of at most {longest} characters");
        }
    }
}
