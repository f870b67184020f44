using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Berth.Linux.Sockets;

/// <summary>
/// Sockets that hold a port of this host: bound without what the framework's do besides (SO_REUSEADDR on every TCP socket, which would let others bind the
/// same port as long as nobody listens), ip(7), tcp(7), udp(7), ipv6(7).
/// </summary>
public static unsafe partial class PortSocket
{
    /// <summary>IPPROTO_SCTP.</summary>
    public const int Sctp = 132;

    private const int AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;
    private const int SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_RCVBUF = 8, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IPV6_PKTINFO = 50;
    private const int MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
    private const int ControlHeader = 16, PacketInfo = 20, ControlSpace = ControlHeader + 24;

    /// <summary>Binds a non-blocking socket of its own to <paramref name="endPoint"/>; an IPv6 one takes no IPv4. The caller owns it.</summary>
    /// <param name="endPoint">The unspecified address means each of its family.</param>
    /// <param name="protocol">IPPROTO_TCP (6), IPPROTO_UDP (17) or <see cref="Sctp"/>.</param>
    /// <param name="isShared">With SO_REUSEADDR: connections that linger in TIME_WAIT do not matter, and another socket with it may be bound as long as neither listens.</param>
    /// <exception cref="LinuxException">Of socket(2): the kernel has no such family or protocol; of bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES.</exception>
    public static FileDescriptor Bind(IPEndPoint endPoint, int protocol, bool isShared)
    {
        bool isIPv6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
        int fd = socket(isIPv6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (fd < 0)
            throw LinuxException.Last("socket", endPoint.ToString());

        var made = new FileDescriptor(fd);
        try
        {
            if (isIPv6)
                Set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, nameof(IPV6_V6ONLY));

            if (isShared)
                Set(fd, SOL_SOCKET, SO_REUSEADDR, 1, nameof(SO_REUSEADDR));

            ReadOnlySpan<byte> address = Native(endPoint);
            fixed (byte* pointer = address)
            {
                if (bind(fd, pointer, (uint)address.Length) < 0)
                    throw LinuxException.Last("bind", endPoint.ToString());
            }

            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Begins or goes on to listen, with another backlog; what it accepts will not keep the port from being bound anew with SO_REUSEADDR.</summary>
    /// <exception cref="LinuxException">EADDRINUSE: another socket that was bound beside this one listens already.</exception>
    public static void Listen(FileDescriptor socket, int backlog)
    {
        Set(socket.Number, SOL_SOCKET, SO_REUSEADDR, 1, nameof(SO_REUSEADDR)); // is inherited by what it accepts
        if (listen(socket.Number, backlog) < 0)
            throw LinuxException.Last("listen");
    }

    /// <summary>How many bytes the kernel keeps for a socket that may be read late or never; it takes its least when that is more.</summary>
    /// <exception cref="LinuxException">setsockopt failed.</exception>
    public static void SetReceiveBuffer(FileDescriptor socket, int bytes) => Set(socket.Number, SOL_SOCKET, SO_RCVBUF, bytes, nameof(SO_RCVBUF));

    /// <summary>Sends a datagram of an IPv6 socket from one of the host's addresses, without waiting.</summary>
    /// <param name="socket">Not necessarily connected.</param>
    /// <param name="data">The datagram.</param>
    /// <param name="peer">To whom; of IPv6.</param>
    /// <param name="source">The address that it comes from; of IPv6.</param>
    /// <param name="interfaceIndex">The link that <paramref name="source"/> is an address of when it is a link-local one, else 0.</param>
    /// <returns>Of sendmsg(2): EAGAIN when there is no room, ENETUNREACH, EPERM (a firewall) and so on.</returns>
    public static Errno TrySendFrom(int socket, ReadOnlySpan<byte> data, IPEndPoint peer, IPAddress source, int interfaceIndex)
    {
        ReadOnlySpan<byte> address = Native(peer);
        byte* control = stackalloc byte[ControlSpace];
        new Span<byte>(control, ControlSpace).Clear();
        *(nuint*)control = ControlHeader + PacketInfo;
        *(int*)(control + 8) = IPPROTO_IPV6;
        *(int*)(control + 12) = IPV6_PKTINFO;
        source.TryWriteBytes(new Span<byte>(control + ControlHeader, 16), out _);
        *(int*)(control + ControlHeader + 16) = interfaceIndex;
        fixed (byte* name = address, bytes = data)
        {
            var vector = new Vector { Base = bytes, Length = (nuint)data.Length };
            var message = new Message { Name = name, NameLength = (uint)address.Length, Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlSpace };
            while (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            {
                var errno = (Errno)Marshal.GetLastPInvokeError();
                if (errno != Errno.EINTR)
                    return errno;
            }
        }

        return Errno.None;
    }

    private static ReadOnlySpan<byte> Native(IPEndPoint endPoint)
    {
        SocketAddress address = endPoint.Serialize(); // in the kernel's layout
        return address.Buffer.Span[..address.Size];
    }

    private static void Set(int fd, int level, int option, int value, string name)
    {
        if (setsockopt(fd, level, option, &value, sizeof(int)) < 0)
            throw LinuxException.Last("setsockopt", name);
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public byte* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int fd, int level, int option, int* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int fd, Message* message, int flags);
}
