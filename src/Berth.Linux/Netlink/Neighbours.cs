using System.Net;
using System.Net.Sockets;

namespace Berth.Linux.Netlink;

/// <summary>What is known of a neighbour, ip-neighbour(8). Numbers are the kernel's.</summary>
[Flags]
public enum NeighbourState : ushort
{
    /// <summary>Nothing.</summary>
    None = 0,
    Incomplete = 0x01,
    Reachable = 0x02,
    Stale = 0x04,
    Delay = 0x08,
    Probe = 0x10,
    Failed = 0x20,
    NoArp = 0x40,

    /// <summary>Somebody said so, and it stays.</summary>
    Permanent = 0x80,
}

/// <summary>Which Ethernet address an address on a link has.</summary>
public sealed record Neighbour
{
    /// <summary>The link's index.</summary>
    public required int Link { get; init; }

    /// <summary>IPv4 or IPv6.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>Null: not known yet, or the link has none.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>How it is known.</summary>
    public NeighbourState State { get; init; } = NeighbourState.Permanent;
}

/// <summary>The tables of ARP and of IPv6's neighbour discovery: RTM_*NEIGH of rtnetlink(7).</summary>
public static class Neighbours
{
    private const int NDA_DST = 1, NDA_LLADDR = 2;

    /// <summary>Adds a neighbour, or replaces what is known of it.</summary>
    /// <exception cref="LinuxException">ENODEV: there is no such link.</exception>
    public static void Add(NetlinkSocket socket, Neighbour neighbour)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_NEWNEIGH, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Replace);
        Write(request, neighbour, neighbour.State);
        if (neighbour.Mac is { } mac)
            request.Address(NDA_LLADDR, mac);
        request.End();
        socket.Request(request, "RTM_NEWNEIGH", Describe(neighbour));
    }

    /// <summary>Forgets a neighbour.</summary>
    /// <exception cref="LinuxException">ENOENT: it is not known.</exception>
    public static void Delete(NetlinkSocket socket, Neighbour neighbour)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_DELNEIGH, NetlinkFlags.Ack);
        Write(request, neighbour, NeighbourState.None);
        request.End();
        socket.Request(request, "RTM_DELNEIGH", Describe(neighbour));
    }

    /// <summary>Neighbours on one link, or on all.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<Neighbour> List(NetlinkSocket socket, int link = 0, AddressFamily family = AddressFamily.Unspecified)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_GETNEIGH, NetlinkFlags.Dump);
        request.Fixed(new NeighbourHeader { Family = RouteMessages.FamilyOf(family) });
        request.End();
        return socket.Query<Neighbour>(request, Parse, "RTM_GETNEIGH", "").FindAll(neighbour => link == 0 || neighbour.Link == link);
    }

    /// <summary>What a message of RTM_NEWNEIGH or RTM_DELNEIGH says; null for a family that is not of the internet.</summary>
    /// <exception cref="InvalidDataException">It is cut, or without an address.</exception>
    internal static Neighbour? Read(in NetlinkMessage message)
    {
        NeighbourHeader header = message.Fixed<NeighbourHeader>();
        if (header.Family is not (RouteMessages.AF_INET or RouteMessages.AF_INET6))
            return null;
        IPAddress? address = null;
        MacAddress? mac = null;
        foreach (NetlinkAttribute attribute in message.Attributes(NeighbourHeader.Size))
        {
            if (attribute.Type == NDA_DST)
                address = RouteMessages.ReadAddress(attribute);
            else if (attribute.Type == NDA_LLADDR)
                mac = RouteMessages.ReadMac(attribute);
        }

        return new Neighbour
        {
            Link = header.Index,
            Address = address ?? throw new InvalidDataException($"a neighbour on link {header.Index} without an address"),
            Mac = mac,
            State = (NeighbourState)header.State,
        };
    }

    private static void Write(NetlinkWriter request, Neighbour neighbour, NeighbourState state)
    {
        request.Fixed(new NeighbourHeader { Family = RouteMessages.FamilyOf(neighbour.Address), Index = neighbour.Link, State = (ushort)state });
        request.Address(NDA_DST, neighbour.Address);
    }

    private static void Parse(in NetlinkMessage message, List<Neighbour> neighbours)
    {
        if (message.Type == RouteMessages.RTM_NEWNEIGH && Read(message) is { } neighbour)
            neighbours.Add(neighbour);
    }

    private static string Describe(Neighbour neighbour) => $"{neighbour.Address} on link {neighbour.Link}";
}
