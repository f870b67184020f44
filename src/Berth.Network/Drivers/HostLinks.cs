using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>The links of the namespace that networks are made in, as all drivers use them. Safe for concurrent use. Disposing waits for what is being removed.</summary>
internal sealed class HostLinks(HostNetworkOptions options) : IDisposable
{
    private readonly LinkRemovals removals = new(options);

    /// <summary>The socket of rtnetlink(7) in that namespace.</summary>
    public NetlinkSocket Route { get; } = Open(options, NetlinkFamily.NETLINK_ROUTE);

    public HostNetworkOptions Options => options;

    /// <summary>Opens another socket in that namespace.</summary>
    /// <exception cref="Berth.Model.EngineException">The kernel has no netlink sockets of this kind, or there is no permission.</exception>
    public static NetlinkSocket Open(HostNetworkOptions options, NetlinkFamily family) => KernelRefusal.Told("the kernel cannot be asked for networks", () =>
        options.Namespace is { } there ? NetlinkSocket.Open(family, there) : NetlinkSocket.Open(family));

    /// <summary>The link with a name; null: there is none.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public LinkInfo? Find(string name) => Links.Find(Route, name);

    /// <summary>The id in the alias of a link of ours; empty: a daemon was killed before it could say whose it is; null: somebody else's.</summary>
    public string? IdOf(LinkInfo link) => LinkText.IdOf(options.Owner, link);

    /// <summary>Removes a link; none is no fault.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Delete(int index)
    {
        try
        {
            Links.Delete(Route, index);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // It went by itself, as the other end of a veth does with its namespace.
        }
    }

    /// <summary>
    /// Takes a link's addresses, so that their range is free when this returns, and begins to remove it: it is there for a moment more. None is no fault.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Retire(LinkInfo link)
    {
        foreach (LinkAddress address in Addresses.List(Route, link.Index).Where(static address => !address.Address.IsIPv6LinkLocal))
        {
            try
            {
                Addresses.Delete(Route, address);
            }
            catch (LinuxException e) when (e.Errno is Errno.ENODEV or Errno.EADDRNOTAVAIL)
            {
                // It went with another one, or somebody takes the link away at the same time.
            }
        }

        removals.Begin(link);
    }

    /// <summary>Returns when the kernel has let go of a link of this name that was retired.</summary>
    public void WaitForRetired(string name) => removals.WaitFor(name);

    /// <summary>Removes links of ours.</summary>
    /// <param name="isWanted">Told each with the id in its alias: whether it stays.</param>
    /// <returns>Their names.</returns>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public IReadOnlyList<string> Sweep(Func<LinkInfo, string, bool> isWanted)
    {
        List<string> removed = [];
        foreach (LinkInfo link in Links.List(Route))
        {
            if (IdOf(link) is { } id && !isWanted(link, id))
            {
                Delete(link.Index);
                removed.Add(link.Name);
            }
        }

        return removed;
    }

    /// <summary>The networks that the host has a way or an address to; default routes, groups and link-local addresses are left out.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public IReadOnlyList<Subnet> Subnets()
    {
        IEnumerable<Subnet> routes = Routes.List(Route, table: null)
            .Where(static found => found.Type is not (RouteType.Local or RouteType.Broadcast or RouteType.Multicast) && found.Destination.PrefixLength > 0)
            .Select(static found => Subnet.Of(NetAddress.From(found.Destination.BaseAddress), found.Destination.PrefixLength));
        IEnumerable<Subnet> addresses = Addresses.List(Route).Select(static found => Subnet.Of(NetAddress.From(found.Address), found.PrefixLength));
        return [.. routes.Concat(addresses).Where(static subnet => !subnet.Address.IsMulticast && !subnet.Address.ToIPAddress().IsIPv6LinkLocal).Distinct().Order()];
    }

    /// <summary>That namespace, by a descriptor of the caller's.</summary>
    public FileDescriptor OpenNamespace() => options.Namespace is { } there ? NetworkNamespace.Run(there, NetworkNamespace.OpenOwn) : NetworkNamespace.OpenOwn();

    /// <summary>Runs something in that namespace, for files of /proc/sys/net.</summary>
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

    /// <inheritdoc/>
    public void Dispose()
    {
        removals.Dispose();
        Route.Dispose();
    }
}
