using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Linux.Events;

/// <summary>inotify(7) for single files: readable when one of them was modified or is gone.</summary>
public static unsafe partial class FileChanges
{
    private const int IN_CLOEXEC = 0x80000, IN_NONBLOCK = 0x800;
    private const uint IN_MODIFY = 0x2, IN_DELETE_SELF = 0x400;

    /// <summary>Starts watching <paramref name="path"/>.</summary>
    /// <exception cref="LinuxException">No such file, or the user's number of watches is used up (EMFILE, ENOSPC).</exception>
    public static FileDescriptor Watch(string path)
    {
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0)
            throw LinuxException.Last("inotify_init1");
        var watch = new FileDescriptor(fd);
        byte* buffer = stackalloc byte[NativePath.Max];
        NativePath.Terminate(Encoding.UTF8.GetBytes(path), new Span<byte>(buffer, NativePath.Max), "inotify_add_watch");
        if (inotify_add_watch(fd, buffer, IN_MODIFY | IN_DELETE_SELF) >= 0)
            return watch;
        LinuxException failure = LinuxException.Last("inotify_add_watch", path);
        watch.Dispose();
        throw failure;
    }

    /// <summary>Reads away all events that wait; they say no more than that there was a change.</summary>
    /// <exception cref="LinuxException">read failed.</exception>
    public static void Clear(FileDescriptor watch)
    {
        Span<byte> events = stackalloc byte[4096];
        Errno errno;
        while ((errno = DescriptorIo.TryRead(watch.Number, events, out int count)) == Errno.None && count > 0)
        {
        }

        if (errno is not Errno.None and not Errno.EAGAIN)
            throw new LinuxException(errno, "read", "inotify");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int inotify_init1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int inotify_add_watch(int fd, byte* path, uint mask);
}
