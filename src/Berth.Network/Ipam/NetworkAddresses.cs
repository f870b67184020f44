using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>What a user asked of an endpoint's addresses: the API's texts, null or empty where nothing was said.</summary>
public sealed record EndpointAddressRequest
{
    public string? IPv4 { get; init; }

    public string? IPv6 { get; init; }

    public string? Mac { get; init; }
}

/// <summary>What an endpoint got; kept in its container's record.</summary>
public sealed record EndpointAddresses
{
    public NetAddress? IPv4 { get; init; }

    public NetAddress? IPv6 { get; init; }

    public required MacAddress Mac { get; init; }
}

/// <summary>The pools of one network, of either family. Safe for concurrent use.</summary>
public sealed class NetworkAddresses
{
    private readonly string name;
    private readonly string id;
    private readonly bool isUserDefined;
    private readonly bool areSubnetsConfigured;

    /// <param name="name">The network's, for messages.</param>
    /// <param name="id">The network's, for messages.</param>
    /// <param name="pools">Of each family none, one, or several that are used up in turn.</param>
    /// <param name="isUserDefined">Not the default network: endpoints may ask for addresses.</param>
    /// <param name="areSubnetsConfigured">A user wrote the subnets, so that an address asked for today is right tomorrow.</param>
    public NetworkAddresses(string name, string id, IReadOnlyList<AddressPool> pools, bool isUserDefined, bool areSubnetsConfigured)
    {
        this.name = name;
        this.id = id;
        this.isUserDefined = isUserDefined;
        this.areSubnetsConfigured = areSubnetsConfigured;
        Pools = pools;
    }

    public IReadOnlyList<AddressPool> Pools { get; }

    /// <summary>Checks what an endpoint asks, without taking anything; also when its container is made.</summary>
    /// <exception cref="EngineException">In dockerd's words. <see cref="ErrorKind.InvalidArgument"/>: not an address, none of this network's, or this network gives none on request.</exception>
    public void Check(EndpointAddressRequest request) => _ = Read(request);

    /// <summary>One address of each family the network has, all or none; a MAC that is asked for or follows from the IPv4 address.</summary>
    /// <exception cref="EngineException">In dockerd's words. As <see cref="Check"/>; <see cref="ErrorKind.Forbidden"/>: an address is taken;
    /// <see cref="ErrorKind.Internal"/>: none is left.</exception>
    public EndpointAddresses Take(EndpointAddressRequest request)
    {
        (NetAddress? wanted4, NetAddress? wanted6, MacAddress? mac) = Read(request);
        NetAddress? ipv4 = TakeOne(wanted4, isIPv6: false);
        try
        {
            NetAddress? ipv6 = TakeOne(wanted6, isIPv6: true);
            return new EndpointAddresses { IPv4 = ipv4, IPv6 = ipv6, Mac = mac ?? (ipv4 is { } known ? MacAddress.Of(known) : MacAddress.Random()) };
        }
        catch when (ipv4 is not null)
        {
            Release(ipv4.Value);
            throw;
        }
    }

    /// <summary>Notes what endpoints have according to their records.</summary>
    public void Restore(IEnumerable<EndpointAddresses> endpoints)
    {
        List<NetAddress> addresses = [.. endpoints.SelectMany(Addresses)];
        foreach (AddressPool pool in Pools)
        {
            pool.Restore(addresses);
        }
    }

    /// <summary>Gives an endpoint's addresses back; again is no fault.</summary>
    public void Release(EndpointAddresses endpoint)
    {
        foreach (NetAddress address in Addresses(endpoint))
        {
            Release(address);
        }
    }

    private static IEnumerable<NetAddress> Addresses(EndpointAddresses endpoint)
    {
        if (endpoint.IPv4 is { } ipv4)
        {
            yield return ipv4;
        }

        if (endpoint.IPv6 is { } ipv6)
        {
            yield return ipv6;
        }
    }

    private (NetAddress? IPv4, NetAddress? IPv6, MacAddress? Mac) Read(EndpointAddressRequest request)
    {
        NetAddress? ipv4 = ReadAddress(request.IPv4, isIPv6: false);
        NetAddress? ipv6 = ReadAddress(request.IPv6, isIPv6: true);
        return (ipv4, ipv6, string.IsNullOrEmpty(request.Mac) ? null : MacAddress.Parse(request.Mac));
    }

    private NetAddress? ReadAddress(string? text, bool isIPv6)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (!NetAddress.TryParse(text, out NetAddress address) || address.IsIPv6 != isIPv6)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid {Family(isIPv6)} address: {text}");
        }

        if (!isUserDefined)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "user specified IP address is supported on user defined networks only");
        }

        if (!areSubnetsConfigured)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "user specified IP address is supported only when connecting to networks with user configured subnets");
        }

        return Pools.Any(pool => pool.Subnet.Contains(address))
            ? address
            : throw new EngineException(ErrorKind.InvalidArgument, $"Invalid address {address}: It does not belong to any of this network's subnets");
    }

    private NetAddress? TakeOne(NetAddress? wanted, bool isIPv6)
    {
        if (wanted is { } address)
        {
            Pools.First(pool => pool.Subnet.Contains(address)).Take(address);
            return address;
        }

        bool hasFamily = false;
        foreach (AddressPool pool in Pools)
        {
            if (pool.Subnet.IsIPv6 == isIPv6)
            {
                hasFamily = true;
                if (pool.TryTake(out NetAddress free))
                {
                    return free;
                }
            }
        }

        return hasFamily ? throw new EngineException(ErrorKind.Internal, $"no available {Family(isIPv6)} addresses on this network's address pools: {name} ({id})") : null;
    }

    private void Release(NetAddress address)
    {
        foreach (AddressPool pool in Pools)
        {
            pool.Release(address);
        }
    }

    private static string Family(bool isIPv6) => isIPv6 ? "IPv6" : "IPv4";
}
