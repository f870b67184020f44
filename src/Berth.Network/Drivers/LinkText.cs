using Berth.Linux.Netlink;
using Berth.Network.Ipam;
using HardwareAddress = Berth.Linux.Netlink.MacAddress;

namespace Berth.Network.Drivers;

/// <summary>By which names and texts links are known again, and plans' values as Berth.Linux has them.</summary>
internal static class LinkText
{
    /// <summary>What every alias of a link of ours begins with, whoever's it is.</summary>
    public const string AnyAlias = "berth ";

    private const int Digits = 12;

    /// <summary>The name of an endpoint's link on the host's side.</summary>
    public static string HostLinkOf(string endpointId) => "bv" + endpointId[..Digits];

    /// <summary>The alias of what belongs to an id, ip-link(8).</summary>
    public static string AliasOf(string owner, string id) => $"{AnyAlias}{owner} {id}";

    /// <summary>The group of an owner's links, ip-link(8): unlike the alias they have it from the moment on in which they are made.</summary>
    public static uint GroupOf(string owner) => Convert.ToUInt32(owner, 16);

    /// <summary>The id in an alias of this owner's; empty: a link of ours that a daemon made and was killed before it could say whose; null: somebody else's.</summary>
    public static string? IdOf(string owner, LinkInfo link) =>
        string.IsNullOrEmpty(link.Alias) ? (link.Group == GroupOf(owner) && link.Group != 0 ? "" : null)
        : link.Alias.StartsWith(AliasOf(owner, ""), StringComparison.Ordinal) ? link.Alias[AliasOf(owner, "").Length..]
        : null;

    /// <summary>An address of a link.</summary>
    public static LinkAddress AddressOf(int link, NetAddress address, Subnet subnet) => new()
    {
        Link = link,
        Address = address.ToIPAddress(),
        PrefixLength = subnet.PrefixLength,
        Broadcast = subnet.ReservesLast ? subnet.Last.ToIPAddress() : null,
    };

    /// <summary>A hardware address.</summary>
    public static HardwareAddress MacOf(Ipam.MacAddress mac)
    {
        Span<byte> bytes = stackalloc byte[HardwareAddress.Size];
        mac.WriteBytes(bytes);
        return new HardwareAddress(bytes);
    }
}
