namespace Berth.Linux.Netlink;

/// <summary>Reads and writes what RTM_NEWLINK says; numbers of if_link.h.</summary>
internal static class LinkAttributes
{
    public const int IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINK = 5, IFLA_MASTER = 10, IFLA_PROTINFO = 12, IFLA_OPERSTATE = 16,
        IFLA_LINKINFO = 18, IFLA_IFALIAS = 20, IFLA_GROUP = 27, IFLA_NET_NS_FD = 28, IFLA_EXT_MASK = 29, IFLA_LINK_NETNSID = 37;

    public const uint RTEXT_FILTER_SKIP_STATS = 8;
    public const int IFLA_BRPORT_MODE = 4, IFLA_BRPORT_LEARNING = 8, IFLA_BRPORT_UNICAST_FLOOD = 9, IFLA_BRPORT_ISOLATED = 33;

    private const int IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, IFLA_INFO_SLAVE_KIND = 4, IFLA_INFO_SLAVE_DATA = 5, VETH_INFO_PEER = 1;
    private const int IFLA_BR_FORWARD_DELAY = 1, IFLA_BR_AGEING_TIME = 4, IFLA_BR_STP_STATE = 5, IFLA_BR_VLAN_FILTERING = 7, IFLA_BR_MCAST_SNOOPING = 23;
    private const int IFLA_MACVLAN_MODE = 1, IFLA_IPVLAN_MODE = 1, IFLA_IPVLAN_FLAGS = 2, IFLA_VLAN_ID = 1;
    private const uint IFF_UP = 1;

    // The kernel's clock_t: 100 in a second for programs, whatever it was built with.
    private const long TicksOfClock = TimeSpan.TicksPerSecond / 100;

    /// <summary>The header of a link that is or shall be on or off; null: as it is.</summary>
    public static LinkHeader Header(int index, bool? isUp) =>
        new() { Index = index, Flags = isUp == true ? IFF_UP : 0, Change = isUp is null ? 0 : IFF_UP };

    /// <summary>Everything that a kind needs to be made.</summary>
    public static void WriteKind(NetlinkWriter writer, LinkConfig config)
    {
        using NetlinkWriter.Nest info = writer.Nested(IFLA_LINKINFO);
        writer.Text(IFLA_INFO_KIND, config.Kind);
        using NetlinkWriter.Nest data = writer.Nested(IFLA_INFO_DATA);
        switch (config)
        {
            case VethConfig veth:
                using (writer.Nested(VETH_INFO_PEER))
                    WritePeer(writer, veth.Peer);
                break;
            case BridgeConfig bridge:
                WriteBridge(writer, bridge.Settings);
                break;
            case MacvlanConfig macvlan:
                writer.UInt32(IFLA_MACVLAN_MODE, (uint)macvlan.Mode);
                break;
            case IpvlanConfig ipvlan:
                writer.UInt16(IFLA_IPVLAN_MODE, (ushort)ipvlan.Mode);
                writer.UInt16(IFLA_IPVLAN_FLAGS, (ushort)ipvlan.Flags);
                break;
            case VlanConfig vlan:
                writer.UInt16(IFLA_VLAN_ID, vlan.Id);
                break;
        }
    }

    /// <summary>A bridge's settings, those that are said.</summary>
    public static void WriteBridge(NetlinkWriter writer, BridgeSettings settings)
    {
        if (settings.MulticastSnooping is { } snooping)
            writer.Byte(IFLA_BR_MCAST_SNOOPING, snooping ? (byte)1 : (byte)0);
        if (settings.Ageing is { } ageing)
            writer.UInt32(IFLA_BR_AGEING_TIME, checked((uint)(ageing.Ticks / TicksOfClock)));
        if (settings.SpanningTree is { } tree)
            writer.UInt32(IFLA_BR_STP_STATE, tree ? 1u : 0);
        if (settings.ForwardDelay is { } delay)
            writer.UInt32(IFLA_BR_FORWARD_DELAY, checked((uint)(delay.Ticks / TicksOfClock)));
        if (settings.VlanFiltering is { } filtering)
            writer.Byte(IFLA_BR_VLAN_FILTERING, filtering ? (byte)1 : (byte)0);
    }

    /// <summary>The settings of an existing bridge, as the part of a change.</summary>
    public static void WriteBridgeChange(NetlinkWriter writer, BridgeSettings settings)
    {
        using NetlinkWriter.Nest info = writer.Nested(IFLA_LINKINFO);
        writer.Text(IFLA_INFO_KIND, "bridge");
        using NetlinkWriter.Nest data = writer.Nested(IFLA_INFO_DATA);
        WriteBridge(writer, settings);
    }

    /// <summary>What a message of RTM_NEWLINK or RTM_DELLINK says.</summary>
    /// <exception cref="InvalidDataException">It is cut, or without a name.</exception>
    public static LinkInfo Read(in NetlinkMessage message)
    {
        LinkHeader header = message.Fixed<LinkHeader>();
        var link = new LinkInfo { Index = header.Index, Name = "", Flags = header.Flags };
        foreach (NetlinkAttribute attribute in message.Attributes(LinkHeader.Size))
        {
            link = attribute.Type switch
            {
                IFLA_IFNAME => link with { Name = attribute.Text },
                IFLA_MTU => link with { Mtu = attribute.Int32 },
                IFLA_ADDRESS => link with { Mac = RouteMessages.ReadMac(attribute) },
                IFLA_MASTER => link with { Master = attribute.Int32 },
                IFLA_LINK => link with { Lower = attribute.Int32 },
                IFLA_LINK_NETNSID => link with { LowerNamespace = attribute.Int32 },
                IFLA_IFALIAS => link with { Alias = attribute.Text },
                IFLA_GROUP => link with { Group = (uint)attribute.Int32 },
                IFLA_OPERSTATE => link with { OperationalState = attribute.Byte },
                IFLA_LINKINFO => ReadKind(link, attribute.Nested),
                _ => link,
            };
        }

        return link.Name.Length > 0 ? link : throw new InvalidDataException($"link {header.Index} without a name");
    }

    private static void WritePeer(NetlinkWriter writer, VethPeer peer)
    {
        writer.Fixed(Header(0, isUp: null));
        writer.Text(IFLA_IFNAME, peer.Name);
        if (peer.Mtu is { } mtu)
            writer.Int32(IFLA_MTU, mtu);
        if (peer.Mac is { } mac)
            writer.Address(IFLA_ADDRESS, mac);
        if (peer.Namespace is { } there)
            writer.Int32(IFLA_NET_NS_FD, there.Number);
    }

    private static LinkInfo ReadKind(LinkInfo link, NetlinkAttributes info)
    {
        string kind = "", slaveKind = "";
        foreach (NetlinkAttribute attribute in info)
        {
            switch (attribute.Type)
            {
                case IFLA_INFO_KIND:
                    kind = attribute.Text;
                    link = link with { Kind = kind };
                    break;
                case IFLA_INFO_SLAVE_KIND:
                    slaveKind = attribute.Text;
                    break;
                case IFLA_INFO_DATA:
                    link = ReadData(link, kind, attribute.Nested);
                    break;
                case IFLA_INFO_SLAVE_DATA when slaveKind == "bridge":
                    link = link with { Port = ReadPort(attribute.Nested) };
                    break;
            }
        }

        return link;
    }

    private static LinkInfo ReadData(LinkInfo link, string kind, NetlinkAttributes data)
    {
        if (kind == "bridge")
            return link with { Bridge = ReadBridge(data) };
        foreach (NetlinkAttribute attribute in data)
        {
            link = (kind, attribute.Type) switch
            {
                ("macvlan", IFLA_MACVLAN_MODE) => link with { Macvlan = (MacvlanMode)attribute.UInt32 },
                ("ipvlan", IFLA_IPVLAN_MODE) => link with { Ipvlan = (IpvlanMode)attribute.UInt16 },
                ("vlan", IFLA_VLAN_ID) => link with { VlanId = attribute.UInt16 },
                _ => link,
            };
        }

        return link;
    }

    private static BridgeSettings ReadBridge(NetlinkAttributes data)
    {
        var settings = new BridgeSettings();
        foreach (NetlinkAttribute attribute in data)
        {
            settings = attribute.Type switch
            {
                IFLA_BR_MCAST_SNOOPING => settings with { MulticastSnooping = attribute.Byte != 0 },
                IFLA_BR_AGEING_TIME => settings with { Ageing = TimeSpan.FromTicks(attribute.UInt32 * TicksOfClock) },
                IFLA_BR_STP_STATE => settings with { SpanningTree = attribute.UInt32 != 0 },
                IFLA_BR_FORWARD_DELAY => settings with { ForwardDelay = TimeSpan.FromTicks(attribute.UInt32 * TicksOfClock) },
                IFLA_BR_VLAN_FILTERING => settings with { VlanFiltering = attribute.Byte != 0 },
                _ => settings,
            };
        }

        return settings;
    }

    private static BridgePortSettings ReadPort(NetlinkAttributes data)
    {
        var settings = new BridgePortSettings();
        foreach (NetlinkAttribute attribute in data)
        {
            settings = attribute.Type switch
            {
                IFLA_BRPORT_MODE => settings with { Hairpin = attribute.Byte != 0 },
                IFLA_BRPORT_ISOLATED => settings with { Isolated = attribute.Byte != 0 },
                IFLA_BRPORT_LEARNING => settings with { Learning = attribute.Byte != 0 },
                IFLA_BRPORT_UNICAST_FLOOD => settings with { Flood = attribute.Byte != 0 },
                _ => settings,
            };
        }

        return settings;
    }
}
