using Berth.Model;
using Berth.Network.Drivers.Remote;
using Berth.Plugins;

namespace Berth.Network.Ipam.Remote;

/// <summary>A pool that a network has of a plugin.</summary>
public sealed record RemoteAddressPool(string Id, Subnet Subnet, NetAddress? Gateway, IReadOnlyDictionary<string, NetAddress> AuxAddresses);

/// <summary>What an endpoint got: addresses, each with the bits of it that are the link's network.</summary>
public sealed record RemoteEndpointAddresses(EndpointAddresses Addresses, int IPv4PrefixLength, int IPv6PrefixLength);

/// <summary>The addresses of one network that come from a plugin, or from none: the counterpart of <see cref="NetworkAddresses"/>. Safe for concurrent use.</summary>
public sealed class RemoteAddresses
{
    private readonly string driver;
    private readonly RemoteIpam ipam;
    private readonly bool areSubnetsConfigured;
    private readonly Lock sync = new();
    private readonly List<EndpointAddresses> pending = []; // to be replayed
    private Func<Task>? replayed; // null: there is nothing to replay, or it was done
    private Task? replay;

    /// <param name="driver">The plugin; <c>null</c> for docker's driver of that name, which gives no addresses.</param>
    /// <param name="ipam">Who asks plugins.</param>
    /// <param name="pools">The network's; none for the driver <c>null</c>.</param>
    /// <param name="areSubnetsConfigured">A user wrote the subnets, so that an address asked for today is right tomorrow.</param>
    public RemoteAddresses(string driver, RemoteIpam ipam, IReadOnlyList<RemoteAddressPool> pools, bool areSubnetsConfigured)
    {
        this.driver = driver;
        this.ipam = ipam;
        this.areSubnetsConfigured = areSubnetsConfigured;
        Pools = pools;
    }

    public IReadOnlyList<RemoteAddressPool> Pools { get; }

    /// <summary>Checks what an endpoint asks, without asking the plugin.</summary>
    /// <exception cref="EngineException">InvalidArgument, in dockerd's words: not an address, none of this network's, or this network gives none on request.</exception>
    public void Check(EndpointAddressRequest request) => _ = (Read(request.IPv4, isIPv6: false), Read(request.IPv6, isIPv6: true));

    /// <summary>One address of each family the network has, all or none.</summary>
    /// <exception cref="EngineException">As <see cref="Check"/>, and what the plugin fails with.</exception>
    public async Task<RemoteEndpointAddresses> TakeAsync(EndpointAddressRequest request)
    {
        NetAddress? wanted4 = Read(request.IPv4, isIPv6: false), wanted6 = Read(request.IPv6, isIPv6: true);
        MacAddress mac = string.IsNullOrEmpty(request.Mac) ? default : MacAddress.Parse(request.Mac);
        if (Pools.Count == 0)
        {
            return new RemoteEndpointAddresses(new EndpointAddresses { Mac = mac }, 0, 0);
        }

        await ReplayedAsync();
        bool needsMac = (await ipam.DescribeAsync(driver, PluginPatience.Full, CancellationToken.None)).NeedsMac;
        if (needsMac && mac.IsEmpty)
        {
            mac = MacAddress.Random();
        }

        (NetAddress Address, int PrefixLength)? ipv4 = await TakeOneAsync(wanted4, isIPv6: false, needsMac ? mac : null);
        try
        {
            (NetAddress Address, int PrefixLength)? ipv6 = await TakeOneAsync(wanted6, isIPv6: true, needsMac ? mac : null);
            return new RemoteEndpointAddresses(new EndpointAddresses { IPv4 = ipv4?.Address, IPv6 = ipv6?.Address, Mac = mac }, ipv4?.PrefixLength ?? 0, ipv6?.PrefixLength ?? 0);
        }
        catch (EngineException failure) when (ipv4 is { } taken)
        {
            throw await RemoteUndo.AfterAsync(failure, () => ReleaseOneAsync(taken.Address));
        }
    }

    /// <summary>Gives an endpoint's addresses back, each of them whatever happens to the other. Those of no pool, which are a network plugin's own, are passed over.</summary>
    /// <exception cref="EngineException">What the plugin fails with.</exception>
    public async Task ReleaseAsync(EndpointAddresses endpoint)
    {
        bool isPending;
        lock (sync)
        {
            isPending = replayed is not null;
            pending.RemoveAll(other => IsSame(other, endpoint));
        }

        // One that keeps nothing was not told of them yet, and is not any more.
        if (isPending && (await ipam.DescribeAsync(driver, PluginPatience.None, CancellationToken.None)).NeedsReplay)
        {
            return;
        }

        await ReleaseBothAsync(endpoint);
    }

    private async Task ReleaseBothAsync(EndpointAddresses endpoint)
    {
        try
        {
            if (endpoint.IPv4 is { } ipv4)
            {
                await ReleaseOneAsync(ipv4);
            }
        }
        finally
        {
            if (endpoint.IPv6 is { } ipv6)
            {
                await ReleaseOneAsync(ipv6);
            }
        }
    }

    /// <summary>
    /// After a start of the daemon: has a plugin that keeps nothing told of what is taken, once, before it is asked for anything else. It is not waited for here: a plugin may be a container that
    /// this daemon is about to start.
    /// </summary>
    /// <param name="request">How the pools were requested.</param>
    /// <param name="endpoints">What containers that run have.</param>
    public void Replay(Func<RemoteAddressPool, (string Pool, string Range, IReadOnlyDictionary<string, string> Options)> request, IReadOnlyList<EndpointAddresses> endpoints)
    {
        lock (sync)
        {
            pending.Clear();
            pending.AddRange(endpoints);
            replayed = () => ReplayAsync(request);
        }
    }

    // All who come meanwhile wait for the same; after a failure the next one tries again.
    private async Task ReplayedAsync()
    {
        Task running;
        lock (sync)
        {
            if (replayed is null)
            {
                return;
            }

            if (replay is null || replay.IsFaulted)
            {
                Func<Task> begin = replayed;
                replay = Task.Run(begin);
            }

            running = replay;
        }

        await running;
    }

    private async Task ReplayAsync(Func<RemoteAddressPool, (string Pool, string Range, IReadOnlyDictionary<string, string> Options)> request)
    {
        if (!(await ipam.DescribeAsync(driver, PluginPatience.Full, CancellationToken.None)).NeedsReplay)
        {
            _ = EndReplay([]);
            return;
        }

        foreach (RemoteAddressPool pool in Pools)
        {
            (string text, string range, IReadOnlyDictionary<string, string> options) = request(pool);
            LeasedPool leased = await ipam.RequestPoolAsync(driver, text, range, options, pool.Subnet.IsIPv6, CancellationToken.None);
            if (leased.Id != pool.Id)
            {
                throw new EngineException(ErrorKind.Internal, $"plugin \"{driver}\" has another pool for {pool.Subnet} after its restart: \"{leased.Id}\", and \"{pool.Id}\" before");
            }

            if (pool.Gateway is { } gateway && leased.Gateway != gateway)
            {
                await ipam.RequestGatewayAsync(driver, pool.Id, gateway, CancellationToken.None);
            }

            foreach (NetAddress address in pool.AuxAddresses.Values)
            {
                await ipam.RequestAddressAsync(driver, pool.Id, address, null, CancellationToken.None);
            }
        }

        bool needsMac = (await ipam.DescribeAsync(driver, PluginPatience.Full, CancellationToken.None)).NeedsMac;
        var told = new List<EndpointAddresses>();
        foreach (EndpointAddresses endpoint in Pending())
        {
            foreach (NetAddress address in new[] { endpoint.IPv4, endpoint.IPv6 }.OfType<NetAddress>())
            {
                if (PoolOf(address) is { } pool)
                {
                    await ipam.RequestAddressAsync(driver, pool.Id, address, needsMac ? endpoint.Mac : null, CancellationToken.None);
                }
            }

            told.Add(endpoint);
        }

        foreach (EndpointAddresses gone in EndReplay(told))
        {
            await ReleaseBothAsync(gone);
        }
    }

    private List<EndpointAddresses> Pending()
    {
        lock (sync)
        {
            return [.. pending];
        }
    }

    // Who was told of and is gone meanwhile; from here on the end of an endpoint is the plugin's business.
    private List<EndpointAddresses> EndReplay(IReadOnlyList<EndpointAddresses> told)
    {
        lock (sync)
        {
            replayed = null;
            List<EndpointAddresses> gone = [.. told.Where(one => !pending.Exists(other => IsSame(one, other)))];
            pending.Clear();
            return gone;
        }
    }

    private static bool IsSame(EndpointAddresses one, EndpointAddresses other) => one.IPv4 == other.IPv4 && one.IPv6 == other.IPv6;

    private async Task<(NetAddress Address, int PrefixLength)?> TakeOneAsync(NetAddress? wanted, bool isIPv6, MacAddress? mac)
    {
        EngineException? refusal = null;
        foreach (RemoteAddressPool pool in Pools.Where(pool => pool.Subnet.IsIPv6 == isIPv6 && (wanted is not { } asked || pool.Subnet.Contains(asked))))
        {
            try
            {
                (NetAddress Address, int PrefixLength) got = await ipam.RequestAddressAsync(driver, pool.Id, wanted, mac, CancellationToken.None);
                if (pool.Subnet.Contains(got.Address))
                {
                    return got;
                }

                var foreign = new EngineException(ErrorKind.Internal, $"plugin \"{driver}\": IpamDriver.RequestAddress: {got.Address} is not of the pool {pool.Subnet} that it was asked for");
                throw await RemoteUndo.AfterAsync(foreign, () => ipam.ReleaseAddressAsync(driver, pool.Id, got.Address));
            }
            catch (EngineException exception) when (exception.Kind == ErrorKind.Internal)
            {
                refusal ??= exception; // it may have one in another pool
            }
        }

        return refusal is null ? null : throw refusal;
    }

    private Task ReleaseOneAsync(NetAddress address) => PoolOf(address) is { } pool ? ipam.ReleaseAddressAsync(driver, pool.Id, address) : Task.CompletedTask;

    private RemoteAddressPool? PoolOf(NetAddress address) => Pools.FirstOrDefault(pool => pool.Subnet.Contains(address));

    private NetAddress? Read(string? text, bool isIPv6)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (!NetAddress.TryParse(text, out NetAddress address) || address.IsIPv6 != isIPv6)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid {(isIPv6 ? "IPv6" : "IPv4")} address: {text}");
        }

        if (!areSubnetsConfigured)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "user specified IP address is supported only when connecting to networks with user configured subnets");
        }

        return Pools.Any(pool => pool.Subnet.Contains(address))
            ? address
            : throw new EngineException(ErrorKind.InvalidArgument, $"Invalid address {address}: It does not belong to any of this network's subnets");
    }
}
