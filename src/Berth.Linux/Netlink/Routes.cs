using System.Net;
using System.Net.Sockets;

namespace Berth.Linux.Netlink;

/// <summary>What a route does with packets. Numbers are the kernel's.</summary>
public enum RouteType : byte
{
    /// <summary>Not said.</summary>
    None = 0,

    /// <summary>Sends them on.</summary>
    Unicast = 1,

    /// <summary>Takes them as its own.</summary>
    Local = 2,

    /// <summary>Sends them to all of the link.</summary>
    Broadcast = 3,

    /// <summary>Sends them to a group.</summary>
    Multicast = 5,

    /// <summary>Drops them.</summary>
    Blackhole = 6,

    /// <summary>Answers that there is no way.</summary>
    Unreachable = 7,

    /// <summary>Answers that it is forbidden.</summary>
    Prohibit = 8,
}

/// <summary>A route, ip-route(8).</summary>
public sealed record Route
{
    /// <summary>The number of the table that is looked in last but one, and in which everything is unless said otherwise.</summary>
    public const uint MainTable = 254;

    /// <summary>Where to; <c>0.0.0.0/0</c> and <c>::/0</c> are the default. Its family is the route's.</summary>
    public required IPNetwork Destination { get; init; }

    /// <summary>What to do.</summary>
    public RouteType Type { get; init; } = RouteType.Unicast;

    /// <summary>Through which router; null: those of the network are on the link itself.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Through which link; null: the one on which the gateway is.</summary>
    public int? Link { get; init; }

    /// <summary>Of several routes to the same network the one with the smallest number counts. 0: the kernel's default, which for IPv6 is 1024.</summary>
    public uint Metric { get; init; }

    /// <summary>Which of the host's addresses is the sender's; null: the kernel chooses.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>Whether the gateway is taken to be on the link though no route says so (<c>onlink</c>).</summary>
    public bool IsOnLink { get; init; }

    /// <summary>RT_SCOPE_*; null: 253 (link) without a gateway and 0 (everywhere) with one.</summary>
    public byte? Scope { get; init; }

    /// <summary>Who made it: 2 the kernel, 3 somebody at boot, 4 an administrator.</summary>
    public byte Protocol { get; init; } = 3;

    /// <summary>The number of its table.</summary>
    public uint Table { get; init; } = MainTable;

    /// <summary>The default route through a router.</summary>
    public static Route Default(IPAddress gateway, int? link = null) => new() { Destination = DefaultOf(gateway.AddressFamily), Gateway = gateway, Link = link };

    /// <summary>The network that holds all addresses of a family.</summary>
    public static IPNetwork DefaultOf(AddressFamily family) =>
        new(family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
}

/// <summary>Routes: RTM_*ROUTE of rtnetlink(7).</summary>
public static class Routes
{
    private const int RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_TABLE = 15;
    private const byte RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RT_SCOPE_HOST = 254, RT_SCOPE_NOWHERE = 255, RT_TABLE_COMPAT = 252;
    private const uint RTNH_F_ONLINK = 4, RTM_F_CLONED = 0x200;

    /// <summary>Adds a route.</summary>
    /// <exception cref="LinuxException">EEXIST: there is one to the same network with the same metric; ENETUNREACH: no way to the gateway.</exception>
    public static void Add(NetlinkSocket socket, Route route) =>
        Send(socket, route, RouteMessages.RTM_NEWROUTE, NetlinkFlags.Create | NetlinkFlags.Exclusive, "RTM_NEWROUTE");

    /// <summary>Adds a route, in the place of one to the same network with the same metric if there is one.</summary>
    /// <exception cref="LinuxException">ENETUNREACH: no way to the gateway.</exception>
    public static void Replace(NetlinkSocket socket, Route route) =>
        Send(socket, route, RouteMessages.RTM_NEWROUTE, NetlinkFlags.Create | NetlinkFlags.Replace, "RTM_NEWROUTE");

    /// <summary>Deletes a route. What is not said (a metric of 0, no gateway, no link) matches any.</summary>
    /// <exception cref="LinuxException">ESRCH: there is none.</exception>
    public static void Delete(NetlinkSocket socket, Route route) =>
        Send(socket, route, RouteMessages.RTM_DELROUTE, NetlinkFlags.None, "RTM_DELROUTE");

    /// <summary>Routes of a table. Those with several next hops have neither gateway nor link here.</summary>
    /// <param name="socket">In the namespace.</param>
    /// <param name="family">IPv4, IPv6, or both.</param>
    /// <param name="table">Its number; null: all tables.</param>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<Route> List(NetlinkSocket socket, AddressFamily family = AddressFamily.Unspecified, uint? table = Route.MainTable)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_GETROUTE, NetlinkFlags.Dump);
        request.Fixed(new RouteHeader { Family = RouteMessages.FamilyOf(family) });
        request.End();
        return socket.Query<Route>(request, Parse, "RTM_GETROUTE", "").FindAll(route => table is null || route.Table == table);
    }

    /// <summary>What a message of RTM_NEWROUTE or RTM_DELROUTE says; null for a family that is not of the internet, and for what is only remembered.</summary>
    /// <exception cref="InvalidDataException">It is cut, or its addresses are no such.</exception>
    internal static Route? Read(in NetlinkMessage message)
    {
        RouteHeader header = message.Fixed<RouteHeader>();
        if (header.Family is not (RouteMessages.AF_INET or RouteMessages.AF_INET6) || (header.Flags & RTM_F_CLONED) != 0)
            return null;
        IPAddress destination = header.Family == RouteMessages.AF_INET ? IPAddress.Any : IPAddress.IPv6Any;
        IPAddress? gateway = null, source = null;
        int? link = null;
        uint metric = 0, table = header.Table;
        foreach (NetlinkAttribute attribute in message.Attributes(RouteHeader.Size))
        {
            switch (attribute.Type)
            {
                case RTA_DST: destination = RouteMessages.ReadAddress(attribute); break;
                case RTA_GATEWAY: gateway = RouteMessages.ReadAddress(attribute); break;
                case RTA_PREFSRC: source = RouteMessages.ReadAddress(attribute); break;
                case RTA_OIF: link = attribute.Int32; break;
                case RTA_PRIORITY: metric = attribute.UInt32; break;
                case RTA_TABLE: table = attribute.UInt32; break;
            }
        }

        return new Route
        {
            Destination = NetworkOf(destination, header.DestinationLength), Type = (RouteType)header.Type, Gateway = gateway, Link = link, Metric = metric,
            Source = source, IsOnLink = (header.Flags & RTNH_F_ONLINK) != 0, Scope = header.Scope, Protocol = header.Protocol, Table = table,
        };
    }

    private static IPNetwork NetworkOf(IPAddress address, int length)
    {
        try
        {
            return new IPNetwork(address, length);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"a route to {address}/{length}", e);
        }
    }

    private static void Send(NetlinkSocket socket, Route route, ushort type, NetlinkFlags flags, string call)
    {
        bool isDeletion = type == RouteMessages.RTM_DELROUTE;
        using var request = new NetlinkWriter();
        request.Begin(type, flags | NetlinkFlags.Ack);
        request.Fixed(new RouteHeader
        {
            Family = RouteMessages.FamilyOf(route.Destination.BaseAddress),
            DestinationLength = (byte)route.Destination.PrefixLength,
            Table = route.Table <= byte.MaxValue ? (byte)route.Table : RT_TABLE_COMPAT,
            Protocol = isDeletion ? (byte)0 : route.Protocol,
            Scope = route.Scope ?? DefaultScope(route, isDeletion),
            Type = (byte)(isDeletion && route.Type == RouteType.Unicast ? RouteType.None : route.Type),
            Flags = route.IsOnLink && !isDeletion ? RTNH_F_ONLINK : 0,
        });
        if (route.Destination.PrefixLength > 0)
            request.Address(RTA_DST, route.Destination.BaseAddress);
        if (route.Gateway is { } gateway)
            request.Address(RTA_GATEWAY, gateway);
        if (route.Link is { } link)
            request.Int32(RTA_OIF, link);
        if (route.Metric != 0)
            request.UInt32(RTA_PRIORITY, route.Metric);
        if (route.Source is { } source)
            request.Address(RTA_PREFSRC, source);
        request.UInt32(RTA_TABLE, route.Table);
        request.End();
        socket.Request(request, call, Describe(route));
    }

    private static byte DefaultScope(Route route, bool isDeletion)
    {
        if (isDeletion)
            return RT_SCOPE_NOWHERE; // Any.
        return route.Type switch
        {
            RouteType.Local => RT_SCOPE_HOST,
            RouteType.Unicast when route.Gateway is null => RT_SCOPE_LINK,
            _ => RT_SCOPE_UNIVERSE,
        };
    }

    private static string Describe(Route route) =>
        $"{route.Destination}{(route.Gateway is { } gateway ? $" via {gateway}" : "")}{(route.Link is { } link ? $" on link {link}" : "")}";

    private static void Parse(in NetlinkMessage message, List<Route> routes)
    {
        if (message.Type == RouteMessages.RTM_NEWROUTE && Read(message) is { } route)
            routes.Add(route);
    }
}
