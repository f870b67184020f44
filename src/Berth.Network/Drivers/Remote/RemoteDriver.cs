using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers.Remote;

/// <summary>
/// The kernel's part of networks that plugins make: a link that a plugin made in the host's namespace goes into a container's and, when the container leaves, back. Nothing here
/// asks a plugin (<see cref="RemoteNetworks"/> does), so nothing waits for one.
/// </summary>
internal sealed class RemoteDriver(HostLinks links) : INetworkDriver
{
    /// <inheritdoc/>
    public void Add(NetworkPlan plan)
    {
        // The plugin has made what it has of it.
    }

    /// <inheritdoc/>
    public void Remove(NetworkPlan plan)
    {
        // As above.
    }

    /// <inheritdoc/>
    public void Connect(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        if (LinkOf(endpoint) is not { } remote)
        {
            return; // the plugin gives no link: it has other means, as docker lets it
        }

        KernelRefusal.Told($"{endpoint.Interface} cannot be connected to network {endpoint.NetworkId}", () =>
        {
            LinkInfo link = links.Find(remote.Source)
                ?? throw new EngineException(ErrorKind.Internal, $"the link {remote.Source} that the plugin named for endpoint {endpoint.Id} is not there");
            Links.SetUp(links.Route, link.Index, isUp: false); // links that are on cannot be renamed
            try
            {
                Links.Change(links.Route, link.Index, new LinkChange { Name = endpoint.Interface, Namespace = sandbox });
                Sandbox.Configure(sandbox, ToSandbox(endpoint, remote));
            }
            catch
            {
                Return(endpoint, remote, sandbox);
                throw;
            }
        });
    }

    /// <inheritdoc/>
    public void Disconnect(EndpointPlan endpoint, FileDescriptor? sandbox)
    {
        if (sandbox is not null && LinkOf(endpoint) is { } remote)
        {
            KernelRefusal.Told($"{endpoint.Interface} cannot be disconnected from network {endpoint.NetworkId}", () => Return(endpoint, remote, sandbox));
        }
    }

    /// <inheritdoc/>
    public void Reroute(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        if (LinkOf(endpoint) is { } remote)
        {
            KernelRefusal.Told($"{endpoint.Interface} of network {endpoint.NetworkId} cannot be rerouted", () => Sandbox.Reroute(sandbox, ToSandbox(endpoint, remote)));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> plans, IReadOnlyList<EndpointPlan> endpoints) => [];

    private static RemoteLink? LinkOf(EndpointPlan endpoint) => endpoint.Remote is { Source.Length: > 0 } remote ? remote : null;

    private static SandboxLink ToSandbox(EndpointPlan endpoint, RemoteLink remote)
    {
        var addresses = new List<(NetAddress, Subnet)>();
        Add(endpoint.Addresses.IPv4, remote.IPv4PrefixLength);
        Add(endpoint.Addresses.IPv6, remote.IPv6PrefixLength);
        addresses.AddRange(endpoint.LinkLocal);
        return new SandboxLink
        {
            Name = endpoint.Interface,
            Mac = endpoint.Addresses.Mac.IsEmpty ? null : endpoint.Addresses.Mac,
            EndpointId = endpoint.Id,
            Addresses = addresses,
            IPv4WayOut = remote.IPv4Gateway is { } ipv4 ? new WayOut(ipv4) : null,
            IPv6WayOut = remote.IPv6Gateway is { } ipv6 ? new WayOut(ipv6) : null,
            IsIPv4Gateway = endpoint.IsIPv4Gateway,
            IsIPv6Gateway = endpoint.IsIPv6Gateway,
            Routes = [.. remote.Routes.Select(static route => new StaticRoute(route.Destination, route.NextHop))],
            Sysctls = endpoint.Sysctls,
        };

        void Add(NetAddress? address, int prefixLength)
        {
            if (address is { } known)
            {
                addresses.Add((known, Subnet.Of(known, prefixLength)));
            }
        }
    }

    // By the name that the plugin knows. One that the plugin has removed already is no fault.
    private void Return(EndpointPlan endpoint, RemoteLink remote, FileDescriptor sandbox)
    {
        FileDescriptor? opened = links.Options.Namespace is null ? NetworkNamespace.OpenOwn() : null;
        using (opened)
        {
            FileDescriptor host = links.Options.Namespace ?? opened!; // one is there
            NetworkNamespace.Run(sandbox, () =>
            {
                using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
                if (Links.Find(route, endpoint.Interface) is { } link)
                {
                    Links.SetUp(route, link.Index, isUp: false);
                    Links.Change(route, link.Index, new LinkChange { Name = remote.Source, Namespace = host });
                }
            });
        }
    }
}
