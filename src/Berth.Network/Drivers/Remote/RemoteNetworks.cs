using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Berth.Model;
using Berth.Network.Ipam;
using Berth.Plugins;

namespace Berth.Network.Drivers.Remote;

/// <summary>A plugin's part of one endpoint, as it is asked for.</summary>
public sealed record RemoteEndpoint
{
    /// <summary>The plugin.</summary>
    public required string Driver { get; init; }
    public required string NetworkId { get; init; }
    public required string Id { get; init; }

    /// <summary>What the endpoint has already; the plugin adds what is missing.</summary>
    public required EndpointAddresses Addresses { get; init; }
    public int IPv4PrefixLength { get; init; }
    public int IPv6PrefixLength { get; init; }

    /// <summary>Whether a user asked for the MAC, which plugins are told apart from one that was chosen.</summary>
    public bool IsMacAsked { get; init; }

    /// <summary>The endpoint's options as the user wrote them.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The container's ports.</summary>
    public RemotePorts Ports { get; init; } = RemotePorts.None;

    /// <summary>Whether they are told when the endpoint is made, and not only when it is joined.</summary>
    public bool ArePortsToldFirst { get; init; }
}

/// <summary>What a plugin answered to a join.</summary>
/// <param name="Prefix">What the link is to be called in the container, without its number; empty: as usual.</param>
/// <param name="Link">The link; its source is empty when the plugin gives none.</param>
public sealed record RemoteJoin(string Prefix, RemoteLink Link);

/// <summary>
/// Network plugins: every call waits for the plugin's answer, and holds no lock. What a plugin answers is checked: it is an <see cref="EngineException"/> with the plugin's name when it
/// makes no sense. Protocol: libnetwork/docs/remote.md. Safe for concurrent use.
/// </summary>
public sealed class RemoteNetworks(PluginRegistry plugins)
{
    private const string Kind = "NetworkDriver";
    private const string Generic = "com.docker.network.generic";
    private static readonly PluginCall<object?, CapabilitiesAnswer> GetCapabilities = new("NetworkDriver.GetCapabilities", null, RemoteJson.Default.CapabilitiesAnswer);
    private static readonly PluginCall<CreateNetworkMessage, NoMembers> CreateNetwork = new("NetworkDriver.CreateNetwork", RemoteJson.Default.CreateNetworkMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<NetworkMessage, NoMembers> DeleteNetwork = new("NetworkDriver.DeleteNetwork", RemoteJson.Default.NetworkMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<CreateEndpointMessage, CreateEndpointAnswer> CreateEndpoint =
        new("NetworkDriver.CreateEndpoint", RemoteJson.Default.CreateEndpointMessage, RemoteJson.Default.CreateEndpointAnswer);
    private static readonly PluginCall<EndpointMessage, NoMembers> DeleteEndpoint = new("NetworkDriver.DeleteEndpoint", RemoteJson.Default.EndpointMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<EndpointMessage, NoMembers> EndpointOperInfo = new("NetworkDriver.EndpointOperInfo", RemoteJson.Default.EndpointMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<JoinMessage, JoinAnswer> Join = new("NetworkDriver.Join", RemoteJson.Default.JoinMessage, RemoteJson.Default.JoinAnswer);
    private static readonly PluginCall<EndpointMessage, NoMembers> Leave = new("NetworkDriver.Leave", RemoteJson.Default.EndpointMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<ConnectivityMessage, NoMembers> Program =
        new("NetworkDriver.ProgramExternalConnectivity", RemoteJson.Default.ConnectivityMessage, RemoteJson.Default.NoMembers);
    private static readonly PluginCall<EndpointMessage, NoMembers> Revoke = new("NetworkDriver.RevokeExternalConnectivity", RemoteJson.Default.EndpointMessage, RemoteJson.Default.NoMembers);

    private readonly ConcurrentDictionary<Plugin, string> scopes = new();

    /// <summary>The names of network plugins that were used.</summary>
    public IReadOnlyList<string> Names => plugins.Activated(Kind);

    /// <summary>Makes a network.</summary>
    /// <param name="plan">It.</param>
    /// <param name="cancellationToken">Ends the search for the plugin; what it was asked for then is waited for.</param>
    /// <exception cref="EngineException">NotFound: there is no such plugin; InvalidArgument: it makes no networks, or those of a swarm alone; Unavailable, Internal: it fails.</exception>
    public async Task CreateAsync(RemotePlan plan, CancellationToken cancellationToken)
    {
        Plugin plugin = await FindAsync(plan.Driver, PluginPatience.Connect, cancellationToken);
        var generic = new JsonObject();
        foreach ((string name, string value) in plan.Options)
        {
            generic[name] = value;
        }

        var options = new JsonObject { ["com.docker.network.enable_ipv4"] = plan.HasIPv4, ["com.docker.network.enable_ipv6"] = plan.HasIPv6, [Generic] = generic };
        if (plan.IsInternal)
        {
            options["com.docker.network.internal"] = true;
        }

        // Whoever goes away now would leave a network of which nobody knows whether it is there.
        await plugin.CallAsync(
            CreateNetwork, new CreateNetworkMessage(plan.Id, options, DataOf(plan, isIPv6: false), DataOf(plan, isIPv6: true)), PluginPatience.Full, CancellationToken.None);
    }

    /// <summary>Removes a network.</summary>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>.</exception>
    public async Task DeleteAsync(string driver, string networkId)
    {
        Plugin plugin = await FindAsync(driver, PluginPatience.None, CancellationToken.None);
        await plugin.CallAsync(DeleteNetwork, new NetworkMessage(networkId), PluginPatience.None, CancellationToken.None);
    }

    /// <summary>Makes an endpoint.</summary>
    /// <returns>The endpoint with what the plugin added: addresses, prefix lengths, a MAC.</returns>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>; Internal also when the plugin answers with what the endpoint has already, as in docker. Nothing is left then.</exception>
    public async Task<RemoteEndpoint> CreateEndpointAsync(RemoteEndpoint endpoint)
    {
        Plugin plugin = await FindAsync(endpoint.Driver, PluginPatience.Full, CancellationToken.None);
        JsonObject options = endpoint.ArePortsToldFirst ? RemotePorts.Write(endpoint.Ports) : [];
        foreach ((string name, string value) in endpoint.Options)
        {
            options[name] = value;
        }

        EndpointAddresses has = endpoint.Addresses;
        if (endpoint.IsMacAsked)
        {
            Span<byte> mac = stackalloc byte[6];
            has.Mac.WriteBytes(mac);
            options["com.docker.network.endpoint.macaddress"] = Convert.ToBase64String(mac);
        }

        var known = new InterfaceMessage { Address = Text(has.IPv4, endpoint.IPv4PrefixLength), AddressIPv6 = Text(has.IPv6, endpoint.IPv6PrefixLength), MacAddress = has.Mac.ToString() };
        CreateEndpointAnswer answer = await plugin.CallAsync(CreateEndpoint, new CreateEndpointMessage(endpoint.NetworkId, endpoint.Id, known, options), PluginPatience.Full, CancellationToken.None);
        try
        {
            return answer.Interface is { } added ? RemoteAnswers.Merge(endpoint, known, added) : endpoint;
        }
        catch (EngineException failure)
        {
            throw await RemoteUndo.AfterAsync(failure, () => DeleteEndpointAsync(endpoint));
        }
    }

    /// <summary>Joins an endpoint to a container's namespace: the plugin makes the link.</summary>
    /// <param name="endpoint">As <see cref="CreateEndpointAsync"/> gave it.</param>
    /// <param name="sandboxKey">A path by which the plugin may open the namespace.</param>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>. Nothing is left then.</exception>
    public async Task<RemoteJoin> JoinAsync(RemoteEndpoint endpoint, string sandboxKey)
    {
        Plugin plugin = await FindAsync(endpoint.Driver, PluginPatience.Full, CancellationToken.None);
        JoinAnswer answer = await plugin.CallAsync(Join, new JoinMessage(endpoint.NetworkId, endpoint.Id, sandboxKey, RemotePorts.Write(endpoint.Ports)), PluginPatience.Full, CancellationToken.None);
        var key = new EndpointMessage(endpoint.NetworkId, endpoint.Id);
        try
        {
            RemoteJoin join = RemoteAnswers.Read(endpoint, answer);

            // docker takes nothing from it that its own inspect would show; a plugin may refuse, which is a failure of the start.
            await plugin.CallAsync(EndpointOperInfo, key, PluginPatience.Full, CancellationToken.None);
            return join;
        }
        catch (EngineException failure)
        {
            throw await RemoteUndo.AfterAsync(failure, () => LeaveAsync(endpoint));
        }
    }

    /// <summary>Publishes the container's ports: its way out leads by this endpoint.</summary>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>.</exception>
    public async Task ProgramAsync(RemoteEndpoint endpoint)
    {
        Plugin plugin = await FindAsync(endpoint.Driver, PluginPatience.Full, CancellationToken.None);
        await plugin.CallAsync(Program, new ConnectivityMessage(endpoint.NetworkId, endpoint.Id, RemotePorts.Write(endpoint.Ports)), PluginPatience.Full, CancellationToken.None);
    }

    /// <summary>Takes <see cref="ProgramAsync"/> back.</summary>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>.</exception>
    public Task RevokeAsync(RemoteEndpoint endpoint) => EndAsync(Revoke, endpoint);

    /// <summary>Takes <see cref="JoinAsync"/> back.</summary>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>.</exception>
    public Task LeaveAsync(RemoteEndpoint endpoint) => EndAsync(Leave, endpoint);

    /// <summary>Takes <see cref="CreateEndpointAsync"/> back.</summary>
    /// <exception cref="EngineException">As <see cref="CreateAsync"/>.</exception>
    public Task DeleteEndpointAsync(RemoteEndpoint endpoint) => EndAsync(DeleteEndpoint, endpoint);

    private async Task EndAsync(PluginCall<EndpointMessage, NoMembers> call, RemoteEndpoint endpoint)
    {
        Plugin plugin = await FindAsync(endpoint.Driver, PluginPatience.None, CancellationToken.None);
        await plugin.CallAsync(call, new EndpointMessage(endpoint.NetworkId, endpoint.Id), PluginPatience.None, CancellationToken.None);
    }

    // What it can do is asked once for each that was activated.
    private async Task<Plugin> FindAsync(string driver, PluginPatience patience, CancellationToken cancellationToken)
    {
        Plugin plugin = await plugins.GetAsync(driver, Kind, patience, cancellationToken);
        if (!scopes.TryGetValue(plugin, out string? scope))
        {
            scope = (await plugin.CallAsync(GetCapabilities, null, patience, cancellationToken)).Scope;
            scopes[plugin] = scope;
        }

        return scope switch
        {
            "local" => plugin,
            "global" or "swarm" => throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{driver}\" makes networks of a swarm (scope {scope}), and this daemon is in none; a driver of scope local is wanted"),
            _ => throw new EngineException(ErrorKind.Internal, $"plugin \"{driver}\": NetworkDriver.GetCapabilities: invalid capability: expecting \"local\" or \"global\", got {scope}"),
        };
    }

    private static List<PoolMessage> DataOf(RemotePlan plan, bool isIPv6) =>
        [.. plan.Data.Where(pool => pool.Subnet.IsIPv6 == isIPv6).Select(static pool => new PoolMessage(pool.AddressSpace, pool.Subnet.ToString())
        {
            Gateway = pool.Gateway is { } gateway ? Text(gateway, pool.Subnet.PrefixLength) : null,
            AuxAddresses = pool.AuxAddresses.Count == 0 ? null : pool.AuxAddresses.ToDictionary(static aux => aux.Key, aux => Text(aux.Value, pool.Subnet.PrefixLength), StringComparer.Ordinal),
        })];

    private static string Text(NetAddress? address, int prefixLength) => address is { } known ? $"{known}/{prefixLength}" : "";
}
