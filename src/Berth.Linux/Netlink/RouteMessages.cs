using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>Numbers and fixed parts of rtnetlink(7).</summary>
internal static class RouteMessages
{
    public const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18, RTM_SETLINK = 19, RTM_NEWADDR = 20, RTM_DELADDR = 21, RTM_GETADDR = 22,
        RTM_NEWROUTE = 24, RTM_DELROUTE = 25, RTM_GETROUTE = 26, RTM_NEWNEIGH = 28, RTM_DELNEIGH = 29, RTM_GETNEIGH = 30;

    public const byte AF_UNSPEC = 0, AF_INET = 2, AF_BRIDGE = 7, AF_INET6 = 10;

    /// <summary>The kernel's number of an address family.</summary>
    /// <exception cref="ArgumentException">Neither IPv4 nor IPv6.</exception>
    public static byte FamilyOf(AddressFamily family) => family switch
    {
        AddressFamily.InterNetwork => AF_INET,
        AddressFamily.InterNetworkV6 => AF_INET6,
        AddressFamily.Unspecified => AF_UNSPEC,
        _ => throw new ArgumentException($"addresses are of IPv4 or IPv6, not of {family}"),
    };

    /// <summary>The kernel's number of an address's family.</summary>
    public static byte FamilyOf(IPAddress address) => FamilyOf(address.AddressFamily);

    /// <summary>An attribute that holds an address.</summary>
    public static void Address(this NetlinkWriter writer, int type, IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!address.TryWriteBytes(bytes, out int count))
            throw new ArgumentException($"{address} has more than 16 bytes");
        writer.Bytes(type, bytes[..count]);
    }

    /// <summary>An attribute that holds an Ethernet address.</summary>
    public static void Address(this NetlinkWriter writer, int type, MacAddress address)
    {
        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        address.CopyTo(bytes);
        writer.Bytes(type, bytes);
    }

    /// <summary>The address in an attribute.</summary>
    /// <exception cref="InvalidDataException">It has neither 4 nor 16 bytes.</exception>
    public static IPAddress ReadAddress(in NetlinkAttribute attribute) =>
        attribute.Value.Length is 4 or 16
            ? new IPAddress(attribute.Value)
            : throw new InvalidDataException($"an address of {attribute.Value.Length} bytes");

    /// <summary>The Ethernet address in an attribute; null for links with other ones, such as tunnels.</summary>
    public static MacAddress? ReadMac(in NetlinkAttribute attribute) => attribute.Value.Length == MacAddress.Size ? new MacAddress(attribute.Value) : null;
}

/// <summary>struct ifinfomsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinkHeader
{
    public const int Size = 16;
    public byte Family;
    public byte Padding;
    public ushort HardwareType;
    public int Index;
    public uint Flags;
    public uint Change;
}

/// <summary>struct ifaddrmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressHeader
{
    public const int Size = 8;
    public byte Family;
    public byte PrefixLength;
    public byte Flags;
    public byte Scope;
    public int Index;
}

/// <summary>struct rtmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteHeader
{
    public const int Size = 12;
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte TypeOfService;
    public byte Table;
    public byte Protocol;
    public byte Scope;
    public byte Type;
    public uint Flags;
}

/// <summary>struct ndmsg.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NeighbourHeader
{
    public const int Size = 12;
    public byte Family;
    public byte Padding;
    public ushort Padding2;
    public int Index;
    public ushort State;
    public byte Flags;
    public byte Type;
}
