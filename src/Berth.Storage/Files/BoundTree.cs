using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;
using Berth.Model;

namespace Berth.Storage.Files;

/// <summary>
/// A root file system with the host's folders and files that a container shows in it, as a detached tree of mounts: no path of the host leads to it, and it is gone with its last
/// descriptor. It is put together in a mount namespace of its own, which sends nothing to the host and is gone before this returns.
/// </summary>
internal static class BoundTree
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS;
    private const uint PlaceMode = 0x1ED;

    /// <summary>Mounts <paramref name="binds"/> in a root. What they are mounted on is made where it is missing, as a start makes it.</summary>
    /// <param name="root">A detached mount; null: the folder <paramref name="at"/> itself.</param>
    /// <param name="at">A folder of the host for the moment of the work.</param>
    /// <param name="binds">Parents before what is in them; a source that does not exist is an error.</param>
    /// <exception cref="LinuxException">The kernel refuses; names the bind.</exception>
    public static FileDescriptor Open(FileDescriptor? root, string at, IReadOnlyList<Mount> binds)
    {
        FileDescriptor? result = null;
        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = OpenHere(root, at, binds);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            256 << 10);
        thread.Start();
        thread.Join();
        return result ?? throw (failure as LinuxException ?? new LinuxException(Errno.EIO, "mount", failure?.Message ?? at));
    }

    private static FileDescriptor OpenHere(FileDescriptor? root, string at, IReadOnlyList<Mount> binds)
    {
        NamespaceCalls.UnshareMounts();
        MountCalls.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE, null);
        using FileDescriptor top = root is null ? MountCalls.Clone(Paths.WorkingFolder, at, recursive: false) : MountCalls.Clone(root, "", recursive: false);
        using (FileDescriptor place = Paths.Open(at, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY))
        {
            MountCalls.Attach(top, place);
        }

        foreach (Mount bind in binds)
        {
            try
            {
                Bind(top, bind);
            }
            catch (LinuxException e)
            {
                throw new LinuxException(e.Errno, e.Call, $"bind of {bind.Source} at {bind.Destination}");
            }
        }

        return MountCalls.Clone(top, "", recursive: true);
    }

    private static void Bind(FileDescriptor top, Mount bind)
    {
        using FileDescriptor source = MountCalls.Clone(Paths.WorkingFolder, bind.Source, bind.Options.Contains("rbind"));
        MountCalls.SetAttributes(source, MountAttributes.None, MountAttributes.None, MountFlags.MS_PRIVATE, recursive: true);
        bool isDeep = bind.Options.Contains("rro");
        if (isDeep || bind.Options.Contains("ro"))
        {
            MountCalls.SetAttributes(source, MountAttributes.MOUNT_ATTR_RDONLY, MountAttributes.None, MountFlags.None, isDeep);
        }

        using FileDescriptor place = OpenPlace(top, bind.Destination, FileStatusCalls.Stat(source).IsFolder);
        if (FileStatusCalls.Stat(place).IsFolder && !FileStatusCalls.Stat(source).IsFolder)
        {
            throw new LinuxException(Errno.EISDIR, "move_mount", bind.Destination); // the kernel says EINVAL for this and more
        }

        MountCalls.Attach(source, place);
    }

    private static FileDescriptor OpenPlace(FileDescriptor top, string destination, bool isFolder)
    {
        // Links that lead to nothing yet are followed, too: what is made is what they name.
        string[] parts = ContainerRoot.Follow(top, destination).Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int count = 1; count <= parts.Length; count++)
        {
            byte[] path = Encoding.UTF8.GetBytes(string.Join('/', parts[..count]));
            try
            {
                Paths.Open(top, path, OpenFlags.O_PATH, 0, Confined).Dispose();
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                using FileDescriptor above = Paths.Open(top, Encoding.UTF8.GetBytes("./" + string.Join('/', parts[..(count - 1)])), OpenFlags.O_PATH | OpenFlags.O_DIRECTORY, 0, Confined);
                Make(above, Encoding.UTF8.GetBytes(parts[count - 1]), isFolder || count < parts.Length);
            }
        }

        return Paths.Open(top, Encoding.UTF8.GetBytes(string.Join('/', parts)), OpenFlags.O_PATH | (isFolder ? OpenFlags.O_DIRECTORY : 0), 0, Confined);
    }

    private static void Make(FileDescriptor folder, byte[] name, bool isFolder)
    {
        if (isFolder)
        {
            Paths.MakeFolder(folder, name, PlaceMode);
        }
        else
        {
            Paths.MakeNode(folder, name, FileTypes.S_IFREG | PlaceMode, 0, 0);
        }
    }
}
