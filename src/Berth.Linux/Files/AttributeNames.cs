using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Files;

/// <summary>listxattr(2).</summary>
public static unsafe partial class AttributeNames
{
    /// <summary>Names of the extended attributes of <paramref name="name"/> in an open folder; a symbolic link there is not followed.</summary>
    /// <exception cref="LinuxException">As the kernel gives it; a file system without attributes has none.</exception>
    public static IReadOnlyList<string> List(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        byte[] path = [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{folder.Number}/"), .. name, 0];
        byte[] buffer = new byte[65536]; // XATTR_LIST_MAX
        nint length;
        fixed (byte* p = path, b = buffer)
        {
            length = llistxattr(p, b, (nuint)buffer.Length);
        }

        GC.KeepAlive(folder);
        if (length < 0)
            return (Errno)Marshal.GetLastPInvokeError() == Errno.EOPNOTSUPP ? [] : throw LinuxException.Last("llistxattr", NativePath.Show(name));
        return Encoding.UTF8.GetString(buffer, 0, (int)length).Split('\0', StringSplitOptions.RemoveEmptyEntries);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint llistxattr(byte* path, byte* list, nuint size);
}
