using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Sockets;

/// <summary>Who is at the other end of a unix socket, SO_PEERCRED of unix(7).</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PeerCredential(int Pid, uint Uid, uint Gid);

/// <summary>Unix stream sockets by number, for an event loop: path names only, never abstract ones.</summary>
public static unsafe partial class UnixSocket
{
    /// <summary>The longest path sun_path holds, in bytes.</summary>
    public const int MaxPathBytes = 107;

    private const int AF_UNIX = 1, SOCK_STREAM = 1, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000, SOL_SOCKET = 1, SO_PEERCRED = 17, SO_SNDBUF = 7, SO_SNDBUFFORCE = 32;
    private const int MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;
    private const nuint SIOCOUTQ = 0x5411;

    /// <summary>Two connected blocking sockets; the caller owns both.</summary>
    /// <exception cref="LinuxException">socketpair failed.</exception>
    public static (FileDescriptor First, FileDescriptor Second) CreatePair()
    {
        int* ends = stackalloc int[2];
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0
            ? throw LinuxException.Last("socketpair")
            : (new FileDescriptor(ends[0]), new FileDescriptor(ends[1]));
    }

    /// <summary>Binds and listens, non-blocking. The socket file is made with mode 0600 from its first moment; a file left there is replaced.</summary>
    /// <exception cref="LinuxException">The path is too long (ENAMETOOLONG) or a call failed.</exception>
    public static FileDescriptor Listen(string path, int backlog)
    {
        byte* address = stackalloc byte[110];
        uint length = Address(path, address);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            throw LinuxException.Last("socket");

        var listener = new FileDescriptor(fd);
        uint previous = umask(0x7F); // 0177
        int bound;
        try
        {
            bound = bind(fd, address, length);
            if (bound < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EADDRINUSE)
            {
                _ = Pipes.PlainFile.Unlink(path);
                bound = bind(fd, address, length);
            }

            if (bound < 0 || listen(fd, backlog) < 0)
                throw LinuxException.Last("bind", path);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
        finally
        {
            _ = umask(previous);
        }

        return listener;
    }

    /// <summary>The next waiting connection, non-blocking; null when there is none (any more).</summary>
    /// <exception cref="LinuxException">accept4 failed, for example EMFILE.</exception>
    public static FileDescriptor? Accept(FileDescriptor listener)
    {
        while (true)
        {
            int fd = accept4(listener.Number, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0)
                return new FileDescriptor(fd);

            switch ((Errno)Marshal.GetLastPInvokeError())
            {
                case Errno.EINTR: continue;
                case Errno.EAGAIN or Errno.ECONNABORTED: return null;
                default: throw LinuxException.Last("accept4");
            }
        }
    }

    /// <summary>The peer's identity at the time it connected (or made the pair).</summary>
    /// <exception cref="LinuxException">getsockopt failed.</exception>
    public static PeerCredential Peer(int fd)
    {
        int* credential = stackalloc int[3];
        uint length = 12;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credential, &length) < 0
            ? throw LinuxException.Last("getsockopt", "SO_PEERCRED")
            : new PeerCredential(credential[0], (uint)credential[1], (uint)credential[2]);
    }

    /// <summary>The effective user id of this process.</summary>
    public static uint OwnUid() => geteuid();

    /// <summary>Sends what fits without waiting and without SIGPIPE; <see cref="Errno.EAGAIN"/> means nothing did.</summary>
    public static Errno TrySend(int fd, ReadOnlySpan<byte> data, out int count)
    {
        fixed (byte* pointer = data)
        {
            Errno errno;
            while (Pipes.DescriptorIo.IsInterrupted(send(fd, pointer, (nuint)data.Length, MSG_DONTWAIT | MSG_NOSIGNAL), out count, out errno))
            {
            }

            return errno;
        }
    }

    /// <summary>Whether the peer has read everything that was sent.</summary>
    /// <exception cref="LinuxException">ioctl failed.</exception>
    public static bool IsDrained(int fd)
    {
        int unread = 0;
        return ioctl(fd, SIOCOUTQ, &unread) < 0 ? throw LinuxException.Last("ioctl", "SIOCOUTQ") : unread == 0;
    }

    /// <summary>
    /// Ends the connection so that the peer reads all that was sent and then a clean end: a unix socket closed with unread input
    /// would give the peer ECONNRESET instead. The descriptor stays the caller's to close.
    /// </summary>
    public static void ShutDown(int fd)
    {
        if (shutdown(fd, 2) < 0)
            return; // ENOTCONN: the peer is gone already.

        Span<byte> discarded = stackalloc byte[4096];
        while (Pipes.DescriptorIo.TryRead(fd, discarded, out int count) == Errno.None && count > 0)
        {
        }
    }

    private static uint Address(string path, byte* address)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes is 0 or > MaxPathBytes || path.Contains('\0'))
            throw new LinuxException(Errno.ENAMETOOLONG, "bind", $"'{path}' ({bytes} bytes; a socket path has 1 to {MaxPathBytes})");

        *(ushort*)address = AF_UNIX;
        _ = Encoding.UTF8.GetBytes(path, new Span<byte>(address + 2, MaxPathBytes));
        address[2 + bytes] = 0;
        return (uint)(2 + bytes + 1);
    }

    /// <summary>
    /// How many bytes may wait in the socket, at best: with CAP_NET_ADMIN as many as asked, otherwise no more than net.core.wmem_max (socket(7)).
    /// </summary>
    public static void SetSendBuffer(int fd, int bytes)
    {
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(int)) != 0)
            _ = setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(int)); // a smaller buffer is slower, nothing else
    }

    [LibraryImport("libc")]
    private static partial int setsockopt(int fd, int level, int option, int* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int domain, int type, int protocol, int* ends);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int fd, byte* address, uint* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int fd, int level, int name, int* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int fd, byte* data, nuint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int shutdown(int fd, int how);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, int* value);

    [LibraryImport("libc")]
    private static partial uint umask(uint mask);

    [LibraryImport("libc")]
    private static partial uint geteuid();
}
