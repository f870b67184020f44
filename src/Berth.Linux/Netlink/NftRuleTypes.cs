namespace Berth.Linux.Netlink;

/// <summary>States of a connection, <c>ct state</c> of nft(8). Numbers are the kernel's.</summary>
[Flags]
public enum NftConnectionState : uint
{
    None = 0,
    Invalid = 1,
    Established = 2,
    Related = 4,
    New = 8,
    Untracked = 64,
}

/// <summary>What was done with a connection, <c>ct status</c> of nft(8). Numbers are the kernel's.</summary>
[Flags]
public enum NftConnectionStatus : uint
{
    None = 0,
    SeenReply = 0x2,
    Assured = 0x4,
    Confirmed = 0x8,
    SourceNat = 0x10,
    DestinationNat = 0x20,
}

/// <summary>What the sender of a rejected packet is told, in IPv4 and IPv6.</summary>
public enum NftReject
{
    NoRoute,
    PortUnreachable,
    HostUnreachable,
    AdminProhibited,

    /// <summary>The connection is reset: TCP only.</summary>
    TcpReset,
}
