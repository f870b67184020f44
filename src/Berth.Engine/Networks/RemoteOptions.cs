using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;
using Berth.Network.Ipam.Remote;

namespace Berth.Engine.Networks;

/// <summary>Networks that plugins have a part in, from their records.</summary>
internal static class RemoteOptions
{
    /// <summary>docker's driver of addresses that gives none.</summary>
    public const string NoAddresses = "null";

    // As docker's own address driver calls it.
    private const string LocalSpace = "LocalDefault";

    /// <summary>What a plugin is told of a network.</summary>
    public static RemotePlan PlanOf(NetworkRecord record) => new()
    {
        Id = record.Id,
        Driver = record.Config.Driver,
        Pools = DriverOptions.PoolsOf(record),
        IsInternal = record.Config.IsInternal,
        Options = record.Config.Options,
        HasIPv4 = record.Config.EnableIPv4,
        HasIPv6 = record.Config.EnableIPv6,
        Data = [.. record.Pools.Select(static pool => new RemotePool(
            pool.AddressSpace ?? LocalSpace, Subnet.Parse(pool.Subnet), pool.Gateway.Length > 0 ? NetAddress.Parse(pool.Gateway) : null, AuxOf(pool)))],
    };

    /// <summary>The addresses of a network whose addresses the engine does not give itself; null: it does.</summary>
    public static RemoteAddresses? AddressesOf(NetworkRecord record, RemoteIpam ipam) => record.Config.IpamDriver switch
    {
        "" => null,
        NoAddresses => new RemoteAddresses(NoAddresses, ipam, [], areSubnetsConfigured: false),
        var driver => new RemoteAddresses(
            driver,
            ipam,
            [.. record.Pools.Select(static pool => new RemoteAddressPool(pool.PluginId ?? "", Subnet.Parse(pool.Subnet), pool.Gateway.Length > 0 ? NetAddress.Parse(pool.Gateway) : null, AuxOf(pool)))],
            record.Config.Pools.Count > 0),
    };

    private static Dictionary<string, NetAddress> AuxOf(NetworkPool pool) =>
        (pool.AuxAddresses ?? new Dictionary<string, string>()).ToDictionary(static aux => aux.Key, static aux => NetAddress.Parse(aux.Value), StringComparer.Ordinal);
}
