using System.Net;
using System.Net.Sockets;
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

    /// <summary>Gives a link of the namespace what is planned for it, and switches it on.</summary>
    public static void Configure(FileDescriptor sandbox, SandboxLink plan) => NetworkNamespace.Run(sandbox, () =>
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
        int link = Find(route, plan);

        if (plan.Mac is { } mac)
        {
            Links.Change(route, link, new LinkChange { Mac = LinkText.MacOf(mac) });
        }

        // As docker: a link of a network without IPv6 is none for IPv6 either, or neighbours could give it addresses and routes.
        if (!plan.HasIPv6 && KernelSettings.HasIPv6)
        {
            KernelSettings.Write(IPv6SwitchOf(plan), "1");
        }

        foreach ((string name, string value) in plan.Sysctls)
        {
            KernelSettings.Write(KernelSettings.PathOf(name, plan.Name), value);
        }

        foreach ((NetAddress address, Subnet subnet) in plan.Addresses)
        {
            AddAddress(route, plan, LinkText.AddressOf(link, address, subnet));
        }

        Links.SetUp(route, link);
        foreach (StaticRoute way in plan.Routes)
        {
            Routes.Add(route, new Route { Destination = new IPNetwork(way.Destination.Address.ToIPAddress(), way.Destination.PrefixLength), Gateway = way.Gateway?.ToIPAddress(), Link = link });
        }

        foreach (AddressFamily family in (ReadOnlySpan<AddressFamily>)[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            if (DefaultOf(plan, family, link) is { } wayOut && IsGateway(plan, family))
            {
                Routes.Replace(route, wayOut); // a container that runs has one through another endpoint
            }
        }
    });

    /// <summary>Removes links of a group that are on a device of another namespace, those of which nobody knows; in a namespace whose links nobody changes meanwhile.</summary>
    /// <remarks>A daemon in a container may have a data root of the same path, and so the group; its links are on devices of its own.</remarks>
    /// <param name="sandbox">The namespace.</param>
    /// <param name="group">The group.</param>
    /// <param name="isKnown">Told their names.</param>
    public static void Sweep(FileDescriptor sandbox, uint group, Predicate<string> isKnown)
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, sandbox);
        foreach (LinkInfo link in Links.List(route).Where(link => link.Group == group && link.LowerNamespace is not null && !isKnown(link.Name)))
        {
            Links.Delete(route, link.Index);
        }
    }

    /// <summary>Makes the link the default route of its container, or no longer, as its plan says.</summary>
    public static void Reroute(FileDescriptor sandbox, SandboxLink plan) => NetworkNamespace.Run(sandbox, () =>
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE);
        int link = Find(route, plan);
        foreach (AddressFamily family in (ReadOnlySpan<AddressFamily>)[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            if (DefaultOf(plan, family, link) is { } wayOut)
            {
                Reroute(route, wayOut, IsGateway(plan, family));
            }
        }
    });

    private static string IPv6SwitchOf(SandboxLink plan) => $"net/ipv6/conf/{plan.Name}/disable_ipv6";

    private static int Find(NetlinkSocket route, SandboxLink plan) =>
        Links.Find(route, plan.Name)?.Index ?? throw new LinuxException(Errno.ENODEV, "RTM_GETLINK", $"{plan.Name} of endpoint {plan.EndpointId}");

    private static void AddAddress(NetlinkSocket route, SandboxLink plan, LinkAddress address)
    {
        try
        {
            Addresses.Add(route, address);
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES && address.Address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            // Switched off for new links, by the host's settings for new namespaces (net.core.devconf_inherit_init_net) or a sysctl of the container.
            KernelSettings.Write(IPv6SwitchOf(plan), "0");
            Addresses.Add(route, address);
        }
    }

    private static void Reroute(NetlinkSocket route, Route wayOut, bool isGateway)
    {
        if (isGateway)
        {
            // One of another link is replaced, so that there is always one.
            Routes.Replace(route, wayOut);
            return;
        }

        try
        {
            Routes.Delete(route, wayOut);
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            // It was replaced by another endpoint's before.
        }
    }

    private static bool IsGateway(SandboxLink plan, AddressFamily family) => family == AddressFamily.InterNetworkV6 ? plan.IsIPv6Gateway : plan.IsIPv4Gateway;

    private static Route? DefaultOf(SandboxLink plan, AddressFamily family, int link) =>
        (family == AddressFamily.InterNetworkV6 ? plan.IPv6WayOut : plan.IPv4WayOut) is { } way
            ? new Route { Destination = Route.DefaultOf(family), Gateway = way.Gateway?.ToIPAddress(), Link = link }
            : null;
}
