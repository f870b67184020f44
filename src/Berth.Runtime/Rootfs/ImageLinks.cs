using System.Text;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Where a path that does not exist yet is to be made, if links of the image lead to it: /etc/resolv.conf is often a link to a file that only a running system
/// has. The answer is text, worth no more than the image; whoever makes the path still resolves it inside the root.
/// </summary>
internal static class ImageLinks
{
    private const int MaxLinks = 40; // as the kernel's own limit
    private const int MaxAttempts = 100;

    /// <summary>The path without the links on its way; as given when it exists or nothing can be said about it.</summary>
    public static string Follow(FileDescriptor root, string[] path)
    {
        string whole = string.Join('/', path);
        try
        {
            return Exists(root, whole) ? whole : FollowEach(root, path);
        }
        catch (LinuxException)
        {
            return whole; // the new process meets the same error, and tells it as its step's
        }
    }

    private static string FollowEach(FileDescriptor root, string[] path)
    {
        var rest = new Stack<string>(Enumerable.Reverse(path));
        var done = new List<string>();
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                done.RemoveRange(Math.Max(done.Count - 1, 0), Math.Min(done.Count, 1));
                continue;
            }

            done.Add(part);
            if (ReadLink(root, string.Join('/', done)) is not { } target)
                continue;
            if (++links > MaxLinks)
                throw new LinuxException(Errno.ELOOP, "readlinkat", string.Join('/', path));
            done.RemoveAt(done.Count - 1);
            if (target.StartsWith('/'))
                done.Clear();
            foreach (string next in Enumerable.Reverse(target.Split('/')).Where(static p => p is not ("" or ".")))
                rest.Push(next);
        }

        return string.Join('/', done);
    }

    private static string? ReadLink(FileDescriptor root, string path)
    {
        try
        {
            using FileDescriptor file = Open(root, path, OpenFlags.O_NOFOLLOW);
            return FileStatusCalls.Stat(file).Type == FileTypes.S_IFLNK ? Encoding.UTF8.GetString(Paths.ReadLink(file, ""u8)) : null;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    private static bool Exists(FileDescriptor root, string path)
    {
        try
        {
            Open(root, path, 0).Dispose();
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private static FileDescriptor Open(FileDescriptor root, string path, ulong flags)
    {
        const ResolveFlags Confined = ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return Paths.Open(root, Encoding.UTF8.GetBytes(path), OpenFlags.O_PATH | flags, resolve: Confined);
            }
            catch (LinuxException e) when (e.Errno == Errno.EAGAIN && attempt < MaxAttempts)
            {
                // Something was renamed or mounted anywhere on the host while a ".." was walked.
            }
        }
    }
}
