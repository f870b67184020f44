using System.Net;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers;

/// <summary>What is done inside of a container's network namespace, each on a thread that enters it.</summary>
internal static class Sandbox
{
    private const int Loopback = 1;

    /// <summary>Makes a namespace ready for endpoints; in the calling thread's.</summary>
    /// <remarks>IPv6 stays as it is there, for <c>::1</c>: docker switches it off for each link without an IPv6 address alone.</remarks>
    public static void PrepareHere()
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
        Links.SetUp(route, Loopback);

        // Addresses are planned, so none is looked for at others first: a link asks for no neighbours in the second that this takes.
        if (KernelSettings.HasIPv6)
        {
            KernelSettings.Write("net/ipv6/conf/default/accept_dad", "0");
        }
    }

    /// <summary>Gives a link of the namespace what the plan has for it, and switches it on.</summary>
    public static void Configure(FileDescriptor sandbox, NetworkPlan network, EndpointPlan endpoint) => NetworkNamespace.Run(sandbox, () =>
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
        int link = Find(route, endpoint);

        // As docker: a link of a network without IPv6 is none for IPv6 either, or neighbours could give it addresses and routes.
        if (endpoint.Addresses.IPv6 is null && KernelSettings.HasIPv6)
        {
            KernelSettings.Write(IPv6SwitchOf(endpoint), "1");
        }

        foreach ((string name, string value) in endpoint.Sysctls)
        {
            KernelSettings.Write(KernelSettings.PathOf(name, endpoint.Interface), value);
        }

        AddAddress(route, link, network, endpoint.Addresses.IPv4);
        try
        {
            AddAddress(route, link, network, endpoint.Addresses.IPv6);
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES)
        {
            // Switched off for new links, by the host's settings for new namespaces (net.core.devconf_inherit_init_net) or a sysctl of the container.
            KernelSettings.Write(IPv6SwitchOf(endpoint), "0");
            AddAddress(route, link, network, endpoint.Addresses.IPv6);
        }

        Links.SetUp(route, link);
        AddRoute(route, link, network, endpoint.Addresses.IPv4, endpoint.IsIPv4Gateway);
        AddRoute(route, link, network, endpoint.Addresses.IPv6, endpoint.IsIPv6Gateway);
    });

    /// <summary>Makes the endpoint the default route of its container, or no longer, as its plan says.</summary>
    public static void Reroute(FileDescriptor sandbox, NetworkPlan network, EndpointPlan endpoint) => NetworkNamespace.Run(sandbox, () =>
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
        int link = Find(route, endpoint);
        Reroute(route, link, network, endpoint.Addresses.IPv4, endpoint.IsIPv4Gateway);
        Reroute(route, link, network, endpoint.Addresses.IPv6, endpoint.IsIPv6Gateway);
    });

    private static string IPv6SwitchOf(EndpointPlan endpoint) => $"net/ipv6/conf/{endpoint.Interface}/disable_ipv6";

    private static int Find(NetlinkSocket route, EndpointPlan endpoint) =>
        Links.Find(route, endpoint.Interface)?.Index ?? throw new LinuxException(Errno.ENODEV, "RTM_GETLINK", $"{endpoint.Interface} of endpoint {endpoint.Id}");

    private static void AddAddress(NetlinkSocket route, int link, NetworkPlan network, NetAddress? address)
    {
        if (address is { } own && PoolOf(network, own) is { } pool)
        {
            Addresses.Add(route, LinkText.AddressOf(link, own, pool.Subnet));
        }
    }

    private static void AddRoute(NetlinkSocket route, int link, NetworkPlan network, NetAddress? address, bool isGateway)
    {
        if (isGateway && GatewayOf(network, address) is { } gateway)
        {
            Routes.Replace(route, Route.Default(gateway, link)); // a container that runs has one through another endpoint
        }
    }

    private static void Reroute(NetlinkSocket route, int link, NetworkPlan network, NetAddress? address, bool isGateway)
    {
        if (GatewayOf(network, address) is not { } gateway)
        {
            return;
        }

        if (isGateway)
        {
            // One of another link is replaced, so that there is always one.
            Routes.Replace(route, Route.Default(gateway, link));
            return;
        }

        try
        {
            Routes.Delete(route, Route.Default(gateway, link));
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            // It was replaced by another endpoint's before.
        }
    }

    private static IPAddress? GatewayOf(NetworkPlan network, NetAddress? address) =>
        address is { } own && !network.IsInternal && ModeOf(network, own.IsIPv6) != GatewayMode.Isolated ? PoolOf(network, own)?.Gateway.ToIPAddress() : null;

    private static GatewayMode ModeOf(NetworkPlan network, bool isIPv6) => isIPv6 ? network.IPv6Mode : network.IPv4Mode;

    private static PoolPlan? PoolOf(NetworkPlan network, NetAddress address) =>
        network.Pools.FirstOrDefault(pool => pool.Subnet.Contains(address))
            ?? throw new LinuxException(Errno.EINVAL, "plan", $"{address} is in none of the address ranges of network {network.Id}");
}
