using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers.Bridge;

/// <summary>Bridges of networks, in the host's namespace.</summary>
internal sealed class BridgeLinks(HostLinks links)
{
    /// <summary>Makes a network's bridge, or brings the one that is there into the planned state without taking it down.</summary>
    /// <returns>Its index, and whether it was made.</returns>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: the name is that of a link which is not this network's; <see cref="ErrorKind.NotFound"/>:
    /// a bridge of somebody else's is not there.</exception>
    /// <exception cref="LinuxException">The kernel refused; what was made is removed.</exception>
    public (int Index, bool IsNew) Ensure(BridgePlan network)
    {
        LinkInfo? link = links.Find(network.Bridge);
        if (network.IsBridgeForeign)
        {
            if (link is not { Kind: "bridge" })
            {
                throw new EngineException(ErrorKind.NotFound, $"network {network.Id}: {network.Bridge} should be a bridge that somebody else made, and {(link is null ? "there is no such link" : $"it is none: {link.Kind ?? "a device"}")}");
            }

            Complete(network, link);
            return (link.Index, false);
        }

        if (link is null)
        {
            return (Create(network), true);
        }

        ThrowIfTaken(network, link);
        Repair(network, link);
        return (link.Index, false);
    }

    /// <summary>Removes a network's bridge, unless it is somebody else's; none is no fault. Its addresses are gone when this returns, the link a moment later.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Remove(BridgePlan network)
    {
        if (!network.IsBridgeForeign && links.Find(network.Bridge) is { } link && links.IdOf(link) == network.Id)
        {
            links.Retire(link);
        }
    }

    /// <summary>The addresses of a bridge of somebody else's (<see cref="HostNetwork.FindForeignBridge"/>).</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: it is no bridge, or that of a daemon with another data root.</exception>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<PoolPlan>? FindForeign(HostLinks links, string name)
    {
        if (links.Find(name) is not { } link || links.IdOf(link) is not null)
        {
            return null;
        }

        if (link.Kind != "bridge")
        {
            throw new EngineException(ErrorKind.Conflict, $"{name} is to be the default network's bridge, and is none ({link.Kind ?? "a device"}): choose another name (--bridge)");
        }

        if (link.Alias?.StartsWith(LinkText.AnyAlias, StringComparison.Ordinal) == true)
        {
            throw new EngineException(ErrorKind.Conflict, $"{name} is the bridge of a daemon with another data root (alias \"{link.Alias}\"): choose another name (--bridge), or remove it when that one is gone (ip link delete {name})");
        }

        return [.. Addresses.List(links.Route, link.Index).Where(static found => !found.Address.IsIPv6LinkLocal)
            .Select(static found => (Address: NetAddress.From(found.Address), found.PrefixLength))
            .Select(static found => new PoolPlan(Subnet.Of(found.Address, found.PrefixLength), found.Address))];
    }

    private int Create(BridgePlan network)
    {
        // A bridge without an address of its own has that of one of its ports, another one each time: neighbours would know the wrong one.
        int index = Links.Create(links.Route, new BridgeConfig
        {
            Name = network.Bridge, Mtu = network.Mtu, Mac = LinkText.MacOf(Ipam.MacAddress.Random()), Alias = LinkText.AliasOf(links.Options.Owner, network.Id),
            Group = LinkText.GroupOf(links.Options.Owner),
        });
        try
        {
            Configure(network, index);
            Links.SetUp(links.Route, index);
            return index;
        }
        catch
        {
            links.Delete(index);
            throw;
        }
    }

    // A daemon that was killed between two messages has made a bridge without alias: it is of our group, or its name is of digits that are nobody else's.
    private void ThrowIfTaken(BridgePlan network, LinkInfo link)
    {
        string? id = links.IdOf(link);
        bool isOurs = id == network.Id;
        bool isHalfMade = id is "" || link is { Kind: "bridge", Alias: null or "", IsUp: false } && network.Bridge == "br-" + network.Id[..12];
        if (!isOurs && !isHalfMade)
        {
            throw new EngineException(ErrorKind.Conflict,
                $"network {network.Id} needs the name {network.Bridge} for its bridge, and another link has it ({link.Kind ?? "a device"}{(string.IsNullOrEmpty(link.Alias) ? "" : $", alias \"{link.Alias}\"")}): remove or rename that one, or choose another name (com.docker.network.bridge.name)");
        }

        if (!isOurs)
        {
            Links.Change(links.Route, link.Index, new LinkChange { Alias = LinkText.AliasOf(links.Options.Owner, network.Id) });
        }
    }

    private void Repair(BridgePlan network, LinkInfo link)
    {
        if (network.Mtu is { } mtu && link.Mtu != mtu)
        {
            Links.Change(links.Route, link.Index, new LinkChange { Mtu = mtu });
        }

        Configure(network, link.Index);
        if (!link.IsUp)
        {
            Links.SetUp(links.Route, link.Index);
        }
    }

    private void Configure(BridgePlan network, int index)
    {
        links.InNamespace(() => ApplySettings(network));
        List<LinkAddress> there = [.. Addresses.List(links.Route, index)], wanted = WantedOf(network, index);
        AddMissing(wanted, there);

        // Link-local ones are the kernel's.
        foreach (LinkAddress address in there.Where(known => !known.Address.IsIPv6LinkLocal && !wanted.Exists(address => IsSame(known, address))))
        {
            Addresses.Delete(links.Route, address);
        }
    }

    // Somebody else's bridge gets what it lacks, and keeps what it has. Its other settings are its owner's: it may be the host's way to everything.
    private void Complete(BridgePlan network, LinkInfo link)
    {
        links.InNamespace(() =>
        {
            KernelSettings.Ensure($"net/ipv4/conf/{network.Bridge}/route_localnet", "1"); // as below
            if (KernelSettings.HasIPv6 && network.Pools.Any(static pool => pool.Subnet.IsIPv6))
            {
                KernelSettings.Ensure($"net/ipv6/conf/{network.Bridge}/disable_ipv6", "0");
            }
        });
        AddMissing(WantedOf(network, link.Index), [.. Addresses.List(links.Route, link.Index)]);
        if (!link.IsUp)
        {
            Links.SetUp(links.Route, link.Index);
        }
    }

    private static List<LinkAddress> WantedOf(BridgePlan network, int index) =>
        [.. network.Pools.Where(pool => network.ModeOf(pool.Subnet.IsIPv6) != GatewayMode.Isolated && pool.Gateway is not null)
            .Select(pool => LinkText.AddressOf(index, pool.Gateway!.Value, pool.Subnet))]; // asked just before

    private void AddMissing(List<LinkAddress> wanted, List<LinkAddress> there)
    {
        foreach (LinkAddress address in wanted.Where(address => !there.Exists(known => IsSame(known, address))))
        {
            Addresses.Add(links.Route, address);
        }
    }

    private static bool IsSame(LinkAddress one, LinkAddress other) => one.Address.Equals(other.Address) && one.PrefixLength == other.PrefixLength;

    private static void ApplySettings(BridgePlan network)
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
