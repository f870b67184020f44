using System.Collections.Concurrent;
using Berth.Model;
using Berth.Network.Drivers.Remote;
using Berth.Plugins;

namespace Berth.Network.Ipam.Remote;

/// <summary>What an address plugin gave as a pool.</summary>
/// <param name="Id">By which it is given back.</param>
/// <param name="Subnet">The pool.</param>
/// <param name="Gateway">A gateway that the plugin names with it; null: one is to be requested.</param>
public sealed record LeasedPool(string Id, Subnet Subnet, NetAddress? Gateway);

/// <summary>
/// Address plugins: every call waits for the plugin's answer, and holds no lock. What a plugin answers is checked: it is an <see cref="EngineException"/> with the plugin's name when it makes no
/// sense. Protocol: libnetwork/docs/ipam.md. Safe for concurrent use.
/// </summary>
public sealed class RemoteIpam(PluginRegistry plugins)
{
    private const string Kind = "IpamDriver";
    private const string GatewayLabel = "com.docker.network.gateway";
    private const string MacLabel = "com.docker.network.endpoint.macaddress";
    private static readonly PluginCall<object?, IpamCapabilitiesAnswer> GetCapabilities = new("IpamDriver.GetCapabilities", null, RemoteIpamJson.Default.IpamCapabilitiesAnswer);
    private static readonly PluginCall<object?, AddressSpacesAnswer> GetSpaces = new("IpamDriver.GetDefaultAddressSpaces", null, RemoteIpamJson.Default.AddressSpacesAnswer);
    private static readonly PluginCall<RequestPoolMessage, RequestPoolAnswer> RequestPool = new("IpamDriver.RequestPool", RemoteIpamJson.Default.RequestPoolMessage, RemoteIpamJson.Default.RequestPoolAnswer);
    private static readonly PluginCall<ReleasePoolMessage, NoIpamMembers> ReleasePool = new("IpamDriver.ReleasePool", RemoteIpamJson.Default.ReleasePoolMessage, RemoteIpamJson.Default.NoIpamMembers);
    private static readonly PluginCall<RequestAddressMessage, RequestAddressAnswer> RequestAddress =
        new("IpamDriver.RequestAddress", RemoteIpamJson.Default.RequestAddressMessage, RemoteIpamJson.Default.RequestAddressAnswer);
    private static readonly PluginCall<ReleaseAddressMessage, NoIpamMembers> ReleaseAddress =
        new("IpamDriver.ReleaseAddress", RemoteIpamJson.Default.ReleaseAddressMessage, RemoteIpamJson.Default.NoIpamMembers);

    private readonly ConcurrentDictionary<Plugin, Traits> traits = new();

    /// <summary>What a plugin is like.</summary>
    /// <param name="AddressSpace">Its name for the addresses of one host.</param>
    /// <param name="NeedsMac">Whether it wants to know the MAC that an address is for.</param>
    /// <param name="NeedsReplay">Whether it keeps nothing: after a start of the daemon it is asked for everything again.</param>
    public sealed record Traits(string AddressSpace, bool NeedsMac, bool NeedsReplay);

    /// <summary>Finds the plugin.</summary>
    /// <exception cref="EngineException">NotFound: there is none of this name; InvalidArgument: it gives no addresses; Unavailable, Internal: it fails.</exception>
    public async Task<Traits> DescribeAsync(string driver, PluginPatience patience, CancellationToken cancellationToken) => (await FindAsync(driver, patience, cancellationToken)).Traits;

    /// <summary>Requests a pool.</summary>
    /// <param name="driver">The plugin.</param>
    /// <param name="pool">The one that a user wants; empty: any.</param>
    /// <param name="range">The part of it that containers get addresses from; empty: all.</param>
    /// <param name="options">The user's for the plugin.</param>
    /// <param name="isIPv6">Of which family.</param>
    /// <param name="cancellationToken">Ends the search for the plugin; what it was asked for then is waited for.</param>
    /// <exception cref="EngineException">As <see cref="DescribeAsync"/>.</exception>
    public async Task<LeasedPool> RequestPoolAsync(string driver, string pool, string range, IReadOnlyDictionary<string, string> options, bool isIPv6, CancellationToken cancellationToken)
    {
        (Plugin plugin, Traits known) = await FindAsync(driver, PluginPatience.Full, cancellationToken);
        RequestPoolAnswer answer = await plugin.CallAsync(RequestPool, new RequestPoolMessage(known.AddressSpace, pool, range, options, isIPv6), PluginPatience.Full, CancellationToken.None);
        try
        {
            NetAddress? gateway = null;
            if (answer.Data.GetValueOrDefault(GatewayLabel) is { Length: > 0 } text)
            {
                gateway = RemoteAnswers.ParseAddress(text)?.Address ?? throw RemoteAnswers.Nonsense(driver, RequestPool.Method, GatewayLabel, text, "an address with a prefix length");
            }

            return Subnet.TryParse(answer.Pool, out Subnet subnet, out _) && subnet.IsIPv6 == isIPv6
                ? new LeasedPool(answer.PoolID, subnet, gateway)
                : throw RemoteAnswers.Nonsense(driver, RequestPool.Method, "Pool", answer.Pool, $"a network of {(isIPv6 ? "IPv6" : "IPv4")}, such as {(isIPv6 ? "fd00:1::/64" : "10.1.0.0/16")}");
        }
        catch (EngineException failure) when (answer.PoolID.Length > 0)
        {
            throw await RemoteUndo.AfterAsync(failure, () => ReleasePoolAsync(driver, answer.PoolID));
        }
    }

    /// <summary>Gives a pool back.</summary>
    /// <exception cref="EngineException">As <see cref="DescribeAsync"/>.</exception>
    public async Task ReleasePoolAsync(string driver, string poolId)
    {
        (Plugin plugin, _) = await FindAsync(driver, PluginPatience.None, CancellationToken.None);
        await plugin.CallAsync(ReleasePool, new ReleasePoolMessage(poolId), PluginPatience.None, CancellationToken.None);
    }

    /// <summary>Requests an address of a pool for its gateway.</summary>
    /// <param name="driver">The plugin.</param>
    /// <param name="poolId">The pool.</param>
    /// <param name="wanted">Null: any.</param>
    /// <param name="cancellationToken">Ends the search for the plugin; what it was asked for then is waited for.</param>
    /// <exception cref="EngineException">As <see cref="DescribeAsync"/>.</exception>
    public async Task<NetAddress> RequestGatewayAsync(string driver, string poolId, NetAddress? wanted, CancellationToken cancellationToken) =>
        (await RequestAsync(driver, poolId, wanted, new Dictionary<string, string>(StringComparer.Ordinal) { ["RequestAddressType"] = GatewayLabel }, cancellationToken)).Address;

    /// <summary>Requests an address of a pool.</summary>
    /// <param name="driver">The plugin.</param>
    /// <param name="poolId">The pool.</param>
    /// <param name="wanted">Null: any.</param>
    /// <param name="mac">The MAC that it is for; null: it is not said.</param>
    /// <param name="cancellationToken">Ends the search for the plugin; what it was asked for then is waited for.</param>
    /// <returns>The address and how many bits of it are the link's network.</returns>
    /// <exception cref="EngineException">As <see cref="DescribeAsync"/>.</exception>
    public Task<(NetAddress Address, int PrefixLength)> RequestAddressAsync(string driver, string poolId, NetAddress? wanted, MacAddress? mac, CancellationToken cancellationToken) =>
        RequestAsync(driver, poolId, wanted, mac is { } known ? new Dictionary<string, string>(StringComparer.Ordinal) { [MacLabel] = known.ToString() } : null, cancellationToken);

    /// <summary>Gives an address back.</summary>
    /// <exception cref="EngineException">As <see cref="DescribeAsync"/>.</exception>
    public async Task ReleaseAddressAsync(string driver, string poolId, NetAddress address)
    {
        (Plugin plugin, _) = await FindAsync(driver, PluginPatience.None, CancellationToken.None);
        await plugin.CallAsync(ReleaseAddress, new ReleaseAddressMessage(poolId, address.ToString()), PluginPatience.None, CancellationToken.None);
    }

    private async Task<(NetAddress Address, int PrefixLength)> RequestAsync(string driver, string poolId, NetAddress? wanted, Dictionary<string, string>? options, CancellationToken cancellationToken)
    {
        (Plugin plugin, _) = await FindAsync(driver, PluginPatience.Full, cancellationToken);
        RequestAddressAnswer answer = await plugin.CallAsync(RequestAddress, new RequestAddressMessage(poolId, wanted?.ToString() ?? "", options), PluginPatience.Full, CancellationToken.None);
        if (answer.Address.Length == 0)
        {
            throw new EngineException(ErrorKind.Internal, $"plugin \"{driver}\": {RequestAddress.Method}: No address returned");
        }

        (NetAddress Address, int Length)? got = RemoteAnswers.ParseAddress(answer.Address);
        if (got is { } address && (wanted is null || address.Address == wanted))
        {
            return address;
        }

        EngineException nonsense = RemoteAnswers.Nonsense(driver, RequestAddress.Method, "Address", answer.Address, wanted is { } asked ? $"{asked}, which was asked for, with a prefix length" : "an address with a prefix length, such as 10.1.2.3/24");
        throw got is { } other ? await RemoteUndo.AfterAsync(nonsense, () => ReleaseAddressAsync(driver, poolId, other.Address)) : nonsense;
    }

    // What it is like is asked once for each that was activated.
    private async Task<(Plugin Plugin, Traits Traits)> FindAsync(string driver, PluginPatience patience, CancellationToken cancellationToken)
    {
        Plugin plugin = await plugins.GetAsync(driver, Kind, patience, cancellationToken);
        if (!traits.TryGetValue(plugin, out Traits? known))
        {
            // Plugins of old do not know this call, as in docker.
            IpamCapabilitiesAnswer capabilities = await AskAsync(plugin, patience, cancellationToken);
            AddressSpacesAnswer spaces = await plugin.CallAsync(GetSpaces, null, patience, cancellationToken);
            traits[plugin] = known = new Traits(spaces.LocalDefaultAddressSpace, capabilities.RequiresMACAddress, capabilities.RequiresRequestReplay);
        }

        return (plugin, known);
    }

    private static async Task<IpamCapabilitiesAnswer> AskAsync(Plugin plugin, PluginPatience patience, CancellationToken cancellationToken)
    {
        try
        {
            return await plugin.CallAsync(GetCapabilities, null, patience, cancellationToken);
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.Internal)
        {
            return new IpamCapabilitiesAnswer();
        }
    }
}
