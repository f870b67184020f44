using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Berth.Engine.Events;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using Berth.Storage;
using Berth.Storage.Metadata;
using Microsoft.Extensions.Logging;

namespace Berth.Engine.Networks;

/// <summary>The use cases on networks. Every method that takes a reference finds it by name, id or the beginning of an id. One change at a time.</summary>
public sealed partial class NetworkService : IDisposable
{
    private const string Bucket = "networks";
    internal const string DefaultName = "bridge";
    private const int ShortIdDigits = 12;
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    private readonly NetworkOptions options;
    private readonly Journal journal;
    private readonly EventHub events;
    private readonly ILogger logger;
    private readonly HostNetwork kernel;
    private SubnetChooser chooser;
    private readonly SemaphoreSlim changes = new(1, 1);
    private readonly NetworkDirectory directory = new();

    /// <param name="options">What the daemon was told.</param>
    /// <param name="journal">The truth about networks.</param>
    /// <param name="events">Where it is told what happens.</param>
    /// <param name="kernel">What makes them.</param>
    /// <param name="plugins">Who makes networks and gives addresses besides.</param>
    /// <param name="logger">Where recovery is told.</param>
    public NetworkService(NetworkOptions options, Journal journal, EventHub events, HostNetwork kernel, NetworkPlugins plugins, ILogger logger)
    {
        this.options = options;
        this.journal = journal;
        this.events = events;
        this.kernel = kernel;
        this.plugins = plugins;
        this.logger = logger;
        chooser = new SubnetChooser(options.Pools);
    }

    /// <summary>Names a container by its id in messages; its id until somebody knows better.</summary>
    public Func<string, string> DescribeContainer { get; set; } = static id => $"id:\"{id[..ShortIdDigits]}\"";

    /// <summary>What containers that name no network are in.</summary>
    internal string DefaultNetwork => options.HasDefault ? DefaultName : "none";

    internal NetworkOptions Options => options;

    /// <summary>Every network, in the order of their making.</summary>
    public IReadOnlyList<NetworkInfo> List() => [.. directory.All.Select(static network => network.Info).OrderBy(static info => info.Record.Created)];

    /// <summary>One network as it is at this moment.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public NetworkInfo Inspect(string reference) => directory.Find(reference).Info;

    /// <summary>What stands for the host: what the daemon was told, or the gateways of the default network; none without one.</summary>
    internal IReadOnlyList<NetAddress> HostGateways => options.HostGateways.Count > 0 ? options.HostGateways : directory.TryFind(DefaultName) is { } network ? [.. network.Addresses.Pools.Select(static pool => pool.Gateway)] : [];

    internal ContainerNetwork Find(string reference) => directory.Find(reference);

    internal ContainerNetwork? TryFind(string reference) => directory.TryFind(reference);

    /// <summary>Reads the records and makes those of the networks that are always there. Called once, before anything else; the kernel is not touched.</summary>
    public async Task LoadAsync()
    {
        NetworkRecord? ofDefault = null;
        foreach (byte[] json in journal.Read(Bucket).Values)
        {
            NetworkRecord record = JsonSerializer.Deserialize(json, EngineJsonContext.Default.NetworkRecord)
                ?? throw new EngineException(ErrorKind.Internal, "the journal holds a network record that is null");
            if (record is not { IsPredefined: true, Bridge.Length: > 0 })
            {
                directory.Add(new ContainerNetwork(record, plugins));
            }
            else
            {
                ofDefault = record;
            }
        }

        foreach ((string name, string driver) in ((string, string)[])[("host", "host"), ("none", "null")])
        {
            if (directory.TryFind(name) is null)
            {
                await AddAsync(New(new NetworkConfig { Name = name, Driver = driver }, [], "", isPredefined: true));
            }
        }

        if (!options.Pools.Any(static source => source.Base.IsIPv6))
        {
            // An id is random and stays with the data, so the prefix is this installation's own.
            chooser = new SubnetChooser([.. options.Pools, AddressPoolSource.UniqueLocal(System.Text.Encoding.ASCII.GetBytes(directory.Find("none").Record.Id))]);
        }

        if (options.HasDefault)
        {
            await LoadDefaultAsync(ofDefault); // last: its subnets must be none of the others'
        }
    }

    /// <summary>Makes a network: durable, in the kernel and visible when this returns, or nothing is left.</summary>
    /// <exception cref="EngineException">Conflict for the name, Forbidden for a pool that another network has, InvalidArgument for what contradicts itself.</exception>
    public async Task<NetworkInfo> CreateAsync(NetworkConfig config, CancellationToken cancellationToken)
    {
        config = config with { Driver = config.Driver.Length == 0 ? "bridge" : config.Driver };
        config = config with { Options = WithDefaults(config) };
        Check(config);
        _ = AddressPoolConfig.Check(config.Pools);
        NetworkRecord begun;
        IReadOnlyList<AddressPoolConfig> asked;
        await changes.WaitAsync(cancellationToken);
        try
        {
            if (directory.IsNameTaken(config.Name) || making.ContainsKey(config.Name))
            {
                throw new EngineException(ErrorKind.Conflict, $"network with name {config.Name} already exists");
            }

            config = Configured(config);
            if (config.IsConfigOnly)
            {
                return await AddConfigurationAsync(config);
            }

            DriverOptions.Check(config);
            asked = AddressPoolConfig.Check(config.Pools);
            if (!UsesPlugins(config))
            {
                return await MakeAsync(config, asked);
            }

            begun = Begin(config, asked);
        }
        finally
        {
            changes.Release();
        }

        return await CreateWithPluginsAsync(begun, asked, cancellationToken);
    }

    private async Task<NetworkInfo> MakeAsync(NetworkConfig config, IReadOnlyList<AddressPoolConfig> asked)
    {
        IReadOnlyList<NetworkPool> pools = Choose(config, asked);
        string id = NewId();
        NetworkRecord record = New(config, pools, BridgeOptions.BridgeOf(config, id), isPredefined: false) with { Id = id };
        var network = new ContainerNetwork(record, plugins);
        await Task.Run(() => kernel.AddNetwork(network.Plan!), CancellationToken.None); // networks of users have one
        FailPoint.Reach(FailPoints.NetworkMade);
        try
        {
            await journal.CommitAsync([Change(record)], CancellationToken.None);
        }
        catch
        {
            await Task.Run(() => kernel.RemoveNetwork(record.Id), CancellationToken.None);
            throw;
        }

        FailPoint.Reach(FailPoints.NetworkRecorded);
        directory.Add(network);
        Publish(record, "create");
        return network.Info;
    }

    /// <summary>Removes a network that no running container is in.</summary>
    /// <exception cref="EngineException">NotFound; Forbidden: it is used, or always there.</exception>
    public async Task RemoveAsync(string reference, CancellationToken cancellationToken)
    {
        ContainerNetwork network;
        await changes.WaitAsync(cancellationToken);
        try
        {
            network = directory.Find(reference);
            if (network.Record.IsPredefined)
            {
                throw new EngineException(ErrorKind.Forbidden, $"{network.Name} is a pre-defined network and cannot be removed");
            }

            ThrowIfSource(network);
            network.Close(DescribeContainer);
        }
        finally
        {
            changes.Release();
        }

        // A plugin is told before the record goes: after a crash between the two it is told once more, and not never.
        await EndWithPluginsAsync(network);
        await changes.WaitAsync(CancellationToken.None);
        try
        {
            try
            {
                await journal.CommitAsync([new JournalChange(Bucket, network.Record.Id, null)], CancellationToken.None);
            }
            catch
            {
                network.Reopen();
                throw;
            }

            FailPoint.Reach(FailPoints.NetworkRemovalRecorded);
            directory.Remove(network);
            await Task.Run(() => kernel.RemoveNetwork(network.Record.Id), CancellationToken.None); // what stays has no record and goes at the next start
            FailPoint.Reach(FailPoints.NetworkRemoved);
            Publish(network.Record, "destroy");
        }
        finally
        {
            changes.Release();
        }
    }

    /// <summary>Removes every network of users that <paramref name="isWanted"/> takes and no container that runs is in.</summary>
    /// <returns>Their names.</returns>
    public async Task<IReadOnlyList<string>> PruneAsync(Predicate<NetworkInfo> isWanted, CancellationToken cancellationToken)
    {
        var gone = new List<string>();
        foreach (NetworkInfo info in List().Where(info => !info.Record.IsPredefined && !info.Record.Config.IsConfigOnly && info.Endpoints.Count == 0 && isWanted(info)))
        {
            try
            {
                await RemoveAsync(info.Record.Id, cancellationToken);
                gone.Add(info.Record.Config.Name);
            }
            catch (EngineException exception) when (exception.Kind is ErrorKind.Forbidden or ErrorKind.NotFound)
            {
                // Used or removed by somebody else in this moment.
            }
        }

        events.Publish("network", "prune", "", new Dictionary<string, string> { ["reclaimed"] = "0" });
        return gone;
    }

    /// <summary>What is reachable from outside, by which rule, and what stands in the way. Nothing is changed.</summary>
    /// <exception cref="EngineException">Internal: the host's network cannot be read.</exception>
    public NetworkDiagnosis Diagnose() => NetworkDiagnosis.Of(kernel.Probe(), [.. directory.All]);

    /// <summary>Tells that a container came into a network, or left it.</summary>
    internal void Publish(NetworkRecord record, string action, string? containerId = null)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal) { ["name"] = record.Config.Name, ["type"] = record.Config.Driver };
        if (containerId is not null)
        {
            attributes["container"] = containerId;
        }

        events.Publish("network", action, record.Id, attributes);
    }

    /// <summary>Brings the kernel in line with the records. What runs is not disturbed.</summary>
    /// <param name="endpoints">Those of containers that are said to run.</param>
    internal void Restore(IReadOnlyList<EndpointPlan> endpoints)
    {
        List<NetworkPlan> plans = [.. directory.All.Select(static network => network.Plan).OfType<NetworkPlan>()];
        if (plans.Count == 0)
        {
            kernel.Purge(); // a daemon that has no networks has nothing in the kernel
            return;
        }

        RestoreAddresses(endpoints);

        foreach (NetworkFailure failure in kernel.Restore(plans, endpoints))
        {
            EngineLog.NetworkNotRestored(logger, failure.Error, failure.NetworkId);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => changes.Dispose();

    private async Task AddAsync(NetworkRecord record)
    {
        var network = new ContainerNetwork(record, plugins);
        await journal.CommitAsync([Change(record)], CancellationToken.None);
        directory.Add(network);
    }

    private static void Check(NetworkConfig config)
    {
        if (config.Name.Length == 0 || !char.IsAsciiLetterOrDigit(config.Name[0]) || config.Name.AsSpan().IndexOfAnyExcept(NameCharacters) >= 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid network name (\"{config.Name}\"), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        }

        if (config.Name is "default" or DefaultName or "host" or "none")
        {
            throw new EngineException(ErrorKind.Forbidden, $"operation is not permitted on predefined {config.Name} network");
        }

        CheckScope(config);
        if (!config.EnableIPv4 && !config.EnableIPv6)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "IPv4 or IPv6 must be enabled");
        }
    }

    private List<NetworkPool> Choose(NetworkConfig config, IReadOnlyList<AddressPoolConfig> asked)
    {
        List<Subnet> taken = [.. SubnetsTaken, .. SubnetsBeingMade];
        var chosen = new List<AddressPoolConfig>();
        foreach (AddressPoolConfig pool in asked)
        {
            if (pool.Subnet.IsIPv6 ? !config.EnableIPv6 : !config.EnableIPv4)
            {
                throw FamilyIsOff(pool.Subnet);
            }

            SubnetChooser.ThrowIfOverlapping(pool.Subnet, taken);
            chosen.Add(pool);
        }

        foreach (bool isIPv6 in (ReadOnlySpan<bool>)[false, true])
        {
            if ((isIPv6 ? config.EnableIPv6 : config.EnableIPv4) && !chosen.Exists(pool => pool.Subnet.IsIPv6 == isIPv6))
            {
                chosen.Add(new AddressPoolConfig { Subnet = chooser.Choose(isIPv6, taken, kernel.Subnets()) });
            }
        }

        return [.. chosen.Select(pool => new NetworkPool
        {
            Subnet = pool.Subnet.ToString(),
            IpRange = pool.IpRange?.ToString(),
            Gateway = new AddressPool(pool).Gateway.ToString(),
            IsGatewayAsked = pool.Gateway is not null,
            AuxAddresses = pool.AuxAddresses.Count == 0 ? null : pool.AuxAddresses.ToDictionary(static aux => aux.Key, static aux => aux.Value.ToString(), StringComparer.Ordinal),
        })];
    }

    private static NetworkRecord New(NetworkConfig config, IReadOnlyList<NetworkPool> pools, string bridge, bool isPredefined) =>
        new() { Id = NewId(), Created = DateTimeOffset.UtcNow, Config = config, Pools = pools, Bridge = bridge, IsPredefined = isPredefined };

    private static EngineException FamilyIsOff(Subnet subnet)
    {
        string family = subnet.IsIPv6 ? "IPv6" : "IPv4";
        return new EngineException(ErrorKind.InvalidArgument, $"the subnet {subnet} is an {family} block, and {family} is not enabled for this network");
    }

    private static string NewId() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    private static JournalChange Change(NetworkRecord record) => new(Bucket, record.Id, JsonSerializer.SerializeToUtf8Bytes(record, EngineJsonContext.Default.NetworkRecord));
}
