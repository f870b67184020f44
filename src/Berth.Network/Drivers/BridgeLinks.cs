using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>Bridges of networks, in the host's namespace.</summary>
internal sealed class BridgeLinks(HostNetworkOptions options, NetlinkSocket route)
{
    /// <summary>Makes a network's bridge, or brings the one that is there into the planned state without taking it down.</summary>
    /// <returns>Its index, and whether it was made.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: the name is that of a link which is not this network's; <see cref="ErrorKind.NotFound"/>:
    /// a bridge of somebody else's is not there.</exception>
    /// <exception cref="LinuxException">The kernel refused; what was made is removed.</exception>
    public (int Index, bool IsNew) Ensure(NetworkPlan network)
    {
        LinkInfo? link = Links.Find(route, network.Bridge);
        if (network.IsBridgeForeign)
        {
            return link is { Kind: "bridge" }
                ? (link.Index, false)
                : throw new EngineException(ErrorKind.NotFound, $"network {network.Id}: {network.Bridge} should be a bridge that somebody else made, and {(link is null ? "there is no such link" : $"it is none: {link.Kind ?? "a device"}")}");
        }

        if (link is null)
        {
            return (Create(network), true);
        }

        ThrowIfTaken(network, link);
        Repair(network, link);
        return (link.Index, false);
    }

    /// <summary>Removes a network's bridge, unless it is somebody else's; none is no fault.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Remove(NetworkPlan network)
    {
        if (!network.IsBridgeForeign && Links.Find(route, network.Bridge) is { } link && LinkText.IdOf(options.Owner, link) == network.Id)
        {
            Delete(link.Index);
        }
    }

    /// <summary>Removes a link; none is no fault.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Delete(int index)
    {
        try
        {
            Links.Delete(route, index);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // It went by itself, as the other end of a veth does with its namespace.
        }
    }

    /// <summary>Runs something in the namespace whose bridges these are, for files of /proc/sys/net.</summary>
    public void InNamespace(Action action)
    {
        if (options.Namespace is { } there)
        {
            NetworkNamespace.Run(there, action);
        }
        else
        {
            action();
        }
    }

    private int Create(NetworkPlan network)
    {
        // A bridge without an address of its own has that of one of its ports, another one each time: neighbours would know the wrong one.
        int index = Links.Create(route, new BridgeConfig
        {
            Name = network.Bridge, Mtu = network.Mtu, Mac = LinkText.MacOf(Ipam.MacAddress.Random()), Alias = LinkText.AliasOf(options.Owner, network.Id),
            Group = LinkText.GroupOf(options.Owner),
        });
        try
        {
            Configure(network, index);
            Links.SetUp(route, index);
            return index;
        }
        catch
        {
            Delete(index);
            throw;
        }
    }

    // A daemon that was killed between two messages has made a bridge without alias: it is of our group, or its name is of digits that are nobody else's.
    private void ThrowIfTaken(NetworkPlan network, LinkInfo link)
    {
        string? id = LinkText.IdOf(options.Owner, link);
        bool isOurs = id == network.Id;
        bool isHalfMade = id is "" || link is { Kind: "bridge", Alias: null or "", IsUp: false } && network.Bridge == "br-" + network.Id[..12];
        if (!isOurs && !isHalfMade)
        {
            throw new EngineException(ErrorKind.Conflict,
                $"network {network.Id} needs the name {network.Bridge} for its bridge, and another link has it ({link.Kind ?? "a device"}{(string.IsNullOrEmpty(link.Alias) ? "" : $", alias \"{link.Alias}\"")}): remove or rename that one, or choose another name (com.docker.network.bridge.name)");
        }

        if (!isOurs)
        {
            Links.Change(route, link.Index, new LinkChange { Alias = LinkText.AliasOf(options.Owner, network.Id) });
        }
    }

    private void Repair(NetworkPlan network, LinkInfo link)
    {
        if (network.Mtu is { } mtu && link.Mtu != mtu)
        {
            Links.Change(route, link.Index, new LinkChange { Mtu = mtu });
        }

        Configure(network, link.Index);
        if (!link.IsUp)
        {
            Links.SetUp(route, link.Index);
        }
    }

    private void Configure(NetworkPlan network, int index)
    {
        InNamespace(() => ApplySettings(network));
        List<LinkAddress> there = [.. Addresses.List(route, index)];
        List<LinkAddress> wanted = [.. network.Pools.Where(pool => HasAddress(network, pool)).Select(pool => LinkText.AddressOf(index, pool.Gateway, pool.Subnet))];
        foreach (LinkAddress address in wanted.Where(address => !there.Exists(known => IsSame(known, address))))
        {
            Addresses.Add(route, address);
        }

        // Link-local ones are the kernel's.
        foreach (LinkAddress address in there.Where(known => !known.Address.IsIPv6LinkLocal && !wanted.Exists(address => IsSame(known, address))))
        {
            Addresses.Delete(route, address);
        }
    }

    private static bool IsSame(LinkAddress one, LinkAddress other) => one.Address.Equals(other.Address) && one.PrefixLength == other.PrefixLength;

    private static bool HasAddress(NetworkPlan network, PoolPlan pool) => (pool.Subnet.IsIPv6 ? network.IPv6Mode : network.IPv4Mode) != GatewayMode.Isolated;

    private static void ApplySettings(NetworkPlan network)
    {
        string ipv4 = $"net/ipv4/conf/{network.Bridge}/", ipv6 = $"net/ipv6/conf/{network.Bridge}/";
        if (!network.IsInternal)
        {
            // What a program of the host sends to a published port of 127.0.0.1 goes to the container with that address as its sender until it leaves, and its
            // answer comes in by the bridge. What containers send to or from such addresses is dropped by the rules.
            KernelSettings.Ensure(ipv4 + "route_localnet", "1");
        }

        if (!KernelSettings.HasIPv6)
        {
            return;
        }

        // The host takes no routes from containers; the network's address needs no second to find out whether somebody has it.
        KernelSettings.Ensure(ipv6 + "accept_ra", "0");
        KernelSettings.Ensure(ipv6 + "accept_dad", "0");
        if (network.Pools.Any(static pool => pool.Subnet.IsIPv6))
        {
            KernelSettings.Ensure(ipv6 + "disable_ipv6", "0");
        }
    }
}
