using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Daemon.Options;

/// <summary>What it was told about networks.</summary>
internal sealed partial record DaemonOptions
{
    /// <summary>The default network's bridge; <c>none</c>: there is no default network.</summary>
    public string Bridge { get; init; } = "berth0";

    /// <summary>That bridge's address with its prefix length; empty: the engine chooses one that is free.</summary>
    public string BridgeAddress { get; init; } = "";

    /// <summary>The part of the default network's subnet that addresses are given from; empty: all of it.</summary>
    public string FixedCidr { get; init; } = "";

    /// <summary>Bytes of the default network's packets; null: the kernel's default.</summary>
    public int? Mtu { get; init; }

    /// <summary>Whether the default network has IPv6.</summary>
    public bool HasIPv6 { get; init; }

    /// <summary>As <see cref="BridgeAddress"/>, of IPv6.</summary>
    public string BridgeAddressIPv6 { get; init; } = "";

    /// <summary>As <see cref="FixedCidr"/>, of IPv6.</summary>
    public string FixedCidrIPv6 { get; init; } = "";

    /// <summary>Where the default route of the default network's containers leads; null: to the bridge.</summary>
    public NetAddress? DefaultGateway { get; init; }

    /// <summary>The same of IPv6.</summary>
    public NetAddress? DefaultGatewayIPv6 { get; init; }

    /// <summary>Options that networks get unless they say otherwise, by their driver.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> DefaultNetworkOptions { get; init; } = new Dictionary<string, IReadOnlyDictionary<string, string>>();

    /// <summary>Whether the host is made to forward packets.</summary>
    public bool IsForwardingEnsured { get; init; } = true;

    /// <summary>Whether the daemon passes on what the kernel cannot translate for published ports.</summary>
    public bool HasProxy { get; init; } = true;

    /// <summary>What <c>host-gateway</c> stands for; empty: the default network's gateways.</summary>
    public IReadOnlyList<NetAddress> HostGateways { get; init; } = [];

    /// <summary>Whether containers of the default network may talk to each other without links.</summary>
    public bool HasInterContainerTraffic { get; init; } = true;

    /// <summary>Whether what leaves the default network gets the host's address.</summary>
    public bool HasMasquerade { get; init; } = true;

    /// <summary>The host's address that the default network's ports are published on when nothing else is said.</summary>
    public NetAddress HostBinding { get; init; } = NetAddress.IPv4(0);

    /// <summary>What containers use that say nothing about resolvers.</summary>
    public ResolverSettings Resolver { get; init; } = new();

    /// <summary>Where networks that name no subnet get theirs from; empty: our own choice.</summary>
    public IReadOnlyList<AddressPoolSource> AddressPools { get; init; } = [];

    /// <summary>The same for the engine.</summary>
    public NetworkOptions Networks => new()
    {
        HasDefault = Bridge != "none",
        DefaultBridge = Bridge,
        DefaultAddress = BridgeAddress,
        DefaultRange = FixedCidr,
        HasIPv6 = HasIPv6,
        DefaultAddressIPv6 = BridgeAddressIPv6,
        DefaultRangeIPv6 = FixedCidrIPv6,
        DefaultGateway = DefaultGateway,
        DefaultGatewayIPv6 = DefaultGatewayIPv6,
        DriverOptions = DefaultNetworkOptions,
        HasProxy = HasProxy,
        HostGateways = HostGateways,
        Mtu = Mtu,
        HasInterContainerTraffic = HasInterContainerTraffic,
        HasMasquerade = HasMasquerade,
        HostBinding = HostBinding,
        Resolver = Resolver,
        Pools = AddressPools.Count > 0 ? AddressPools : AddressPoolSource.Defaults,
    };

    /// <summary>Whose things in the kernel these are: daemons with roots of their own have tables of their own.</summary>
    public HostNetworkOptions Kernel
    {
        get
        {
            string owner = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(DataRoot)))[..8];
            return new HostNetworkOptions { Owner = owner, IsForwardingEnsured = IsForwardingEnsured, Table = DataRoot == new DaemonOptions().DataRoot ? "berth" : "berth-" + owner };
        }
    }

    private DaemonOptions WithNetwork(string name, string value) => name switch
    {
        "bridge" when value.Length is 0 or > 15 || value.Any(static c => c is '/' or ':' or '%' || !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) =>
            throw new EngineException(ErrorKind.InvalidArgument, $"bridge: wanted an interface name of at most 15 characters, or \"none\", got \"{value}\""),
        "bridge" => this with { Bridge = value },
        "bip" => this with { BridgeAddress = BridgeAddressOf(name, value, isIPv6: false) },
        "bip6" => this with { BridgeAddressIPv6 = BridgeAddressOf(name, value, isIPv6: true) },
        "fixed-cidr" => this with { FixedCidr = Subnet.TryParse(value, out Subnet range, out _) && !range.IsIPv6 ? range.ToString() : throw Wrong(name, value, "an IPv4 subnet such as 172.20.0.64/26") },
        "fixed-cidr-v6" => this with { FixedCidrIPv6 = Subnet.TryParse(value, out Subnet range, out _) && range.IsIPv6 ? range.ToString() : throw Wrong(name, value, "an IPv6 subnet such as fd00:10::/64") },
        "default-gateway" => this with { DefaultGateway = NetAddress.TryParse(value, out NetAddress address) && !address.IsIPv6 ? address : throw Wrong(name, value, "an IPv4 address of the default network") },
        "default-gateway-v6" => this with { DefaultGatewayIPv6 = NetAddress.TryParse(value, out NetAddress address) && address.IsIPv6 ? address : throw Wrong(name, value, "an IPv6 address of the default network") },
        "host-gateway-ip" => WithNetworkList("host-gateway-ips", [value]),
        "ipv6" => this with { HasIPv6 = Switch(name, value) },
        "ip-forward" => this with { IsForwardingEnsured = Switch(name, value) },
        "userland-proxy" => this with { HasProxy = Switch(name, value) },
        "mtu" => this with { Mtu = BridgeOptions.ParseMtu(value) },
        "icc" => this with { HasInterContainerTraffic = Switch(name, value) },
        "ip-masq" => this with { HasMasquerade = Switch(name, value) },
        "ip" => this with { HostBinding = NetAddress.TryParse(value, out NetAddress address) && !address.IsIPv6 ? address : throw Wrong(name, value, "an IPv4 address of the host") },
        _ => throw Unknown(name),
    };

    private DaemonOptions WithNetworkList(string name, IReadOnlyList<string> values) => name switch
    {
        "dns" => this with
        {
            Resolver = Resolver with { Servers = values.FirstOrDefault(static server => !NetAddress.TryParse(server, out _)) is { } wrong ? throw Wrong(name, wrong, "an IP address") : values },
        },
        "dns-search" => this with
        {
            Resolver = Resolver with { Search = values.FirstOrDefault(static domain => domain.Length == 0 || domain.Any(char.IsWhiteSpace)) is { } wrong ? throw Wrong(name, wrong, "a domain") : values },
        },
        "dns-opts" => this with
        {
            Resolver = Resolver with { Options = values.FirstOrDefault(static option => option.Length == 0 || option.Any(char.IsWhiteSpace)) is { } wrong ? throw Wrong(name, wrong, "an option of resolv.conf(5)") : values },
        },
        "default-address-pools" => this with { AddressPools = [.. values.Select(ParsePool)] },
        "default-network-opts" => this with { DefaultNetworkOptions = ParseNetworkOptions(values) },
        "host-gateway-ips" => this with
        {
            HostGateways = [.. values.Select(value => NetAddress.TryParse(value, out NetAddress address) ? address : throw Wrong(name, value, "an IP address"))],
        },
        _ => throw Unknown(name),
    };

    private static AddressPoolSource ParsePool(string text)
    {
        const string wanted = "base=SUBNET,size=PREFIX-LENGTH such as base=172.30.0.0/16,size=24";
        string? pool = null, size = null;
        foreach (string part in text.Split(','))
        {
            string[] pair = part.Split('=', 2);
            (pool, size) = (pair[0], pair.Length) switch
            {
                ("base", 2) => (pair[1], size),
                ("size", 2) => (pool, pair[1]),
                _ => throw Wrong("default-address-pool", text, wanted),
            };
        }

        return pool is not null && Subnet.TryParse(pool, out Subnet block, out bool hasHostBits) && !hasHostBits
            && int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            ? new AddressPoolSource(block, length)
            : throw Wrong("default-address-pool", text, wanted);
    }

    private static string BridgeAddressOf(string name, string value, bool isIPv6) =>
        value.Contains('/', StringComparison.Ordinal) && Subnet.TryParse(value, out Subnet subnet, out _) && subnet.IsIPv6 == isIPv6
            ? value
            : throw Wrong(name, value, $"an address with a prefix length such as {(isIPv6 ? "fd00:10::1/64" : "172.20.0.1/24")}");

    private static Dictionary<string, IReadOnlyDictionary<string, string>> ParseNetworkOptions(IReadOnlyList<string> values)
    {
        var drivers = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        foreach (string value in values)
        {
            if (value.Split('=', 3) is not [{ Length: > 0 } driver, { Length: > 0 } option, var text])
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid value \"{value}\" for map option, should be root-key=key=value: wanted DRIVER=OPTION=VALUE such as bridge={BridgeOptions.Mtu}=1400");
            }

            drivers[driver] = new Dictionary<string, string>(drivers.GetValueOrDefault(driver) ?? new Dictionary<string, string>(), StringComparer.Ordinal) { [option] = text };
        }

        return drivers;
    }

    private static EngineException Wrong(string name, string value, string wanted) => new(ErrorKind.InvalidArgument, $"{name}: wanted {wanted}, got \"{value}\"");
}
