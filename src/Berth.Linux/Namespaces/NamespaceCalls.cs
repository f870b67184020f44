using System.Runtime.InteropServices;

namespace Berth.Linux.Namespaces;

/// <summary>setns(2) and unshare(2): they change the calling thread alone.</summary>
public static partial class NamespaceCalls
{
    private static readonly (NamespaceFlags Type, string Name)[] Names =
    [
        (NamespaceFlags.CLONE_NEWUSER, "user"), (NamespaceFlags.CLONE_NEWNS, "mnt"), (NamespaceFlags.CLONE_NEWPID, "pid"),
        (NamespaceFlags.CLONE_NEWNET, "net"), (NamespaceFlags.CLONE_NEWIPC, "ipc"), (NamespaceFlags.CLONE_NEWUTS, "uts"),
        (NamespaceFlags.CLONE_NEWCGROUP, "cgroup"), (NamespaceFlags.CLONE_NEWTIME, "time"),
    ];

    private static readonly Lazy<bool> MayReturn = new(TryReturn);

    /// <summary>
    /// Whether a thread of this process that has entered another pid namespace for its children could go back: not as root of a user namespace that
    /// does not own the pid namespace which this process is in (pid_namespaces(7)).
    /// </summary>
    public static bool CanReturnToPidNamespace => MayReturn.Value;

    /// <summary>
    /// Runs <paramref name="action"/> on this thread while its children are born into the pid namespace of <paramref name="process"/>. The thread
    /// itself stays where it is; meanwhile it cannot start threads.
    /// </summary>
    /// <exception cref="LinuxException">ESRCH: the process has ended.</exception>
    public static T WithPidNamespaceOf<T>(FileDescriptor process, Func<T> action) =>
        With(process, OpenOwn("pid"u8, Files.OpenFlags.O_RDONLY), action);

    /// <summary>Moves the calling thread, with a file system context of its own, into a new mount namespace that sends nothing back.</summary>
    /// <exception cref="LinuxException">EPERM and others.</exception>
    public static void UnshareMounts()
    {
        if (unshare((int)NamespaceFlags.CLONE_NEWNS) != 0)
            throw LinuxException.Last("unshare", "CLONE_NEWNS");
    }

    /// <summary>Which kind of namespace an open file is (ioctl_ns(2), NS_GET_NSTYPE).</summary>
    /// <returns>One flag; null when the file is no namespace.</returns>
    /// <exception cref="LinuxException">The kernel does not tell.</exception>
    public static NamespaceFlags? TypeOf(FileDescriptor file)
    {
        const nuint NS_GET_NSTYPE = 0xB703;
        int type = ioctl(file, NS_GET_NSTYPE, 0);
        if (type >= 0)
            return (NamespaceFlags)type;
        return (Errno)Marshal.GetLastPInvokeError() is Errno.ENOTTY or Errno.EINVAL or Errno.EBADF ? null : throw LinuxException.Last("ioctl", "NS_GET_NSTYPE");
    }

    /// <summary>The namespaces of a process that are not this process's.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="known">Those that are known to differ, which are not looked at.</param>
    /// <exception cref="LinuxException">ENOENT: there is no such process; EACCES: it may not be looked at.</exception>
    /// <exception cref="InvalidDataException">/proc is no proc.</exception>
    public static NamespaceFlags Differing(int pid, NamespaceFlags known = NamespaceFlags.None)
    {
        NamespaceFlags differing = known;
        using FileDescriptor own = Files.ProcFiles.OpenFolder("/proc/self/ns"), others = Files.ProcFiles.OpenFolder(Files.Paths.OfProcess(pid, "ns"));
        foreach ((NamespaceFlags type, string name) in Names)
        {
            if (!known.HasFlag(type) && TryRead(own, name) is { } ours && !ours.AsSpan().SequenceEqual(Read(others, name)))
                differing |= type;
        }

        return differing;
    }

    /// <summary>Whether an open namespace of a kind is the calling process's.</summary>
    /// <exception cref="LinuxException">It cannot be looked at.</exception>
    public static bool IsOwn(FileDescriptor file, NamespaceFlags type)
    {
        using FileDescriptor own = OpenOwn(System.Text.Encoding.ASCII.GetBytes(Array.Find(Names, n => n.Type == type).Name), Files.OpenFlags.O_PATH);
        return Files.FileStatusCalls.Stat(own).Inode == Files.FileStatusCalls.Stat(file).Inode;
    }

    // Kind and number, "net:[4026531840]".
    private static byte[] Read(FileDescriptor folder, string name) => Files.Paths.ReadLink(folder, System.Text.Encoding.ASCII.GetBytes(name));

    private static FileDescriptor OpenOwn(ReadOnlySpan<byte> name, ulong flags)
    {
        using FileDescriptor folder = Files.ProcFiles.OpenFolder("/proc/self/ns");
        return Files.Paths.Open(folder, name, flags);
    }

    // null: the kernel has no such kind.
    private static byte[]? TryRead(FileDescriptor folder, string name)
    {
        try
        {
            return Read(folder, name);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    // From where it is to where it is: nothing changes, but the kernel's answer is the same.
    private static bool TryReturn()
    {
        using FileDescriptor own = OpenOwn("pid"u8, Files.OpenFlags.O_RDONLY);
        return setns(own.Number, (int)NamespaceFlags.CLONE_NEWPID) == 0;
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
    private static partial int ioctl(FileDescriptor file, nuint request, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
