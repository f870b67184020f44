using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;

namespace Berth.Storage.Layers.Trees;

/// <summary>Which mounts a walk enters: those it is told of, and what is mounted in those; never what the kernel shows of itself, whose files have no end. For one thread.</summary>
/// <param name="known">As <see cref="MountIdentity"/> tells them; added to.</param>
internal sealed class MountEntry(HashSet<int> known)
{
    private const long SYSFS_MAGIC = 0x62656572, DEBUGFS_MAGIC = 0x64626720, TRACEFS_MAGIC = 0x74726163, MQUEUE_MAGIC = 0x19800202;

    /// <summary>Opens a folder that lies on another mount than the one before it.</summary>
    /// <returns>Null when it is none to enter, or not there any more.</returns>
    public FileDescriptor? TryEnter(FileDescriptor folder, ReadOnlySpan<byte> path, ulong flags, ResolveFlags resolve)
    {
        try
        {
            FileDescriptor opened = Paths.Open(folder, path, flags, 0, resolve);
            int mount = MountIdentity.Of(opened);
            if (!IsKernels(opened) && (known.Contains(mount) || known.Contains(MountIdentity.Of(folder))))
            {
                known.Add(mount);
                return opened;
            }

            opened.Dispose();
            return null;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
    }

    private static bool IsKernels(FileDescriptor folder) => FileSystemKind.Of(folder) is FileSystemKind.PROC_SUPER_MAGIC or FileSystemKind.CGROUP_SUPER_MAGIC
        or FileSystemKind.CGROUP2_SUPER_MAGIC or FileSystemKind.DEVPTS_SUPER_MAGIC or SYSFS_MAGIC or DEBUGFS_MAGIC or TRACEFS_MAGIC or MQUEUE_MAGIC;
}
