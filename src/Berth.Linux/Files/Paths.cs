using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Files;

/// <summary>
/// Calls that take a folder descriptor and a path relative to it. Paths are bytes, as file names have no encoding; none may hold a zero.
/// Each failure is a <see cref="LinuxException"/> that names the call and the path.
/// </summary>
public static unsafe partial class Paths
{
    private const int OPENAT2 = 437;
    private const int AT_REMOVEDIR = 0x200;
    private const int MostAttempts = 1000;

    /// <summary>AT_FDCWD: relative paths start at the process's working folder; absolute ones need it as a starting point.</summary>
    public static FileDescriptor WorkingFolder { get; } = new(-100);

    /// <summary>The path of a file below /proc/PID. Cheaper than text interpolation, whose first use costs a short program more than all else here.</summary>
    /// <param name="pid">The process; not negative.</param>
    /// <param name="name">Such as <c>ns/net</c>.</param>
    public static string OfProcess(int pid, string name) => "/proc/" + Digits(pid) + "/" + name;

    /// <summary>The path by which the calling process reaches what a descriptor of its own refers to.</summary>
    public static string OfDescriptor(FileDescriptor file) => "/proc/self/fd/" + Digits(file.Number);

    private static string Digits(int number)
    {
        Span<char> digits = stackalloc char[11];
        return number.TryFormat(digits, out int length, default, provider: null) ? new string(digits[..length]) : "";
    }

    /// <summary>openat2(2) with O_CLOEXEC. <paramref name="mode"/> only counts with O_CREAT.</summary>
    public static FileDescriptor Open(FileDescriptor folder, ReadOnlySpan<byte> path, ulong flags, uint mode = 0, ResolveFlags resolve = ResolveFlags.None) =>
        TryOpen(folder, path, flags, mode, resolve, out FileDescriptor? file) is var errno && file is not null
            ? file : throw new LinuxException(errno, "openat2", NativePath.Show(path));

    /// <summary>As <see cref="Open(string, ulong, uint)"/>, where not being able to is no error: an exception takes a short program as long as ten calls.</summary>
    /// <returns>The kernel's reason where there is no <paramref name="file"/>.</returns>
    public static Errno TryOpen(string path, ulong flags, out FileDescriptor? file) =>
        TryOpen(WorkingFolder, Encoding.UTF8.GetBytes(path), flags, mode: 0, ResolveFlags.None, out file);

    [SkipLocalsInit]
    private static Errno TryOpen(FileDescriptor folder, ReadOnlySpan<byte> path, ulong flags, uint mode, ResolveFlags resolve, out FileDescriptor? file)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "openat2");
        OpenHow how = new() { Flags = flags | OpenFlags.O_CLOEXEC, Mode = (flags & OpenFlags.O_CREAT) != 0 ? mode : 0, Resolve = (ulong)resolve };
        nint fd;
        int attempts = 0;
        do
        {
            fd = openat2(OPENAT2, folder, buffer, &how, (nuint)sizeof(OpenHow));
        }
        while (fd < 0 && (IsInterrupted() || (IsUnsettled(resolve) && ++attempts < MostAttempts)));
        file = fd >= 0 ? new FileDescriptor((int)fd) : null;
        return fd >= 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
    }

    /// <summary>Opens an absolute (or working-folder relative) path that the caller trusts.</summary>
    public static FileDescriptor Open(string path, ulong flags, uint mode = 0) => Open(WorkingFolder, Encoding.UTF8.GetBytes(path), flags, mode);

    /// <summary>Opens the folder <paramref name="path"/> for reading.</summary>
    public static FileDescriptor OpenFolder(string path) => Open(path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);

    /// <summary>mkdirat(2); the umask applies.</summary>
    [SkipLocalsInit]
    public static void MakeFolder(FileDescriptor folder, ReadOnlySpan<byte> path, uint mode)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "mkdirat");
        Check(mkdirat(folder, buffer, mode), "mkdirat", path);
    }

    /// <summary>mknodat(2): <paramref name="mode"/> holds the type (S_IFCHR, S_IFBLK, S_IFIFO) and the permissions; the umask applies.</summary>
    [SkipLocalsInit]
    public static void MakeNode(FileDescriptor folder, ReadOnlySpan<byte> path, uint mode, uint major, uint minor)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "mknodat");
        Check(mknodat(folder, buffer, mode, FileTypes.Device(major, minor)), "mknodat", path);
    }

    /// <summary>symlinkat(2): makes <paramref name="path"/> a link whose text is <paramref name="target"/>.</summary>
    [SkipLocalsInit]
    public static void MakeSymlink(ReadOnlySpan<byte> target, FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        byte* text = stackalloc byte[NativePath.Max];
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(target, new Span<byte>(text, NativePath.Max), "symlinkat");
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "symlinkat");
        Check(symlinkat(text, folder, buffer), "symlinkat", path);
    }

    /// <summary>linkat(2); a symbolic link as last part of <paramref name="oldPath"/> is linked itself, not followed.</summary>
    [SkipLocalsInit]
    public static void Link(FileDescriptor oldFolder, ReadOnlySpan<byte> oldPath, FileDescriptor newFolder, ReadOnlySpan<byte> newPath)
    {
        byte* old = stackalloc byte[NativePath.Max];
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(oldPath, new Span<byte>(old, NativePath.Max), "linkat");
        NativePath.Terminate(newPath, new Span<byte>(buffer, NativePath.Max), "linkat");
        Check(linkat(oldFolder, old, newFolder, buffer, 0), "linkat", newPath);
    }

    /// <summary>unlinkat(2) of anything but a folder.</summary>
    public static void Unlink(FileDescriptor folder, ReadOnlySpan<byte> path) => Unlink(folder, path, 0, "unlinkat");

    /// <summary>unlinkat(2) of an empty folder.</summary>
    public static void RemoveFolder(FileDescriptor folder, ReadOnlySpan<byte> path) => Unlink(folder, path, AT_REMOVEDIR, "unlinkat(AT_REMOVEDIR)");

    /// <summary>unlinkat(2) of a folder if it is empty; false when it is not.</summary>
    [SkipLocalsInit]
    public static bool TryRemoveFolder(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "unlinkat(AT_REMOVEDIR)");
        if (unlinkat(folder, buffer, AT_REMOVEDIR) == 0)
        {
            return true;
        }

        // POSIX lets a file system answer either for a folder with content.
        return (Errno)Marshal.GetLastPInvokeError() is Errno.ENOTEMPTY or Errno.EEXIST
            ? false
            : throw LinuxException.Last("unlinkat(AT_REMOVEDIR)", NativePath.Show(path));
    }

    /// <summary>renameat2(2). With <paramref name="noReplace"/> an existing target is EEXIST; without, it is replaced atomically.</summary>
    [SkipLocalsInit]
    public static void Rename(FileDescriptor oldFolder, ReadOnlySpan<byte> oldPath, FileDescriptor newFolder, ReadOnlySpan<byte> newPath, bool noReplace = false)
    {
        byte* old = stackalloc byte[NativePath.Max];
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(oldPath, new Span<byte>(old, NativePath.Max), "renameat2");
        NativePath.Terminate(newPath, new Span<byte>(buffer, NativePath.Max), "renameat2");
        if (renameat2(oldFolder, old, newFolder, buffer, noReplace ? 1u : 0) != 0)
        {
            throw LinuxException.Last("renameat2", $"{NativePath.Show(oldPath)} -> {NativePath.Show(newPath)}");
        }
    }

    /// <summary>readlinkat(2): the link's text.</summary>
    [SkipLocalsInit]
    public static byte[] ReadLink(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        byte* text = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), "readlinkat");
        nint length = readlinkat(folder, buffer, text, NativePath.Max);
        return length >= 0 ? new ReadOnlySpan<byte>(text, (int)length).ToArray() : throw LinuxException.Last("readlinkat", NativePath.Show(path));
    }

    [SkipLocalsInit]
    private static void Unlink(FileDescriptor folder, ReadOnlySpan<byte> path, int flags, string call)
    {
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(path, new Span<byte>(buffer, NativePath.Max), call);
        Check(unlinkat(folder, buffer, flags), call, path);
    }

    // openat2(2): something was renamed or mounted anywhere on the machine meanwhile, and so a ".." could not be said to stay inside.
    private static bool IsUnsettled(ResolveFlags resolve) =>
        (resolve & (ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_BENEATH)) != ResolveFlags.None && (Errno)Marshal.GetLastPInvokeError() == Errno.EAGAIN;

    private static bool IsInterrupted() => (Errno)Marshal.GetLastPInvokeError() == Errno.EINTR;

    private static void Check(int result, string call, ReadOnlySpan<byte> path)
    {
        if (result != 0)
        {
            throw LinuxException.Last(call, NativePath.Show(path));
        }
    }

    // struct open_how, openat2(2)
    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint openat2(nint number, FileDescriptor folder, byte* path, OpenHow* how, nuint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mkdirat(FileDescriptor folder, byte* path, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mknodat(FileDescriptor folder, byte* path, uint mode, ulong device);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int symlinkat(byte* target, FileDescriptor folder, byte* path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int linkat(FileDescriptor oldFolder, byte* oldPath, FileDescriptor newFolder, byte* newPath, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unlinkat(FileDescriptor folder, byte* path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int renameat2(FileDescriptor oldFolder, byte* oldPath, FileDescriptor newFolder, byte* newPath, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readlinkat(FileDescriptor folder, byte* path, byte* buffer, nuint size);
}
