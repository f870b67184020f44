using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Drivers.Macvlan;

namespace Berth.Engine.Networks;

/// <summary>The options of the drivers macvlan and ipvlan, by docker's names: what they say, and the plans of networks that have them.</summary>
internal static class ParentOptions
{
    private const string Parent = "parent", MacvlanModeName = "macvlan_mode", IpvlanModeName = "ipvlan_mode", IpvlanFlagName = "ipvlan_flag";

    /// <summary>Checks the options of a macvlan network.</summary>
    /// <exception cref="EngineException">In docker's words.</exception>
    public static void CheckMacvlan(NetworkConfig config)
    {
        _ = MacvlanModeOf(config);
        Check(config);
    }

    /// <summary>Checks the options of an ipvlan network.</summary>
    /// <exception cref="EngineException">In docker's words.</exception>
    public static void CheckIpvlan(NetworkConfig config)
    {
        _ = IpvlanModeOf(config);
        _ = IpvlanFlagOf(config);
        Check(config);
    }

    /// <summary>The macvlan network of a record.</summary>
    public static MacvlanPlan MacvlanOf(NetworkRecord record)
    {
        var plan = new MacvlanPlan
        {
            Id = record.Id,
            Parent = record.Config.Options.GetValueOrDefault(Parent, ""),
            Pools = DriverOptions.PoolsOf(record),
            IsInternal = record.Config.IsInternal,
            Mtu = MtuOf(record.Config),
            Mode = MacvlanModeOf(record.Config),
        };
        return plan.Parent.Length > 0 ? plan : plan with { Parent = plan.IsolatedParent };
    }

    /// <summary>The ipvlan network of a record.</summary>
    public static IpvlanPlan IpvlanOf(NetworkRecord record)
    {
        var plan = new IpvlanPlan
        {
            Id = record.Id,
            Parent = record.Config.Options.GetValueOrDefault(Parent, ""),
            Pools = DriverOptions.PoolsOf(record),
            IsInternal = record.Config.IsInternal,
            Mtu = MtuOf(record.Config),
            Mode = IpvlanModeOf(record.Config),
            Sharing = IpvlanFlagOf(record.Config),
        };
        return plan.Parent.Length > 0 ? plan : plan with { Parent = plan.IsolatedParent };
    }

    private static void Check(NetworkConfig config)
    {
        if (config.Options.GetValueOrDefault(Parent) == "lo")
        {
            throw new EngineException(ErrorKind.Internal, $"loopback interface is not a valid {config.Driver} parent link");
        }

        foreach ((string name, string value) in config.Options.Where(static option => option.Key.StartsWith("com.docker.network.", StringComparison.Ordinal)))
        {
            switch (name)
            {
                case BridgeOptions.Mtu:
                    _ = BridgeOptions.ParseMtu(value);
                    break;
                case BridgeOptions.InterfacePrefix:
                    BridgeOptions.CheckInterfacePrefix(value);
                    break;
                default:
                    throw new EngineException(ErrorKind.NotImplemented, $"the network option {name} is not supported by the driver {config.Driver}; leave it out");
            }
        }
    }

    private static int? MtuOf(NetworkConfig config) => config.Options.TryGetValue(BridgeOptions.Mtu, out string? mtu) ? BridgeOptions.ParseMtu(mtu) : null;

    private static MacvlanSharing MacvlanModeOf(NetworkConfig config) => config.Options.GetValueOrDefault(MacvlanModeName, "") switch
    {
        "" or "bridge" => MacvlanSharing.Bridge,
        "private" => MacvlanSharing.Private,
        "vepa" => MacvlanSharing.Vepa,
        "passthru" => MacvlanSharing.Passthru,
        var other => throw new EngineException(ErrorKind.Internal, $"requested macvlan mode '{other}' is not valid, 'bridge' mode is the macvlan driver default"),
    };

    private static IpvlanLayer IpvlanModeOf(NetworkConfig config) => config.Options.GetValueOrDefault(IpvlanModeName, "") switch
    {
        "" or "l2" => IpvlanLayer.L2,
        "l3" => IpvlanLayer.L3,
        "l3s" => IpvlanLayer.L3S,
        var other => throw new EngineException(ErrorKind.Internal, $"requested ipvlan mode '{other}' is not valid, 'l2' mode is the ipvlan driver default"),
    };

    private static IpvlanSharing IpvlanFlagOf(NetworkConfig config) => config.Options.GetValueOrDefault(IpvlanFlagName, "") switch
    {
        "" or "bridge" => IpvlanSharing.Bridge,
        "private" => IpvlanSharing.Private,
        "vepa" => IpvlanSharing.Vepa,
        var other => throw new EngineException(ErrorKind.Internal, $"requested ipvlan flag '{other}' is not valid, 'bridge' is the ipvlan driver default"),
    };
}
