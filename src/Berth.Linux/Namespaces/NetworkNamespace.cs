using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Berth.Linux.Files;

namespace Berth.Linux.Namespaces;

/// <summary>
/// Network namespaces as descriptors, network_namespaces(7). No thread but one that ends afterwards ever enters another one, so that no caller and
/// nothing in a thread pool can be left in the wrong place.
/// </summary>
public static partial class NetworkNamespace
{
    private const int SOCK_CLOEXEC = 0x80000;

    /// <summary>Makes a new, empty one, with a loopback device that is down. It lives as long as a descriptor, a socket or a process holds it.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_SYS_ADMIN; ENOSPC: more than /proc/sys/user/max_net_namespaces.</exception>
    public static FileDescriptor Create() => Create(static () => 0).Namespace;

    /// <summary>Makes one as <see cref="Create()"/> does, and runs <paramref name="action"/> inside on the same thread: cheaper than <see cref="Run{T}"/> afterwards.</summary>
    /// <remarks>As there, the action makes system calls, and no more.</remarks>
    /// <exception cref="LinuxException">As there, or of the action; then there is no namespace.</exception>
    public static (FileDescriptor Namespace, T Result) Create<T>(Func<T> action) => OnThread(() =>
    {
        if (unshare((int)NamespaceFlags.CLONE_NEWNET) != 0)
            throw LinuxException.Last("unshare", nameof(NamespaceFlags.CLONE_NEWNET));
        FileDescriptor made = OpenOwn();
        try
        {
            return (made, action());
        }
        catch
        {
            made.Dispose();
            throw;
        }
    });

    /// <summary>The calling thread's.</summary>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">/proc is no proc.</exception>
    public static FileDescriptor OpenOwn() => OpenIn("/proc/thread-self/ns");

    /// <summary>That of a process.</summary>
    /// <exception cref="LinuxException">ENOENT: there is no such process; EACCES: it may not be looked at.</exception>
    /// <exception cref="InvalidDataException">/proc is no proc.</exception>
    public static FileDescriptor OpenOf(int pid) => OpenIn(Paths.OfProcess(pid, "ns"));

    /// <summary>Whether two descriptors stand for the same one.</summary>
    /// <exception cref="LinuxException">One cannot be looked at.</exception>
    public static bool AreSame(FileDescriptor first, FileDescriptor second)
    {
        FileStatus one = FileStatusCalls.Stat(first), other = FileStatusCalls.Stat(second);
        return (one.Inode, one.DeviceMajor, one.DeviceMinor) == (other.Inode, other.DeviceMajor, other.DeviceMinor);
    }

    /// <summary>Runs <paramref name="action"/> in a namespace, on a thread of its own that ends with it, and waits. Sockets that it opens stay there for good.</summary>
    /// <remarks>
    /// The action makes system calls, and no more: threads and processes that are started inside, also by the runtime in its own time (a first process, a
    /// first asynchronous socket, the thread pool), inherit the namespace and stay in it.
    /// </remarks>
    /// <exception cref="LinuxException">EPERM: no CAP_SYS_ADMIN over it; EINVAL: that descriptor is no network namespace.</exception>
    public static T Run<T>(FileDescriptor networkNamespace, Func<T> action) => OnThread(() =>
    {
        if (setns(networkNamespace, (int)NamespaceFlags.CLONE_NEWNET) != 0)
            throw LinuxException.Last("setns", nameof(NamespaceFlags.CLONE_NEWNET));
        return action();
    });

    /// <summary>As <see cref="Run{T}"/>, without a result.</summary>
    /// <exception cref="LinuxException">As there.</exception>
    public static void Run(FileDescriptor networkNamespace, Action action) => Run(networkNamespace, () =>
    {
        action();
        return 0;
    });

    /// <summary>
    /// Opens a socket in a namespace, in which it stays whoever uses it. <c>new Socket(new SafeSocketHandle(opened.Release(), ownsHandle: true))</c> makes
    /// one of the framework's of it.
    /// </summary>
    /// <param name="networkNamespace">Where.</param>
    /// <param name="family">Internet or unix; for netlink see <see cref="Netlink.NetlinkSocket"/>.</param>
    /// <param name="type">Stream, datagram, raw.</param>
    /// <param name="protocol">Its number; 0: the usual one.</param>
    /// <exception cref="LinuxException">EAFNOSUPPORT and others of socket(2), or those of <see cref="Run{T}"/>.</exception>
    public static FileDescriptor OpenSocket(FileDescriptor networkNamespace, AddressFamily family, SocketType type, int protocol = 0) =>
        Run(networkNamespace, () => OpenSocket(family, type, protocol));

    /// <summary>As above, in the calling thread's namespace: for several sockets within one <see cref="Run{T}"/>.</summary>
    /// <exception cref="LinuxException">EAFNOSUPPORT and others of socket(2).</exception>
    public static FileDescriptor OpenSocket(AddressFamily family, SocketType type, int protocol = 0)
    {
        const int AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10;
        int domain = family switch
        {
            AddressFamily.InterNetwork => AF_INET,
            AddressFamily.InterNetworkV6 => AF_INET6,
            AddressFamily.Unix => AF_UNIX,
            _ => throw new ArgumentException($"sockets of the family {family} are not opened here: InterNetwork, InterNetworkV6 and Unix are"),
        };
        int fd = socket(domain, (int)type | SOCK_CLOEXEC, protocol);
        return fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("socket", $"{family} {type}");
    }

    private static FileDescriptor OpenIn(string folderPath)
    {
        using FileDescriptor folder = ProcFiles.OpenFolder(folderPath);
        return Paths.Open(folder, "net"u8, OpenFlags.O_RDONLY);
    }

    private static T OnThread<T>(Func<T> action)
    {
        T result = default!; // Set, or the thread ended with an error, which is thrown.
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "namespace" };
        thread.Start();
        thread.Join();
        error?.Throw();
        return result;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(FileDescriptor fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);
}
