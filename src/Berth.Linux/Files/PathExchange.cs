using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>renameat2(2) with RENAME_EXCHANGE.</summary>
public static unsafe partial class PathExchange
{
    private const uint RENAME_EXCHANGE = 2;

    /// <summary>Lets two names of one file system change what they name, in one step: nobody sees one of them missing.</summary>
    /// <exception cref="LinuxException">ENOENT when one does not exist; EINVAL on a file system that cannot.</exception>
    [SkipLocalsInit]
    public static void Exchange(FileDescriptor firstFolder, ReadOnlySpan<byte> first, FileDescriptor secondFolder, ReadOnlySpan<byte> second)
    {
        byte* one = stackalloc byte[NativePath.Max];
        byte* other = stackalloc byte[NativePath.Max];
        NativePath.Terminate(first, new Span<byte>(one, NativePath.Max), "renameat2");
        NativePath.Terminate(second, new Span<byte>(other, NativePath.Max), "renameat2");
        if (renameat2(firstFolder, one, secondFolder, other, RENAME_EXCHANGE) != 0)
        {
            throw LinuxException.Last("renameat2(RENAME_EXCHANGE)", $"{NativePath.Show(first)} <-> {NativePath.Show(second)}");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int renameat2(FileDescriptor oldFolder, byte* oldPath, FileDescriptor newFolder, byte* newPath, uint flags);
}
