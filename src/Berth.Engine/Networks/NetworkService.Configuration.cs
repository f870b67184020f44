using Berth.Model;

namespace Berth.Engine.Networks;

/// <content>Configuration networks, which are in no kernel: others are made with what they say (docker's <c>--config-only</c> and <c>--config-from</c>).</content>
public sealed partial class NetworkService
{
    private const string NoManager = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

    // In docker's words and order. Its driver has been found by now, or need not be.
    private static void CheckScope(NetworkConfig config)
    {
        if (config.IsConfigOnly && (config.IsIngress || config.IsInternal || config.IsAttachable || config.Scope.Length > 0))
        {
            throw new EngineException(ErrorKind.Forbidden, "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.");
        }

        if (config.ConfigFrom.Length > 0)
        {
            CheckConfigFrom(config);
        }

        if (config.IsIngress)
        {
            throw new EngineException(ErrorKind.Forbidden, "Ingress network can only be global scope network");
        }

        if (config.Scope is not ("" or "local"))
        {
            throw config.Scope == "swarm"
                ? new EngineException(ErrorKind.Forbidden, "cannot create a swarm scoped network when swarm is not active")
                : new EngineException(ErrorKind.Unavailable, NoManager);
        }
    }

    private static void CheckConfigFrom(NetworkConfig config)
    {
        if (config.IsConfigOnly)
        {
            throw new EngineException(ErrorKind.Forbidden, "a configuration network cannot depend on another configuration network");
        }

        if (config.EnableIPv6 || config.Labels.Count > 0 || config.IpamOptions is { Count: > 0 } || config.IpamDriver.Length > 0 || config.Pools.Count > 0)
        {
            throw new EngineException(ErrorKind.Forbidden, "user specified configurations are not supported if the network depends on a configuration network");
        }

        if (config.Options.Count > 0)
        {
            throw new EngineException(ErrorKind.Forbidden, "network driver options are not supported if the network depends on a configuration network");
        }
    }

    // What is asked for, with what the configuration network says.
    private NetworkConfig Configured(NetworkConfig config)
    {
        if (config.ConfigFrom.Length == 0)
        {
            return config;
        }

        // By its name alone, as in docker.
        NetworkConfig source = directory.All.FirstOrDefault(network => network.Record.Config.IsConfigOnly && network.Name == config.ConfigFrom)?.Record.Config
            ?? throw new EngineException(ErrorKind.NotFound, $"configuration network \"{config.ConfigFrom}\" does not exist");
        return config with { EnableIPv4 = source.EnableIPv4, EnableIPv6 = source.EnableIPv6, Labels = source.Labels, Options = source.Options, IpamOptions = source.IpamOptions, IpamDriver = source.IpamDriver, Pools = source.Pools };
    }

    // Nothing of it is in the kernel.
    private async Task<NetworkInfo> AddConfigurationAsync(NetworkConfig config)
    {
        NetworkRecord record = New(config with { Driver = "null" }, [], "", isPredefined: false);
        await AddAsync(record);
        Publish(record, "create");
        return directory.Find(record.Id).Info;
    }

    private void ThrowIfSource(ContainerNetwork network)
    {
        if (network.Record.Config.IsConfigOnly && directory.All.Any(other => other.Record.Config.ConfigFrom == network.Name))
        {
            throw new EngineException(ErrorKind.Forbidden, $"error while removing network: configuration network \"{network.Name}\" is in use");
        }
    }
}
