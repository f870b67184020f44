using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>What the drivers want to be told of a network: their options' checks, and the plans that follow from records.</summary>
internal static class DriverOptions
{
    private static readonly Dictionary<string, DriverEntry> Entries = new(StringComparer.Ordinal)
    {
        ["bridge"] = new(BridgeOptions.Check, BridgeOptions.PlanOf),
        ["host"] = new(IsOnlyOne, static _ => null),
        ["null"] = new(IsOnlyOne, static _ => null),
        ["overlay"] = new(IsNotBuilt, static _ => null),
        ["macvlan"] = new(ParentOptions.CheckMacvlan, ParentOptions.MacvlanOf),
        ["ipvlan"] = new(ParentOptions.CheckIpvlan, ParentOptions.IpvlanOf),
    };

    /// <summary>The drivers that networks can be made with, and the two that there are from the start.</summary>
    public static IEnumerable<string> Names => Entries.Where(static entry => entry.Value.Check != (Action<NetworkConfig>)IsNotBuilt).Select(static entry => entry.Key);

    /// <summary>Checks what is asked of a network's driver.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the option that is not understood; NotImplemented for one of docker's that is not built.</exception>
    public static void Check(NetworkConfig config)
    {
        // A plugin checks its options itself.
        Entries.GetValueOrDefault(config.Driver)?.Check(config);
    }

    /// <summary>What the kernel is to have of a network; null: nothing.</summary>
    public static NetworkPlan? PlanOf(NetworkRecord record) => Entries.TryGetValue(record.Config.Driver, out DriverEntry? driver) ? driver.PlanOf(record) : RemoteOptions.PlanOf(record);

    /// <summary>Whether a driver is none of ours: a plugin's.</summary>
    public static bool IsPlugin(string driver) => !Entries.ContainsKey(driver);

    /// <summary>The pools of a record.</summary>
    public static IReadOnlyList<PoolPlan> PoolsOf(NetworkRecord record) => [.. record.Pools.Select(static pool => new PoolPlan(Subnet.Parse(pool.Subnet), pool.Gateway.Length > 0 ? NetAddress.Parse(pool.Gateway) : null))];

    private static void IsOnlyOne(NetworkConfig config) => throw new EngineException(ErrorKind.Forbidden, $"only one instance of \"{config.Driver}\" network is allowed");

    private static void IsNotBuilt(NetworkConfig config) => throw new EngineException(ErrorKind.NotImplemented, $"the network driver {config.Driver} is not supported yet; bridge, macvlan and ipvlan are");

    private sealed record DriverEntry(Action<NetworkConfig> Check, Func<NetworkRecord, NetworkPlan?> PlanOf);
}
