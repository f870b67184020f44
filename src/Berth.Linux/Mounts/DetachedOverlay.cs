using Berth.Linux.Files;
using Berth.Linux.Namespaces;

namespace Berth.Linux.Mounts;

/// <summary>An overlay file system that is attached nowhere: no path of the host leads to it, and it is gone with its last descriptor.</summary>
public static class DetachedOverlay
{
    private const int PageSize = 4096;

    /// <summary>Mounts it.</summary>
    /// <param name="options">As of overlay, one each; <c>lowerdir=</c> once for each layer, uppermost first.</param>
    /// <param name="at">An empty folder that kernels before 6.7 mount it on for a moment, in a namespace of its own.</param>
    /// <exception cref="LinuxException">What the kernel says; E2BIG for more layers than an old kernel takes.</exception>
    public static FileDescriptor Open(IReadOnlyList<string> options, string at)
    {
        try
        {
            return MountCalls.Create("overlay", "overlay", options.Select(static option => IsLower(option) ? "lowerdir+" + option["lowerdir".Length..] : option), MountAttributes.None);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            return OpenClassic(options, at);
        }
    }

    private static bool IsLower(string option) => option.StartsWith("lowerdir=", StringComparison.Ordinal);

    // On a thread of its own, since a mount namespace is entered by threads; the detached copy outlives it.
    private static FileDescriptor OpenClassic(IReadOnlyList<string> options, string at)
    {
        string lower = string.Join(':', options.Where(IsLower).Select(static option => Escape(option["lowerdir=".Length..])));
        string data = string.Join(',', options.Where(static option => !IsLower(option)).Prepend("lowerdir=" + lower));
        if (data.Length >= PageSize)
        {
            throw new LinuxException(Errno.E2BIG, "mount", $"overlay with options of {data.Length} bytes; before Linux 6.5 at most {PageSize - 1}");
        }

        FileDescriptor? result = null;
        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    NamespaceCalls.UnshareMounts();
                    MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
                    MountCalls.Mount("overlay", at, "overlay", MountFlags.None, data);
                    result = MountCalls.Clone(Paths.WorkingFolder, at, recursive: false);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            256 << 10);
        thread.Start();
        thread.Join();
        return result ?? throw new LinuxException((failure as LinuxException)?.Errno ?? Errno.EIO, "mount", $"overlay: {failure?.Message}");
    }

    private static string Escape(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
