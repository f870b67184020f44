using System.Net;
using System.Net.Sockets;

namespace Berth.Linux.Netlink;

/// <summary>An address of a link, with the length of its network's prefix.</summary>
public sealed record LinkAddress
{
    private const uint IFA_F_DADFAILED = 0x8, IFA_F_TENTATIVE = 0x40, IFA_F_PERMANENT = 0x80;

    /// <summary>The link's index.</summary>
    public required int Link { get; init; }

    /// <summary>IPv4 or IPv6.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>0 to 32 or 128 bits.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>IPv4: the address for all of the network; null: none.</summary>
    public IPAddress? Broadcast { get; init; }

    /// <summary>RT_SCOPE_*: 0 global, 253 link, 254 host. IPv6 finds it out by itself.</summary>
    public byte Scope { get; init; }

    /// <summary>IFA_F_* of if_addr.h, when it was read.</summary>
    public uint Flags { get; init; }

    /// <summary>Whether it is still being looked whether somebody else has it (IPv6).</summary>
    public bool IsTentative => (Flags & IFA_F_TENTATIVE) != 0;

    /// <summary>Whether somebody else has it (IPv6).</summary>
    public bool IsDuplicate => (Flags & IFA_F_DADFAILED) != 0;

    /// <summary>Whether it stays until it is deleted.</summary>
    public bool IsPermanent => (Flags & IFA_F_PERMANENT) != 0;
}

/// <summary>Addresses of links: RTM_*ADDR of rtnetlink(7).</summary>
public static class Addresses
{
    private const int IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_BROADCAST = 4, IFA_FLAGS = 8;
    private const uint IFA_F_NODAD = 0x2, IFA_F_NOPREFIXROUTE = 0x200;

    /// <summary>
    /// Adds an address, which can be used at once: an IPv6 one is not looked for at others first (<c>nodad</c>).
    /// </summary>
    /// <param name="socket">In the link's namespace.</param>
    /// <param name="address">The address.</param>
    /// <param name="hasPrefixRoute">Whether there is a route to its network through the link.</param>
    /// <exception cref="LinuxException">EEXIST: the link has it; ENODEV: there is no such link; EACCES: IPv6 is switched off there.</exception>
    public static void Add(NetlinkSocket socket, LinkAddress address, bool hasPrefixRoute = true)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_NEWADDR, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Exclusive);
        Write(request, address);
        if (address.Broadcast is { } broadcast)
            request.Address(IFA_BROADCAST, broadcast);
        bool isSixth = address.Address.AddressFamily == AddressFamily.InterNetworkV6;
        request.UInt32(IFA_FLAGS, (isSixth ? IFA_F_NODAD : 0) | (hasPrefixRoute ? 0 : IFA_F_NOPREFIXROUTE));
        request.End();
        socket.Request(request, "RTM_NEWADDR", Describe(address));
    }

    /// <summary>Deletes an address.</summary>
    /// <exception cref="LinuxException">EADDRNOTAVAIL: the link does not have it.</exception>
    public static void Delete(NetlinkSocket socket, LinkAddress address)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_DELADDR, NetlinkFlags.Ack);
        Write(request, address);
        request.End();
        socket.Request(request, "RTM_DELADDR", Describe(address));
    }

    /// <summary>Addresses of one link, or of all.</summary>
    /// <exception cref="LinuxException">ENODEV: there is no such link.</exception>
    public static IReadOnlyList<LinkAddress> List(NetlinkSocket socket, int link = 0, AddressFamily family = AddressFamily.Unspecified)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_GETADDR, NetlinkFlags.Dump);
        request.Fixed(new AddressHeader { Family = RouteMessages.FamilyOf(family), Index = link });
        request.End();
        return socket.Query<LinkAddress>(request, Parse, "RTM_GETADDR", link == 0 ? "" : $"link {link}").FindAll(found => link == 0 || found.Link == link);
    }

    /// <summary>What a message of RTM_NEWADDR or RTM_DELADDR says; null for a family that is not of the internet.</summary>
    /// <exception cref="InvalidDataException">It is cut, or without an address.</exception>
    internal static LinkAddress? Read(in NetlinkMessage message)
    {
        AddressHeader header = message.Fixed<AddressHeader>();
        if (header.Family is not (RouteMessages.AF_INET or RouteMessages.AF_INET6))
            return null;
        IPAddress? own = null, other = null, broadcast = null;
        uint flags = header.Flags;
        foreach (NetlinkAttribute attribute in message.Attributes(AddressHeader.Size))
        {
            switch (attribute.Type)
            {
                case IFA_LOCAL: own = RouteMessages.ReadAddress(attribute); break;
                case IFA_ADDRESS: other = RouteMessages.ReadAddress(attribute); break;
                case IFA_BROADCAST: broadcast = RouteMessages.ReadAddress(attribute); break;
                case IFA_FLAGS: flags = attribute.UInt32; break;
            }
        }

        // On links between two hosts the one is ours and the other is not; IPv6 has the second alone otherwise.
        return new LinkAddress
        {
            Link = header.Index,
            Address = own ?? other ?? throw new InvalidDataException($"an address of link {header.Index} without bytes"),
            PrefixLength = header.PrefixLength,
            Broadcast = broadcast,
            Scope = header.Scope,
            Flags = flags,
        };
    }

    private static void Write(NetlinkWriter request, LinkAddress address)
    {
        request.Fixed(new AddressHeader
        {
            Family = RouteMessages.FamilyOf(address.Address), PrefixLength = checked((byte)address.PrefixLength), Scope = address.Scope, Index = address.Link,
        });
        request.Address(IFA_LOCAL, address.Address);
        request.Address(IFA_ADDRESS, address.Address);
    }

    private static void Parse(in NetlinkMessage message, List<LinkAddress> addresses)
    {
        if (message.Type == RouteMessages.RTM_NEWADDR && Read(message) is { } address)
            addresses.Add(address);
    }

    private static string Describe(LinkAddress address) => $"{address.Address}/{address.PrefixLength} of link {address.Link}";
}
