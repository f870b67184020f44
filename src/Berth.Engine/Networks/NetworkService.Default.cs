using System.Globalization;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <content>The network that containers get without asking, and what others get without asking.</content>
public sealed partial class NetworkService
{
    // What a user's network says nothing of is as the daemon was told for its driver.
    private IReadOnlyDictionary<string, string> WithDefaults(NetworkConfig config)
    {
        if (config.ConfigFrom.Length > 0 || !options.DriverOptions.TryGetValue(config.Driver, out IReadOnlyDictionary<string, string>? defaults))
        {
            return config.Options;
        }

        var all = new Dictionary<string, string>(defaults, StringComparer.Ordinal);
        foreach ((string name, string value) in config.Options)
        {
            all[name] = value;
        }

        return all;
    }

    // The record stands as long as the daemon is told the same.
    private async Task LoadDefaultAsync(NetworkRecord? record)
    {
        IReadOnlyList<PoolPlan>? foreign = FindForeign(record);
        NetworkConfig config = new()
        {
            Name = DefaultName,
            Driver = "bridge",
            EnableIPv6 = options.HasIPv6,
            Options = DefaultOptions(),
            Pools = [.. DefaultPool(foreign, isIPv6: false), .. DefaultPool(foreign, isIPv6: true)],
        };
        if (record is not null && IsSame(record, config, foreign is not null))
        {
            directory.Add(new ContainerNetwork(record, plugins));
            return;
        }

        NetworkPool[] pools = [.. Choose(config, AddressPoolConfig.Check(config.Pools)).Select(WithGateway)];
        await AddAsync(New(config, pools, options.DefaultBridge, isPredefined: true) with { Id = record?.Id ?? NewId(), IsBridgeForeign = foreign is not null });
    }

    private bool IsSame(NetworkRecord record, NetworkConfig config, bool isForeign) =>
        record.Bridge == options.DefaultBridge
        && record.IsBridgeForeign == isForeign
        && record.Config.EnableIPv6 == config.EnableIPv6
        && Pairs(record.Config.Options).SequenceEqual(Pairs(config.Options))
        && record.Config.Pools.SequenceEqual(config.Pools)
        && record.Pools.All(pool => AuxOf(WithGateway(pool with { AuxAddresses = null })) == AuxOf(pool));

    private static IEnumerable<KeyValuePair<string, string>> Pairs(IReadOnlyDictionary<string, string> options) => options.OrderBy(static option => option.Key, StringComparer.Ordinal);

    // The default network has one at most.
    private static string? AuxOf(NetworkPool pool) => pool.AuxAddresses?.Values.FirstOrDefault();

    private Dictionary<string, string> DefaultOptions()
    {
        var chosen = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [BridgeOptions.IsDefault] = "true",
            ["com.docker.network.bridge.enable_icc"] = options.HasInterContainerTraffic ? "true" : "false",
            ["com.docker.network.bridge.enable_ip_masquerade"] = options.HasMasquerade ? "true" : "false",
            [BridgeOptions.HostBinding] = options.HostBinding.ToString(),
            [BridgeOptions.Bridge] = options.DefaultBridge,
        };
        if (options.Mtu is { } mtu)
        {
            chosen[BridgeOptions.Mtu] = mtu.ToString(CultureInfo.InvariantCulture);
        }

        return chosen;
    }

    // Null: the bridge is ours to make.
    private IReadOnlyList<PoolPlan>? FindForeign(NetworkRecord? record)
    {
        IReadOnlyList<PoolPlan>? foreign = kernel.FindForeignBridge(options.DefaultBridge);
        if (foreign is not null && options.DefaultAddress.Length + options.DefaultAddressIPv6.Length > 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument,
                $"You specified -b & {(options.DefaultAddress.Length > 0 ? "--bip" : "--bip6")}, mutually exclusive options. Please specify only one: {options.DefaultBridge} is there already, and its addresses are its owner's");
        }

        return foreign is null && record is { IsBridgeForeign: true } && record.Bridge == options.DefaultBridge
            ? throw new EngineException(ErrorKind.NotFound, $"bridge device with non default name {options.DefaultBridge} must be created manually: it was somebody else's, and is not there any more")
            : foreign;
    }

    private IEnumerable<AddressPoolRequest> DefaultPool(IReadOnlyList<PoolPlan>? foreign, bool isIPv6)
    {
        (string address, string rangeText) = isIPv6 ? (options.DefaultAddressIPv6, options.DefaultRangeIPv6) : (options.DefaultAddress, options.DefaultRange);
        if (isIPv6 && !options.HasIPv6)
        {
            return address.Length + rangeText.Length == 0 && options.DefaultGatewayIPv6 is null
                ? []
                : throw new EngineException(ErrorKind.InvalidArgument, "bip6, fixed-cidr-v6 and default-gateway-v6 are for a default network with IPv6: say --ipv6, or leave them out");
        }

        Subnet? range = rangeText.Length > 0 ? Subnet.Parse(rangeText) : null;
        if (foreign?.FirstOrDefault(pool => pool.Subnet.IsIPv6 == isIPv6 && (range is not { } part || pool.Subnet.Contains(part))) is { } own)
        {
            return [new AddressPoolRequest { Subnet = own.Subnet.ToString(), IpRange = range?.ToString(), Gateway = own.Gateway.ToString() }];
        }

        if (address.Length == 0)
        {
            return range is null ? [] : [new AddressPoolRequest { Subnet = rangeText, IpRange = rangeText }];
        }

        int slash = address.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !Subnet.TryParse(address, out Subnet subnet, out _) || subnet.IsIPv6 != isIPv6)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid bip {address}: wanted an address with a prefix length, such as {(isIPv6 ? "fd00:10::1/64" : "172.20.0.1/24")}");
        }

        return [new AddressPoolRequest { Subnet = subnet.ToString(), IpRange = range?.ToString(), Gateway = address[..slash] }];
    }

    private NetworkPool WithGateway(NetworkPool pool)
    {
        Subnet subnet = Subnet.Parse(pool.Subnet);
        string name = BridgeOptions.GatewayName(subnet.IsIPv6);
        return (subnet.IsIPv6 ? options.DefaultGatewayIPv6 : options.DefaultGateway) is not { } gateway ? pool
            : subnet.Contains(gateway) ? pool with { AuxAddresses = new Dictionary<string, string> { [name] = gateway.ToString() } }
            : throw new EngineException(ErrorKind.InvalidArgument, $"Error creating default \"bridge\" network: auxiliary address: ({name}:{gateway}) must belong to the master pool: {subnet}");
    }
}
