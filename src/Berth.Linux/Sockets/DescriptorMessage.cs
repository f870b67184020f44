using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux.Files;

namespace Berth.Linux.Sockets;

/// <summary>Descriptors sent to other processes over a unix stream socket: SCM_RIGHTS of unix(7).</summary>
public static unsafe partial class DescriptorMessage
{
    private const int AF_UNIX = 1, SOCK_STREAM = 1, SOCK_CLOEXEC = 0x80000, SOL_SOCKET = 1, SCM_RIGHTS = 1, MSG_NOSIGNAL = 0x4000;
    private const int MaxDescriptors = 16;

    /// <summary>A blocking connection to the listening socket at <paramref name="path"/>, which may be longer than sun_path.</summary>
    /// <exception cref="LinuxException">There is none, or it refuses.</exception>
    public static FileDescriptor Connect(string path)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes <= UnixSocket.MaxPathBytes)
            return Connect(path, path);

        // The folder by its descriptor, so that only the last part has to fit.
        using FileDescriptor folder = Paths.Open(Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/", OpenFlags.O_PATH | OpenFlags.O_DIRECTORY);
        return Connect($"/proc/self/fd/{folder.Number}/{Path.GetFileName(path)}", path);
    }

    /// <summary>Sends <paramref name="data"/> (at least one byte) with copies of the descriptors, as one message.</summary>
    /// <exception cref="ArgumentException">No data, or more than 16 descriptors.</exception>
    /// <exception cref="LinuxException">sendmsg failed.</exception>
    public static void Send(FileDescriptor socket, ReadOnlySpan<byte> data, params ReadOnlySpan<int> descriptors)
    {
        if (data.IsEmpty || descriptors.Length > MaxDescriptors)
            throw new ArgumentException($"a message has data and at most {MaxDescriptors} descriptors");

        // struct cmsghdr: length (with its own 16 bytes), level, type, then the descriptors.
        int length = 16 + (descriptors.Length * sizeof(int));
        byte* control = stackalloc byte[16 + (MaxDescriptors * sizeof(int))];
        *(nuint*)control = (nuint)length;
        ((int*)control)[2] = SOL_SOCKET;
        ((int*)control)[3] = SCM_RIGHTS;
        descriptors.CopyTo(new Span<int>(control + 16, MaxDescriptors));
        fixed (byte* bytes = data)
        {
            var vector = new Vector { Start = bytes, Length = (nuint)data.Length };
            var message = new Message
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = descriptors.IsEmpty ? null : control,
                ControlLength = descriptors.IsEmpty ? 0 : (nuint)((length + 7) & ~7),
            };
            nint sent;
            while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0)
            {
                if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                    throw LinuxException.Last("sendmsg");
            }

            if (sent < data.Length)
                FileData.Write(socket, data[(int)sent..]); // the descriptors went with the first byte
        }
    }

    private static FileDescriptor Connect(string path, string shown)
    {
        byte* address = stackalloc byte[110];
        *(ushort*)address = AF_UNIX;
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes is 0 or > UnixSocket.MaxPathBytes || path.Contains('\0', StringComparison.Ordinal))
            throw new LinuxException(Errno.ENAMETOOLONG, "connect", shown);
        _ = Encoding.UTF8.GetBytes(path, new Span<byte>(address + 2, UnixSocket.MaxPathBytes));
        address[2 + bytes] = 0;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            throw LinuxException.Last("socket");
        var connection = new FileDescriptor(fd);
        while (connect(connection, address, (uint)(2 + bytes + 1)) < 0)
        {
            if (Marshal.GetLastPInvokeError() == (int)Errno.EINTR)
                continue;
            LinuxException failure = LinuxException.Last("connect", shown);
            connection.Dispose();
            throw failure;
        }

        return connection;
    }

    // struct iovec, struct msghdr (64-bit).
    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public byte* Start;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(FileDescriptor socket, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(FileDescriptor socket, Message* message, int flags);
}
