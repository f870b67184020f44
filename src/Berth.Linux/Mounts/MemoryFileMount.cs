using Berth.Linux.Files;
using Berth.Linux.Namespaces;

namespace Berth.Linux.Mounts;

/// <summary>Single files on a tmpfs of their own, as mounts that are attached nowhere: no path of the host leads to their content, and it is gone with the last mount and descriptor.</summary>
public static class MemoryFileMount
{
    private const string Name = "file";
    private const int BufferSize = 64 << 10;

    /// <summary>Whether a path names a file of <see cref="MemoryFile"/>, which itself cannot be mounted: the kernel keeps such files on a mount of its own.</summary>
    public static bool IsMemoryFile(string path)
    {
        if (!path.StartsWith("/proc/", StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false) is { } target && target.FullName.StartsWith("/memfd:", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Makes a file with a copy of what <paramref name="source"/> names: content, owner and permissions.</summary>
    /// <param name="source">A file of <see cref="MemoryFile"/>, by a path in /proc.</param>
    /// <param name="at">A folder that is covered for a moment, in a mount namespace that nobody else sees.</param>
    /// <exception cref="LinuxException">What the kernel says.</exception>
    public static FileDescriptor Copy(string source, string at)
    {
        using FileDescriptor content = Paths.Open(source, OpenFlags.O_RDONLY);
        FileStatus status = FileStatusCalls.Stat(content);
        FileDescriptor? result = null;
        Exception? failure = null;

        // On a thread of its own, since a mount namespace is entered by threads; the detached copy outlives it.
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = Make(content, status, at);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            256 << 10);
        thread.Start();
        thread.Join();
        return result ?? throw (failure as LinuxException ?? new LinuxException(Errno.EIO, "mount", $"tmpfs: {failure?.Message}"));
    }

    private static FileDescriptor Make(FileDescriptor content, FileStatus status, string at)
    {
        NamespaceCalls.UnshareMounts();
        MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
        MountCalls.Mount("tmpfs", at, "tmpfs", MountFlags.MS_NOSUID | MountFlags.MS_NODEV, "mode=700");
        string path = at + "/" + Name;
        using (FileDescriptor file = Paths.Open(path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x180))
        {
            byte[] buffer = new byte[BufferSize];
            try
            {
                long offset = 0;
                for (int count; (count = FileData.ReadAt(content, buffer, offset)) > 0; offset += count)
                {
                    FileData.WriteAt(file, buffer.AsSpan(0, count), offset);
                }
            }
            finally
            {
                Array.Clear(buffer);
            }

            FileAttributeCalls.SetOwner(file, status.Uid, status.Gid);
            FileAttributeCalls.SetMode(file, status.Mode & 0xFFF);
        }

        return MountCalls.Clone(Paths.WorkingFolder, path, recursive: false);
    }
}
