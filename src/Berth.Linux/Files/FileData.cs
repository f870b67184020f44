using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>Bytes in and out of open files, and their way to the disk.</summary>
public static unsafe partial class FileData
{
    /// <summary>write(2) until all of <paramref name="data"/> is written.</summary>
    public static void Write(FileDescriptor file, ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
        {
            nint done = 0;
            while (done < data.Length)
            {
                nint count = write(file, start + done, (nuint)(data.Length - done));
                if (count < 0 && !IsInterrupted())
                {
                    throw LinuxException.Last("write");
                }

                done += Math.Max(count, 0);
            }
        }
    }

    /// <summary>pwrite(2) at <paramref name="offset"/> until all of <paramref name="data"/> is written; the file's position stays.</summary>
    public static void WriteAt(FileDescriptor file, ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* start = data)
        {
            nint done = 0;
            while (done < data.Length)
            {
                nint count = pwrite(file, start + done, (nuint)(data.Length - done), offset + done);
                if (count < 0 && !IsInterrupted())
                {
                    throw LinuxException.Last("pwrite");
                }

                done += Math.Max(count, 0);
            }
        }
    }

    /// <summary>pread(2) at <paramref name="offset"/>: the bytes read, 0 at the file's end.</summary>
    public static int ReadAt(FileDescriptor file, Span<byte> buffer, long offset)
    {
        fixed (byte* start = buffer)
        {
            nint count;
            do
            {
                count = pread(file, start, (nuint)buffer.Length, offset);
            }
            while (count < 0 && IsInterrupted());
            return count >= 0 ? (int)count : throw LinuxException.Last("pread");
        }
    }

    /// <summary>ftruncate(2): cuts, or grows by a hole, to <paramref name="length"/> bytes.</summary>
    public static void SetLength(FileDescriptor file, long length)
    {
        while (ftruncate(file, length) != 0)
        {
            if (!IsInterrupted())
            {
                throw LinuxException.Last("ftruncate");
            }
        }
    }

    /// <summary>fsync(2) of a file or folder. After a failure the kernel may have dropped the data: never retry, never trust the file again.</summary>
    public static void Sync(FileDescriptor file)
    {
        if (fsync(file) != 0)
        {
            throw LinuxException.Last("fsync");
        }
    }

    /// <summary>fdatasync(2): the data, and of the metadata what is needed to read it back. The warning of <see cref="Sync"/> holds.</summary>
    public static void SyncData(FileDescriptor file)
    {
        if (fdatasync(file) != 0)
        {
            throw LinuxException.Last("fdatasync");
        }
    }

    /// <summary>syncfs(2): everything written so far to the file system that holds <paramref name="file"/>.</summary>
    public static void SyncFileSystem(FileDescriptor file)
    {
        if (syncfs(file) != 0)
        {
            throw LinuxException.Last("syncfs");
        }
    }

    private static bool IsInterrupted() => (Errno)Marshal.GetLastPInvokeError() == Errno.EINTR;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(FileDescriptor file, byte* data, nuint size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwrite(FileDescriptor file, byte* data, nuint size, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(FileDescriptor file, byte* data, nuint size, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(FileDescriptor file, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(FileDescriptor file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(FileDescriptor file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int syncfs(FileDescriptor file);
}
