using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Files;

/// <summary>
/// All extended attributes (xattr(7)) of many files, one after the other, through buffers that are kept. A file without any costs one system
/// call. For one thread at a time.
/// </summary>
public sealed unsafe partial class AttributeReader
{
    private const int MaxSize = 65536; // XATTR_LIST_MAX and XATTR_SIZE_MAX
    private readonly byte[] names = new byte[MaxSize];
    private readonly byte[] value = new byte[MaxSize];

    /// <summary>The attributes of <paramref name="name"/> (one path part) in an open folder; a symbolic link there is not followed.</summary>
    /// <returns>Name and value, in the file system's order; empty where the file system has no attributes.</returns>
    /// <exception cref="LinuxException">ENOENT and others.</exception>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Read(FileDescriptor folder, ReadOnlySpan<byte> name)
    {
        if (name.Contains((byte)0) || name.Contains((byte)'/') || name.SequenceEqual(".."u8))
        {
            throw new LinuxException(Errno.EINVAL, "llistxattr", NativePath.Show(name));
        }

        byte[] path = [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{folder.Number}/"), .. name, 0];
        List<KeyValuePair<string, byte[]>>? result = null;
        fixed (byte* p = path, list = names, buffer = value)
        {
            nint length = llistxattr(p, list, MaxSize);
            if (length < 0 && (Errno)Marshal.GetLastPInvokeError() != Errno.EOPNOTSUPP)
            {
                throw LinuxException.Last("llistxattr", NativePath.Show(name));
            }

            for (nint at = 0; at < length;)
            {
                ReadOnlySpan<byte> key = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(list + at);
                nint size = lgetxattr(p, list + at, buffer, MaxSize);
                at += key.Length + 1;
                if (size >= 0)
                {
                    (result ??= []).Add(new(Encoding.UTF8.GetString(key), value[..(int)size]));
                }
                else if ((Errno)Marshal.GetLastPInvokeError() is not (Errno.ENODATA or Errno.EOPNOTSUPP))
                {
                    // ENODATA: taken away in between.
                    throw LinuxException.Last("lgetxattr", $"{NativePath.Show(name)} {Encoding.UTF8.GetString(key)}");
                }
            }
        }

        GC.KeepAlive(folder);
        return result ?? (IReadOnlyList<KeyValuePair<string, byte[]>>)[];
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint llistxattr(byte* path, byte* list, nuint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint lgetxattr(byte* path, byte* name, byte* value, nuint size);
}
