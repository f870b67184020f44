using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Owner, permissions and times. Calls by path never follow a symbolic link in its last part, except where said.</summary>
public static unsafe partial class FileAttributeCalls
{
    private const int AT_SYMLINK_NOFOLLOW = 0x100;

    /// <summary>fchown(2). Clears setuid and setgid: set the mode afterwards.</summary>
    public static void SetOwner(FileDescriptor file, uint uid, uint gid) => Check(fchown(file, uid, gid), "fchown", default);

    /// <summary>fchownat(2) of <paramref name="path"/> itself.</summary>
    [SkipLocalsInit]
    public static void SetOwner(FileDescriptor folder, ReadOnlySpan<byte> path, uint uid, uint gid)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "fchownat");
        Check(fchownat(folder, buffer, uid, gid, AT_SYMLINK_NOFOLLOW), "fchownat", path);
    }

    /// <summary>fchmod(2) with the twelve permission bits of <paramref name="mode"/>.</summary>
    public static void SetMode(FileDescriptor file, uint mode) => Check(fchmod(file, mode & 0xFFF), "fchmod", default);

    /// <summary>fchmodat(2). It follows links: only for a path whose last part the caller has just made and knows not to be one.</summary>
    [SkipLocalsInit]
    public static void SetMode(FileDescriptor folder, ReadOnlySpan<byte> path, uint mode)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "fchmodat");
        Check(fchmodat(folder, buffer, mode & 0xFFF, 0), "fchmodat", path);
    }

    /// <summary>Sets access and modification time of the open file; seconds since 1970, possibly negative, and nanoseconds.</summary>
    public static void SetTimes(FileDescriptor file, long seconds, uint nanoseconds)
    {
        Timespec* times = stackalloc Timespec[2];
        times[0] = times[1] = new Timespec { Seconds = seconds, Nanoseconds = nanoseconds };
        Check(futimens(file, times), "futimens", default);
    }

    /// <summary>utimensat(2) of <paramref name="path"/> itself.</summary>
    [SkipLocalsInit]
    public static void SetTimes(FileDescriptor folder, ReadOnlySpan<byte> path, long seconds, uint nanoseconds)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "utimensat");
        Timespec* times = stackalloc Timespec[2];
        times[0] = times[1] = new Timespec { Seconds = seconds, Nanoseconds = nanoseconds };
        Check(utimensat(folder, buffer, times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
    }

    private static void Check(int result, string call, ReadOnlySpan<byte> path)
    {
        if (result != 0)
        {
            throw LinuxException.Last(call, NativePath.Show(path));
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchown(FileDescriptor file, uint uid, uint gid);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchownat(FileDescriptor folder, byte* path, uint uid, uint gid, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmod(FileDescriptor file, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmodat(FileDescriptor folder, byte* path, uint mode, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int futimens(FileDescriptor file, Timespec* times);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int utimensat(FileDescriptor folder, byte* path, Timespec* times, int flags);
}
