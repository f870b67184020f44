using System.Runtime.InteropServices;

namespace Berth.Linux.Pipes;

/// <summary>The few calls on ordinary files that a small process needs, without the weight of FileStream. Paths are trusted host paths.</summary>
public static unsafe partial class PlainFile
{
    private const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x40, O_APPEND = 0x400, O_CLOEXEC = 0x80000, SEEK_END = 2;

    /// <summary>Opens for reading.</summary>
    /// <exception cref="LinuxException">open failed.</exception>
    public static FileDescriptor OpenRead(string path) => Open(path, O_RDONLY, 0);

    /// <summary>Opens for appending; made with <paramref name="mode"/> when absent.</summary>
    /// <exception cref="LinuxException">open failed.</exception>
    public static FileDescriptor OpenAppend(string path, uint mode) => Open(path, O_WRONLY | O_CREAT | O_APPEND, mode);

    /// <summary>Opens for reading and writing at offsets; made with <paramref name="mode"/> when absent, kept as it is otherwise.</summary>
    /// <exception cref="LinuxException">open failed.</exception>
    public static FileDescriptor OpenReadWrite(string path, uint mode) => Open(path, O_RDWR | O_CREAT, mode);

    /// <summary>Opens the null device for reading and writing.</summary>
    /// <exception cref="LinuxException">open failed.</exception>
    public static FileDescriptor OpenNull() => Open("/dev/null", O_RDWR, 0);

    /// <summary>The whole file.</summary>
    /// <exception cref="LinuxException">A call failed, or the file is larger than <paramref name="limit"/> (EFBIG).</exception>
    public static byte[] ReadAll(string path, int limit)
    {
        using FileDescriptor file = OpenRead(path);
        long size = Size(file);
        if (size > limit)
            throw new LinuxException(Errno.EFBIG, "read", $"{path} ({size} bytes, at most {limit})");

        byte[] content = new byte[size];
        int length = 0;
        while (length < content.Length)
        {
            Errno errno = DescriptorIo.TryRead(file.Number, content.AsSpan(length), out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", path);
            if (count == 0)
                return content[..length];
            length += count;
        }

        return content;
    }

    /// <summary>Length in bytes.</summary>
    /// <exception cref="LinuxException">lseek failed.</exception>
    public static long Size(FileDescriptor file)
    {
        // 64-bit off_t on every architecture we build for. The position matters to readers only, and they begin again at 0.
        long size = lseek(file.Number, 0, SEEK_END);
        return size < 0 || lseek(file.Number, 0, 0) < 0 ? throw LinuxException.Last("lseek") : size;
    }

    /// <summary>Cuts or extends to <paramref name="length"/> bytes.</summary>
    /// <exception cref="LinuxException">ftruncate failed.</exception>
    public static void SetSize(FileDescriptor file, long length)
    {
        while (ftruncate(file.Number, length) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("ftruncate");
        }
    }

    /// <summary>Reads at an offset; less than asked only at the end of the file.</summary>
    /// <exception cref="LinuxException">pread failed.</exception>
    public static int ReadAt(FileDescriptor file, Span<byte> buffer, long offset)
    {
        int total = 0;
        fixed (byte* pointer = buffer)
        {
            while (total < buffer.Length)
            {
                nint count = pread(file.Number, pointer + total, (nuint)(buffer.Length - total), offset + total);
                if (count == 0)
                    break;
                if (count > 0)
                    total += (int)count;
                else if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                    throw LinuxException.Last("pread");
            }
        }

        return total;
    }

    /// <summary>Writes all of <paramref name="data"/> at an offset.</summary>
    /// <exception cref="LinuxException">pwrite failed.</exception>
    public static void WriteAt(FileDescriptor file, ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* pointer = data)
        {
            int total = 0;
            while (total < data.Length)
            {
                nint count = pwrite(file.Number, pointer + total, (nuint)(data.Length - total), offset + total);
                if (count >= 0)
                    total += (int)count;
                else if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                    throw LinuxException.Last("pwrite");
            }
        }
    }

    /// <summary>Makes the content, and the size when it changed, durable.</summary>
    /// <exception cref="LinuxException">fdatasync failed.</exception>
    public static void SyncData(FileDescriptor file)
    {
        while (fdatasync(file.Number) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("fdatasync");
        }
    }

    /// <summary>Removes a name; false when it did not exist.</summary>
    /// <exception cref="LinuxException">unlink failed for another reason.</exception>
    public static bool Unlink(string path)
    {
        if (unlink(path) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == (int)Errno.ENOENT ? false : throw LinuxException.Last("unlink", path);
    }

    /// <summary>Renames; false when <paramref name="from"/> did not exist.</summary>
    /// <exception cref="LinuxException">rename failed for another reason.</exception>
    public static bool Rename(string from, string to)
    {
        if (rename(from, to) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == (int)Errno.ENOENT ? false : throw LinuxException.Last("rename", $"{from} to {to}");
    }

    private static FileDescriptor Open(string path, int flags, uint mode)
    {
        while (true)
        {
            int fd = open(path, flags | O_CLOEXEC, mode);
            if (fd >= 0)
                return new FileDescriptor(fd);
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("open", path);
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(int fd, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int fd, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(int fd, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwrite(int fd, byte* data, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(int fd);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);
}
