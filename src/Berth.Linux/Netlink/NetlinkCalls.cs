using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Netlink;

/// <summary>socket(2), sendto(2), recvfrom(2) and options of netlink sockets.</summary>
internal static unsafe partial class NetlinkCalls
{
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOL_SOCKET = 1, SOL_NETLINK = 270;
    private const int SO_SNDBUF = 7, SO_RCVBUF = 8, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33;
    private const int MSG_PEEK = 0x2, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40;
    private const int NETLINK_ADD_MEMBERSHIP = 1, NETLINK_CAP_ACK = 10, NETLINK_EXT_ACK = 11, NETLINK_GET_STRICT_CHK = 12;

    /// <summary>A bound socket whose errors are explained, in the calling thread's network namespace.</summary>
    public static FileDescriptor Open(NetlinkFamily family)
    {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)family);
        if (fd < 0)
            throw LinuxException.Last("socket", family.ToString());
        var opened = new FileDescriptor(fd);
        try
        {
            var address = new Address { Family = AF_NETLINK };
            if (bind(opened, &address, (uint)sizeof(Address)) < 0)
                throw LinuxException.Last("bind", family.ToString());
            Set(opened, SOL_NETLINK, NETLINK_CAP_ACK, 1);
            Set(opened, SOL_NETLINK, NETLINK_EXT_ACK, 1);

            // Dumps take filters then; other families than rtnetlink do not mind.
            Set(opened, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The number by which the kernel knows the socket in its namespace.</summary>
    public static uint PortOf(FileDescriptor opened)
    {
        Address address;
        uint size = (uint)sizeof(Address);
        return getsockname(opened, &address, &size) == 0 ? address.Port : throw LinuxException.Last("getsockname", "netlink");
    }

    public static void Join(FileDescriptor opened, int group) => Set(opened, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);

    /// <summary>Makes room for sending so many bytes at once; without CAP_NET_ADMIN not more than net.core.wmem_max.</summary>
    public static void ReserveToSend(FileDescriptor opened, int bytes) => Reserve(opened, SO_SNDBUFFORCE, SO_SNDBUF, bytes);

    /// <summary>Makes room for so many bytes to be received; without CAP_NET_ADMIN not more than net.core.rmem_max.</summary>
    public static void ReserveToReceive(FileDescriptor opened, int bytes) => Reserve(opened, SO_RCVBUFFORCE, SO_RCVBUF, bytes);

    /// <summary>Sends it to the kernel, which does what is asked within the call.</summary>
    public static Errno Send(FileDescriptor opened, ReadOnlySpan<byte> data)
    {
        var kernel = new Address { Family = AF_NETLINK };
        nint sent;
        fixed (byte* bytes = data)
        {
            do
                sent = sendto(opened, bytes, (nuint)data.Length, 0, &kernel, (uint)sizeof(Address));
            while (sent < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR);
        }

        return sent < 0 ? (Errno)Marshal.GetLastPInvokeError() : sent == data.Length ? Errno.None : NetlinkErrno.EMSGSIZE;
    }

    /// <summary>How many bytes the next datagram has, without taking it.</summary>
    /// <param name="opened">The socket.</param>
    /// <param name="milliseconds">The longest wait; 0: none.</param>
    /// <param name="bytes">Its size.</param>
    /// <returns>EAGAIN: there is none in time; ENOBUFS: some were lost.</returns>
    public static Errno Peek(FileDescriptor opened, int milliseconds, out int bytes)
    {
        Errno errno = Receive(opened, default, MSG_PEEK, out bytes, out _);
        if (errno != Errno.EAGAIN || milliseconds == 0)
            return errno;
        return DescriptorPoll.WaitReadable(opened.Number, -1, milliseconds).First ? Receive(opened, default, MSG_PEEK, out bytes, out _) : Errno.EAGAIN;
    }

    /// <summary>Takes the next datagram.</summary>
    /// <param name="opened">The socket.</param>
    /// <param name="buffer">Where to; at least of the size that was seen.</param>
    /// <param name="bytes">Its size; 0 when not the kernel sent it.</param>
    public static Errno Receive(FileDescriptor opened, Span<byte> buffer, out int bytes)
    {
        Errno errno = Receive(opened, buffer, 0, out bytes, out uint sender);
        if (errno != Errno.None)
            return errno;
        if (sender != 0)
            bytes = 0;
        return bytes <= buffer.Length ? Errno.None : NetlinkErrno.EMSGSIZE;
    }

    private static Errno Receive(FileDescriptor opened, Span<byte> buffer, int flags, out int bytes, out uint sender)
    {
        Address from = default;
        uint size = (uint)sizeof(Address);
        nint received;
        fixed (byte* start = buffer)
        {
            do
                received = recvfrom(opened, start, (nuint)buffer.Length, flags | MSG_TRUNC | MSG_DONTWAIT, &from, &size);
            while (received < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR);
        }

        sender = from.Port;
        bytes = received < 0 ? 0 : checked((int)received);
        return received < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None;
    }

    private static void Reserve(FileDescriptor opened, int privileged, int ordinary, int bytes)
    {
        if (setsockopt(opened, SOL_SOCKET, privileged, &bytes, sizeof(int)) < 0)
            Set(opened, SOL_SOCKET, ordinary, bytes);
    }

    private static void Set(FileDescriptor opened, int level, int option, int value)
    {
        if (setsockopt(opened, level, option, &value, sizeof(int)) < 0)
            throw LinuxException.Last("setsockopt", $"{(level == SOL_NETLINK ? "SOL_NETLINK" : "SOL_SOCKET")} {option} = {value}");
    }

    // struct sockaddr_nl
    [StructLayout(LayoutKind.Sequential)]
    private struct Address
    {
        public ushort Family;
        public ushort Padding;
        public uint Port;
        public uint Groups;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(FileDescriptor fd, Address* address, uint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockname(FileDescriptor fd, Address* address, uint* size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(FileDescriptor fd, int level, int option, int* value, uint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendto(FileDescriptor fd, byte* data, nuint length, int flags, Address* to, uint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvfrom(FileDescriptor fd, byte* data, nuint length, int flags, Address* from, uint* size);
}
