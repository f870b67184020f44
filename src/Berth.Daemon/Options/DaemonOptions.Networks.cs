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
            return new HostNetworkOptions { Owner = owner, Table = DataRoot == new DaemonOptions().DataRoot ? "berth" : "berth-" + owner };
        }
    }

    private DaemonOptions WithNetwork(string name, string value) => name switch
    {
        "bridge" when value.Length is 0 or > 15 || value.Any(static c => c is '/' or ':' or '%' || !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) =>
            throw new EngineException(ErrorKind.InvalidArgument, $"bridge: wanted an interface name of at most 15 characters, or \"none\", got \"{value}\""),
        "bridge" => this with { Bridge = value },
        "bip" => this with { BridgeAddress = value },
        "fixed-cidr" => this with { FixedCidr = Subnet.TryParse(value, out Subnet range, out _) && !range.IsIPv6 ? range.ToString() : throw Wrong(name, value, "an IPv4 subnet such as 172.20.0.64/26") },
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

    private static EngineException Wrong(string name, string value, string wanted) => new(ErrorKind.InvalidArgument, $"{name}: wanted {wanted}, got \"{value}\"");
}
