namespace Berth.Linux.Netlink;

/// <summary>The kernel's netlink families that are used here, netlink(7).</summary>
public enum NetlinkFamily
{
    /// <summary>Links, addresses, routes, neighbours: rtnetlink(7).</summary>
    NETLINK_ROUTE = 0,

    /// <summary>nf_tables and other subsystems of netfilter.</summary>
    NETLINK_NETFILTER = 12,
}

/// <summary>Flags of a message's header, NLM_F_*.</summary>
[Flags]
internal enum NetlinkFlags : ushort
{
    None = 0,
    Request = 0x1,
    Multi = 0x2,
    Ack = 0x4,
    Echo = 0x8,
    DumpInterrupted = 0x10,
    Root = 0x100,
    Match = 0x200,
    Dump = Root | Match,
    Replace = 0x100,
    Exclusive = 0x200,
    Create = 0x400,
    Append = 0x800,

    /// <summary>In acknowledgements: the request is not repeated behind its header.</summary>
    Capped = 0x100,

    /// <summary>In acknowledgements: attributes follow.</summary>
    AckAttributes = 0x200,
}

/// <summary>Message types that all families have.</summary>
internal static class NetlinkType
{
    public const ushort NOOP = 1, ERROR = 2, DONE = 3, OVERRUN = 4;
}

/// <summary>Errors of sockets and networks, beside those of <see cref="Errno"/>.</summary>
internal static class NetlinkErrno
{
    public const Errno EMSGSIZE = (Errno)90, EAFNOSUPPORT = (Errno)97, ENOBUFS = (Errno)105;
}
