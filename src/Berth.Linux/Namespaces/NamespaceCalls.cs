using System.Runtime.InteropServices;

namespace Berth.Linux.Namespaces;

/// <summary>setns(2) and unshare(2): they change the calling thread alone.</summary>
public static partial class NamespaceCalls
{
    /// <summary>
    /// Runs <paramref name="action"/> on this thread while its children are born into the pid namespace of <paramref name="process"/>. The thread
    /// itself stays where it is; meanwhile it cannot start threads.
    /// </summary>
    /// <exception cref="LinuxException">ESRCH: the process has ended.</exception>
    public static T WithPidNamespaceOf<T>(FileDescriptor process, Func<T> action) =>
        With(process, Files.Paths.Open("/proc/self/ns/pid", Files.OpenFlags.O_RDONLY), action);

    /// <summary>Moves the calling thread, with a file system context of its own, into a new mount namespace that sends nothing back.</summary>
    /// <exception cref="LinuxException">EPERM and others.</exception>
    public static void UnshareMounts()
    {
        if (unshare((int)NamespaceFlags.CLONE_NEWNS) != 0)
            throw LinuxException.Last("unshare", "CLONE_NEWNS");
    }

    private static T With<T>(FileDescriptor target, FileDescriptor own, Func<T> action)
    {
        using (own)
        {
            Enter(target.Number, NamespaceFlags.CLONE_NEWPID);
            try
            {
                return action();
            }
            finally
            {
                Enter(own.Number, NamespaceFlags.CLONE_NEWPID);
            }
        }
    }

    private static void Enter(int fd, NamespaceFlags type)
    {
        if (setns(fd, (int)type) != 0)
            throw LinuxException.Last("setns", type.ToString());
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
