using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Flags of open(2). Four of them differ between x86-64 and arm64, hence no enum.</summary>
public static class OpenFlags
{
    public const ulong O_RDONLY = 0;
    public const ulong O_WRONLY = 1;
    public const ulong O_RDWR = 2;
    public const ulong O_CREAT = 0x40;
    public const ulong O_EXCL = 0x80;
    public const ulong O_NOCTTY = 0x100;
    public const ulong O_TRUNC = 0x200;
    public const ulong O_APPEND = 0x400;
    public const ulong O_NONBLOCK = 0x800;
    public const ulong O_CLOEXEC = 0x80000;
    public const ulong O_PATH = 0x200000;

    public static readonly ulong O_DIRECTORY = Arm64 ? 0x4000UL : 0x10000UL;
    public static readonly ulong O_NOFOLLOW = Arm64 ? 0x8000UL : 0x20000UL;

    /// <summary>With a folder: a file without a name in its file system.</summary>
    public static readonly ulong O_TMPFILE = 0x400000UL | O_DIRECTORY;

    private static bool Arm64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
}

/// <summary>How openat2(2) walks a path.</summary>
[Flags]
public enum ResolveFlags : ulong
{
    /// <summary>As open(2) does.</summary>
    None = 0,

    /// <summary>No mount point is crossed.</summary>
    RESOLVE_NO_XDEV = 1,

    /// <summary>Links like /proc/PID/fd/N are not followed.</summary>
    RESOLVE_NO_MAGICLINKS = 2,

    /// <summary>No symbolic link is followed, anywhere in the path.</summary>
    RESOLVE_NO_SYMLINKS = 4,

    /// <summary>Leaving the starting folder, by "..", an absolute link or otherwise, is EXDEV.</summary>
    RESOLVE_BENEATH = 8,

    /// <summary>The starting folder is the root: absolute links and ".." stay inside.</summary>
    RESOLVE_IN_ROOT = 16,
}
