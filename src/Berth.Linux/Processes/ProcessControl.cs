using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>prctl(2), pidfd_open(2) and resource limits of this and other processes.</summary>
public static unsafe partial class ProcessControl
{
    public const int PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_CAPBSET_READ = 23, PR_CAPBSET_DROP = 24;
    public const int PR_SET_NO_NEW_PRIVS = 38, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_RAISE = 2, PR_CAP_AMBIENT_CLEAR_ALL = 4;

    /// <summary>
    /// Makes this process non-dumpable: others, even of the same user, can neither trace it nor read its memory or /proc entries. A child that
    /// shares its memory is covered as well, until execve(2).
    /// </summary>
    /// <exception cref="LinuxException">prctl failed.</exception>
    public static void ForbidInspection()
    {
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
            throw LinuxException.Last("prctl", "PR_SET_DUMPABLE");
    }

    /// <summary>Ends this process at once (_exit(2)): nothing is flushed, no thread is waited for.</summary>
    public static void Exit(int status) => _exit(status);

    /// <summary>The effective group id of this process.</summary>
    public static uint OwnGid => getegid();

    /// <summary>From now on, descendants whose parent ends become this process's children instead of init's.</summary>
    /// <exception cref="LinuxException">prctl failed.</exception>
    public static void BecomeSubreaper()
    {
        const int PR_SET_CHILD_SUBREAPER = 36;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
            throw LinuxException.Last("prctl", "PR_SET_CHILD_SUBREAPER");
    }

    /// <summary>What ps(1) and /proc/PID/comm call this thread from now on; at most 15 bytes count.</summary>
    public static void SetName(ReadOnlySpan<byte> name)
    {
        byte* text = stackalloc byte[16];
        name[..Math.Min(name.Length, 15)].CopyTo(new Span<byte>(text, 15));
        text[Math.Min(name.Length, 15)] = 0;
        _ = prctl(PR_SET_NAME, (nint)text, 0, 0, 0); // cannot fail with a readable pointer
    }

    /// <summary>Whether the capability is in this thread's bounding set; false also for one that the kernel does not know.</summary>
    public static bool HasInBoundingSet(int capability) => prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;

    /// <summary>A pidfd of the process that has the id now.</summary>
    /// <returns>null when there is none.</returns>
    /// <exception cref="LinuxException">pidfd_open failed otherwise.</exception>
    public static FileDescriptor? OpenProcess(int pid)
    {
        nint fd = syscall(SyscallNumbers.Current.PidfdOpen, pid, 0);
        if (fd >= 0)
            return new FileDescriptor((int)fd);
        return Marshal.GetLastPInvokeError() == (int)Errno.ESRCH ? null : throw LinuxException.Last("pidfd_open", $"{pid}");
    }

    /// <summary>This process's soft and hard limit of a resource by its number (getrlimit(2)).</summary>
    /// <exception cref="LinuxException">EINVAL: no such resource.</exception>
    public static (ulong Soft, ulong Hard) GetLimit(int resource)
    {
        ulong* limit = stackalloc ulong[2];
        if (prlimit64(0, resource, null, limit) != 0)
            throw LinuxException.Last("prlimit64", $"resource {resource}");
        return (limit[0], limit[1]);
    }

    /// <summary>Sets a resource limit of another process (prlimit(2)).</summary>
    /// <exception cref="LinuxException">EPERM: above the hard limit without CAP_SYS_RESOURCE.</exception>
    public static void SetLimit(int pid, int resource, ulong soft, ulong hard)
    {
        ulong* limit = stackalloc ulong[2] { soft, hard };
        if (prlimit64(pid, resource, limit, null) != 0)
            throw LinuxException.Last("prlimit64", $"resource {resource} of process {pid}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nint a, nint b, nint c, nint d);

    [LibraryImport("libc")]
    private static partial uint getegid();

    [LibraryImport("libc")]
    private static partial void _exit(int status);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prlimit64(int pid, int resource, ulong* newLimit, ulong* oldLimit);
}
