using static Berth.Linux.Netlink.LinkAttributes;

namespace Berth.Linux.Netlink;

/// <summary>Links of a network namespace: RTM_*LINK of rtnetlink(7). The socket is of NETLINK_ROUTE, and what is done is done in its namespace.</summary>
public static class Links
{
    /// <summary>Room for a name with its ending zero.</summary>
    private const int IFNAMSIZ = 16;

    /// <summary>All links.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static IReadOnlyList<LinkInfo> List(NetlinkSocket socket)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_GETLINK, NetlinkFlags.Dump);
        request.Fixed(new LinkHeader());
        request.UInt32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        request.End();
        return socket.Query<LinkInfo>(request, Parse, "RTM_GETLINK", "");
    }

    /// <summary>The link with a name; null: there is none.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static LinkInfo? Find(NetlinkSocket socket, string name) => Find(socket, 0, name);

    /// <summary>The link with an index; null: there is none.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static LinkInfo? Find(NetlinkSocket socket, int index) => Find(socket, index, name: null);

    /// <summary>Makes a link, and for veth both, as one: when it fails there is none.</summary>
    /// <returns>Its index in the socket's namespace; 0 when it was made in another.</returns>
    /// <exception cref="LinuxException">EEXIST: the name is taken; EOPNOTSUPP: the kernel lacks the kind; EPERM: no CAP_NET_ADMIN.</exception>
    public static int Create(NetlinkSocket socket, LinkConfig config)
    {
        CheckName(config.Name);
        if (config.Alias is not null && config.Namespace is not null)
            throw new ArgumentException($"the alias of a link that is made in another namespace is set there: {config.Name}");
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Ack | NetlinkFlags.Create | NetlinkFlags.Exclusive | NetlinkFlags.Echo);
        request.Fixed(Header(0, config.IsUp));
        request.Text(IFLA_IFNAME, config.Name);
        if (ParentOf(config) is { } parent)
            request.Int32(IFLA_LINK, parent);
        if (config.Group is { } group)
            request.UInt32(IFLA_GROUP, group);
        WriteCommon(request, config.Mtu, config.Mac, config.Master, config.Namespace);
        WriteKind(request, config);
        request.End();
        List<LinkInfo> made;
        try
        {
            made = socket.Query<LinkInfo>(request, Parse, "RTM_NEWLINK", $"{config.Kind} {config.Name}");
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            throw new LinuxException(Errno.EOPNOTSUPP, "RTM_NEWLINK", $"{e.Subject}: this kernel has no links of the kind {config.Kind}, or its module is not there");
        }

        // Its namespaces went as numbers of descriptors.
        GC.KeepAlive(config);
        if (config.Namespace is not null)
            return 0;

        // Older kernels do not tell what they made.
        int index = made.Find(link => link.Name == config.Name)?.Index ?? Find(socket, config.Name)?.Index
            ?? throw new LinuxException(Errno.ENODEV, "RTM_NEWLINK", $"{config.Kind} {config.Name}: it was removed as soon as it was made");
        if (config.Alias is { } alias)
            SetNewAlias(socket, index, alias);
        return index;
    }

    /// <summary>Changes a link.</summary>
    /// <exception cref="LinuxException">ENODEV: there is none with that index; others as the kernel explains.</exception>
    public static void Change(NetlinkSocket socket, int index, LinkChange change)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_SETLINK, NetlinkFlags.Ack);
        request.Fixed(Header(index, change.IsUp));
        if (change.Name is { } name)
        {
            CheckName(name);
            request.Text(IFLA_IFNAME, name);
        }

        if (change.Alias is { } alias)
            request.Text(IFLA_IFALIAS, alias);
        WriteCommon(request, change.Mtu, change.Mac, change.Master, change.Namespace);
        request.End();
        socket.Request(request, "RTM_SETLINK", $"link {index}");
        GC.KeepAlive(change); // Its namespace went as a number.
    }

    /// <summary>Switches a link on or off.</summary>
    /// <exception cref="LinuxException">ENODEV: there is none with that index.</exception>
    public static void SetUp(NetlinkSocket socket, int index, bool isUp = true) => Change(socket, index, new LinkChange { IsUp = isUp });

    /// <summary>Changes a bridge's settings, those that are said.</summary>
    /// <exception cref="LinuxException">ENODEV: there is none with that index; EOPNOTSUPP: it is no bridge.</exception>
    public static void ChangeBridge(NetlinkSocket socket, int index, BridgeSettings settings)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Ack);
        request.Fixed(Header(index, isUp: null));
        WriteBridgeChange(request, settings);
        request.End();
        socket.Request(request, "RTM_NEWLINK", $"bridge {index}");
    }

    /// <summary>Changes a bridge port's settings, those that are said.</summary>
    /// <exception cref="LinuxException">ENODEV: there is none with that index; EOPNOTSUPP: it is no port.</exception>
    public static void ChangePort(NetlinkSocket socket, int index, BridgePortSettings settings)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_SETLINK, NetlinkFlags.Ack);
        request.Fixed(Header(index, isUp: null) with { Family = RouteMessages.AF_BRIDGE });
        using (request.Nested(IFLA_PROTINFO))
        {
            WriteSwitch(request, IFLA_BRPORT_MODE, settings.Hairpin);
            WriteSwitch(request, IFLA_BRPORT_ISOLATED, settings.Isolated);
            WriteSwitch(request, IFLA_BRPORT_LEARNING, settings.Learning);
            WriteSwitch(request, IFLA_BRPORT_UNICAST_FLOOD, settings.Flood);
        }

        request.End();
        socket.Request(request, "RTM_SETLINK", $"bridge port {index}");
    }

    /// <summary>Removes a link, and with one end of a veth the other.</summary>
    /// <exception cref="LinuxException">ENODEV: there is none with that index.</exception>
    public static void Delete(NetlinkSocket socket, int index)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_DELLINK, NetlinkFlags.Ack);
        request.Fixed(Header(index, isUp: null));
        request.End();
        socket.Request(request, "RTM_DELLINK", $"link {index}");
    }

    /// <summary>What a link lies on.</summary>
    private static int? ParentOf(LinkConfig config) => config switch
    {
        MacvlanConfig macvlan => macvlan.Parent,
        IpvlanConfig ipvlan => ipvlan.Parent,
        VlanConfig vlan => vlan.Parent,
        _ => null,
    };

    private static LinkInfo? Find(NetlinkSocket socket, int index, string? name)
    {
        using var request = new NetlinkWriter();
        request.Begin(RouteMessages.RTM_GETLINK, NetlinkFlags.Ack);
        request.Fixed(new LinkHeader { Index = index });
        if (name is not null)
        {
            CheckName(name);
            request.Text(IFLA_IFNAME, name);
        }

        request.UInt32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        request.End();
        try
        {
            return socket.Query<LinkInfo>(request, Parse, "RTM_GETLINK", name ?? $"link {index}") is [{ } link, ..] ? link : null;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
    }

    private static void SetNewAlias(NetlinkSocket socket, int index, string alias)
    {
        try
        {
            Change(socket, index, new LinkChange { Alias = alias });
        }
        catch
        {
            Delete(socket, index);
            throw;
        }
    }

    private static void WriteCommon(NetlinkWriter request, int? mtu, MacAddress? mac, int? master, FileDescriptor? networkNamespace)
    {
        if (mtu is { } bytes)
            request.Int32(IFLA_MTU, bytes);
        if (mac is { } address)
            request.Address(IFLA_ADDRESS, address);
        if (master is { } bridge)
            request.Int32(IFLA_MASTER, bridge);
        if (networkNamespace is not null)
            request.Int32(IFLA_NET_NS_FD, networkNamespace.Number);
    }

    private static void WriteSwitch(NetlinkWriter request, int type, bool? value)
    {
        if (value is { } isOn)
            request.Byte(type, isOn ? (byte)1 : (byte)0);
    }

    // The kernel says "numerical result out of range" of them.
    private static void CheckName(string name)
    {
        if (name.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(name) >= IFNAMSIZ)
            throw new ArgumentException($"a link's name has 1 to {IFNAMSIZ - 1} bytes, '{name}' does not");
    }

    private static void Parse(in NetlinkMessage message, List<LinkInfo> links)
    {
        if (message.Type == RouteMessages.RTM_NEWLINK)
            links.Add(Read(message));
    }
}
