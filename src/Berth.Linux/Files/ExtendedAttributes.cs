using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Files;

/// <summary>
/// Extended attributes (xattr(7)) of a name in an open folder; the name is one path part and a symbolic link there is not followed.
/// The folder is reached through /proc/self/fd, as setxattrat(2) only exists since Linux 6.13. Values are bytes.
/// </summary>
public static unsafe partial class ExtendedAttributes
{
    private const int MaxValue = 65536;

    /// <summary>lsetxattr(2).</summary>
    public static void Set(FileDescriptor folder, ReadOnlySpan<byte> name, string attribute, ReadOnlySpan<byte> value)
    {
        byte[] path = PathOf(folder, name);
        byte[] key = Key(attribute);
        fixed (byte* p = path, k = key, v = value)
        {
            if (lsetxattr(p, k, v, (nuint)value.Length, 0) != 0)
            {
                throw LinuxException.Last("lsetxattr", $"{NativePath.Show(name)} {attribute}");
            }
        }

        GC.KeepAlive(folder);
    }

    /// <summary>lgetxattr(2); null when the file has no such attribute.</summary>
    public static byte[]? Get(FileDescriptor folder, ReadOnlySpan<byte> name, string attribute)
    {
        byte[] path = PathOf(folder, name);
        byte[] key = Key(attribute);
        byte[] buffer = new byte[MaxValue];
        nint length;
        fixed (byte* p = path, k = key, v = buffer)
        {
            length = lgetxattr(p, k, v, MaxValue);
        }

        GC.KeepAlive(folder);
        if (length >= 0)
        {
            return buffer[..(int)length];
        }

        return (Errno)Marshal.GetLastPInvokeError() == Errno.ENODATA ? null : throw LinuxException.Last("lgetxattr", $"{NativePath.Show(name)} {attribute}");
    }

    private static byte[] PathOf(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        if (name.Contains((byte)0) || name.Contains((byte)'/') || name.SequenceEqual(".."u8))
        {
            throw new LinuxException(Errno.EINVAL, "lsetxattr", NativePath.Show(name));
        }

        return [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{folder.Number}/"), .. name, 0];
    }

    private static byte[] Key(string attribute) =>
        attribute.Contains('\0', StringComparison.Ordinal) ? throw new LinuxException(Errno.EINVAL, "lsetxattr", attribute) : [.. Encoding.UTF8.GetBytes(attribute), 0];

    [LibraryImport("libc", SetLastError = true)]
    private static partial int lsetxattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint lgetxattr(byte* path, byte* name, byte* value, nuint size);
}
