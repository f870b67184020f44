using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;
using Berth.Network.Ipam.Remote;
using Berth.Plugins;

namespace Berth.Engine.Networks;

/// <summary>Networks that plugins make, or give the addresses of. No plugin is waited for while others' changes wait.</summary>
public sealed partial class NetworkService
{
    private static readonly Dictionary<string, string> NoOptions = [];

    private readonly NetworkPlugins plugins;
    private readonly Dictionary<string, NetworkRecord> making = new(StringComparer.Ordinal); // by name, under the turn: those that plugins are asked for

    /// <summary>The names of the drivers that networks can be made with now: those of the engine, and plugins that were used.</summary>
    public IReadOnlyList<string> Drivers => [.. DriverOptions.Names.Concat(plugins.Networks.Names).Order(StringComparer.Ordinal)];

    internal NetworkPlugins Plugins => plugins;

    // Bridges are on the host, whoever gives their addresses.
    private IEnumerable<Subnet> SubnetsTaken => directory.All
        .Where(static network => network.Plan is not null && (network.RemoteAddresses is null || network.Plan is BridgePlan))
        .SelectMany(static network => network.Record.Pools)
        .Select(static pool => Subnet.Parse(pool.Subnet));

    private IEnumerable<Subnet> SubnetsBeingMade => making.Values.Where(static record => record.Config.IpamDriver.Length == 0).SelectMany(static record => record.Pools).Select(static pool => Subnet.Parse(pool.Subnet));

    private static bool UsesPlugins(NetworkConfig config) => config.IpamDriver.Length > 0 || DriverOptions.IsPlugin(config.Driver);

    private static bool IsRemote(NetworkConfig config) => config.IpamDriver is not ("" or RemoteOptions.NoAddresses);

    // Takes name and, where the engine gives the addresses, pools.
    private NetworkRecord Begin(NetworkConfig config, IReadOnlyList<AddressPoolConfig> asked)
    {
        string id = NewId();
        IReadOnlyList<NetworkPool> pools = config.IpamDriver switch
        {
            "" => Choose(config, asked),
            RemoteOptions.NoAddresses => NoPools(config),
            _ => [],
        };
        NetworkRecord record = New(config, pools, BridgeOptions.BridgeOf(config, id), isPredefined: false) with { Id = id };
        making.Add(config.Name, record);
        return record;
    }

    private async Task<NetworkInfo> CreateWithPluginsAsync(NetworkRecord record, IReadOnlyList<AddressPoolConfig> asked, CancellationToken cancellationToken)
    {
        var undo = new Stack<Func<Task>>();
        try
        {
            NetworkConfig config = record.Config;
            if (IsRemote(config))
            {
                record = record with { Pools = await LeaseAsync(config, asked, undo, cancellationToken) };
            }

            var network = new ContainerNetwork(record, plugins);
            if (network.Plan is RemotePlan plan)
            {
                await FoundAsync(config.Driver, () => plugins.Networks.CreateAsync(plan, cancellationToken));
                undo.Push(() => plugins.Networks.DeleteAsync(config.Driver, record.Id));
            }

            await changes.WaitAsync(CancellationToken.None);
            try
            {
                ThrowIfTaken(network);
                await Task.Run(() => kernel.AddNetwork(network.Plan!), CancellationToken.None); // networks of users have one
                undo.Push(() => Task.Run(() => kernel.RemoveNetwork(record.Id)));
                await journal.CommitAsync([Change(record)], CancellationToken.None);
                directory.Add(network);
                Publish(record, "create");
                return network.Info;
            }
            finally
            {
                changes.Release();
            }
        }
        catch
        {
            while (undo.TryPop(out Func<Task>? step))
            {
                await QuietlyAsync(record.Config.Name, step);
            }

            throw;
        }
        finally
        {
            await changes.WaitAsync(CancellationToken.None);
            making.Remove(record.Config.Name);
            changes.Release();
        }
    }

    // What an address plugin gives is known only now, and it may not know of other bridges.
    private void ThrowIfTaken(ContainerNetwork network)
    {
        if (network is { RemoteAddresses: not null, Plan: BridgePlan })
        {
            List<Subnet> taken = [.. SubnetsTaken, .. SubnetsBeingMade];
            foreach (NetworkPool pool in network.Record.Pools)
            {
                SubnetChooser.ThrowIfOverlapping(Subnet.Parse(pool.Subnet), taken);
            }
        }
    }

    // What fails is told in the log: the network goes all the same, as in docker.
    private async Task EndWithPluginsAsync(ContainerNetwork network)
    {
        NetworkConfig config = network.Record.Config;
        if (IsRemote(config))
        {
            foreach (NetworkPool pool in network.Record.Pools)
            {
                await QuietlyAsync(network.Name, () => ReturnAsync(config.IpamDriver, pool));
            }
        }

        if (network.Plan is RemotePlan plan)
        {
            await QuietlyAsync(network.Name, () => plugins.Networks.DeleteAsync(plan.Driver, plan.Id));
        }
    }

    // One pool of each family that is wanted, or those that a user named; with gateway and auxiliary addresses, as dockerd asks for them.
    private async Task<IReadOnlyList<NetworkPool>> LeaseAsync(NetworkConfig config, IReadOnlyList<AddressPoolConfig> asked, Stack<Func<Task>> undo, CancellationToken cancellationToken)
    {
        RemoteIpam ipam = plugins.Addresses;
        RemoteIpam.Traits traits = await ipam.DescribeAsync(config.IpamDriver, PluginPatience.Connect, cancellationToken);
        var pools = new List<NetworkPool>();
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            AddressPoolConfig?[] wanted = [.. asked.Where(pool => pool.Subnet.IsIPv6 == isIPv6)];
            bool isOn = isIPv6 ? config.EnableIPv6 : config.EnableIPv4;
            if (!isOn && wanted is [{ } refused, ..])
            {
                throw FamilyIsOff(refused.Subnet);
            }

            foreach (AddressPoolConfig? pool in wanted.Length == 0 && isOn ? [null] : wanted)
            {
                LeasedPool leased = await ipam.RequestPoolAsync(
                    config.IpamDriver, pool?.Subnet.ToString() ?? "", pool?.IpRange?.ToString() ?? "", config.IpamOptions ?? NoOptions, isIPv6, cancellationToken);
                undo.Push(() => ipam.ReleasePoolAsync(config.IpamDriver, leased.Id));
                NetAddress gateway = pool?.Gateway is null && leased.Gateway is { } given ? given : await TakeGatewayAsync(leased.Id, pool?.Gateway);
                foreach ((string name, NetAddress address) in pool?.AuxAddresses ?? new Dictionary<string, NetAddress>())
                {
                    await TakeAuxiliaryAsync(leased.Id, name, address);
                }

                pools.Add(new NetworkPool
                {
                    Subnet = leased.Subnet.ToString(),
                    IpRange = pool?.IpRange?.ToString(),
                    Gateway = gateway.ToString(),
                    IsGatewayAsked = pool?.Gateway is not null,
                    AuxAddresses = pool is null || pool.AuxAddresses.Count == 0 ? null : pool.AuxAddresses.ToDictionary(static aux => aux.Key, static aux => aux.Value.ToString(), StringComparer.Ordinal),
                    PluginId = leased.Id,
                    AddressSpace = traits.AddressSpace,
                });
            }
        }

        return pools;

        async Task<NetAddress> TakeGatewayAsync(string poolId, NetAddress? wanted)
        {
            try
            {
                NetAddress taken = await ipam.RequestGatewayAsync(config.IpamDriver, poolId, wanted, cancellationToken);
                undo.Push(() => ipam.ReleaseAddressAsync(config.IpamDriver, poolId, taken));
                return taken;
            }
            catch (EngineException exception)
            {
                throw new EngineException(exception.Kind, $"failed to allocate gateway ({wanted}): {exception.Message}", exception);
            }
        }

        async Task TakeAuxiliaryAsync(string poolId, string name, NetAddress address)
        {
            try
            {
                (NetAddress taken, _) = await ipam.RequestAddressAsync(config.IpamDriver, poolId, address, null, cancellationToken);
                undo.Push(() => ipam.ReleaseAddressAsync(config.IpamDriver, poolId, taken));
            }
            catch (EngineException exception)
            {
                throw new EngineException(exception.Kind, $"failed to allocate secondary ip address ({name}:{address}): {exception.Message}", exception);
            }
        }
    }

    private async Task ReturnAsync(string driver, NetworkPool pool)
    {
        foreach (string address in (pool.AuxAddresses?.Values ?? []).Prepend(pool.Gateway).Where(static address => address.Length > 0))
        {
            await plugins.Addresses.ReleaseAddressAsync(driver, pool.PluginId ?? "", NetAddress.Parse(address));
        }

        await plugins.Addresses.ReleasePoolAsync(driver, pool.PluginId ?? "");
    }

    // docker's words for what its driver of no addresses refuses.
    private static NetworkPool[] NoPools(NetworkConfig config)
    {
        if (config.Pools.Count > 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "null ipam driver does not handle specific address pool requests");
        }

        if (config.EnableIPv6)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "null ipam driver does not handle IPv6 address pool pools");
        }

        return config.Driver == "bridge"
            ? throw new EngineException(ErrorKind.InvalidArgument, "ipv4 pool is empty")
            : [new NetworkPool { Subnet = "0.0.0.0/0", Gateway = "", AddressSpace = RemoteOptions.NoAddresses }];
    }

    // Plugins that keep nothing are told of what is taken before they are asked for more.
    private void RestoreAddresses(IReadOnlyList<EndpointPlan> endpoints)
    {
        foreach (ContainerNetwork network in directory.All.Where(static network => network.RemoteAddresses is { Pools.Count: > 0 }))
        {
            NetworkConfig config = network.Record.Config;
            network.RemoteAddresses!.Replay( // asked just before
                pool => config.Pools.FirstOrDefault(asked => asked.Subnet == pool.Subnet.ToString()) is { } asked
                    ? (asked.Subnet, asked.IpRange ?? "", config.IpamOptions ?? NoOptions)
                    : (pool.Subnet.ToString(), "", config.IpamOptions ?? NoOptions),
                [.. endpoints.Where(endpoint => endpoint.NetworkId == network.Record.Id).Select(static endpoint => endpoint.Addresses)]);
        }
    }

    private async Task QuietlyAsync(string network, Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            EngineLog.PluginKeepsNetwork(logger, exception, network);
        }
    }

    // As docker says it, whose plugins can also be packages of a registry.
    private static async Task FoundAsync(string driver, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            throw new EngineException(ErrorKind.NotFound, $"could not find plugin {driver} in v2 plugin registry: plugin not found", exception);
        }
    }
}
