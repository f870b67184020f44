using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Layers;

namespace Berth.Storage.Check;

/// <summary>The other direction of a comparison: everything that lies in a layer's folder was in its archive, or is a folder on the way to what was.</summary>
internal sealed class LayerInventory(
    FileDescriptor root, HashSet<UInt128> seen, HashSet<ulong> parents, HashSet<ulong> opaque, DifferenceList differences, AttributeReader attributes)
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly List<Found> found = [];

    public void Run(CancellationToken cancellationToken)
    {
        found.Add(new Found([], -1, isKnown: true) { IsNeeded = true });
        // Each folder is read after the one that holds it: children stand behind their parents.
        for (int i = 0; i < found.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                Read(i);
            }
            catch (LinuxException e)
            {
                differences.Set(found[i].Path, $"cannot be looked at: {e.Message}");
            }
        }

        for (int i = found.Count - 1; i > 0; i--)
        {
            found[found[i].Parent].IsNeeded |= found[i].IsNeeded;
        }

        foreach (Found folder in found.Skip(1).Where(static folder => !folder.IsKnown))
        {
            if (!folder.IsNeeded)
            {
                if (found[folder.Parent].IsNeeded)
                {
                    differences.Set(folder.Path, "is in no archive of the layer");
                }
            }
            else if (folder.Status.Mode != (FileTypes.S_IFDIR | 0x1ED) || folder.Status.Uid != 0 || folder.Status.Gid != 0)
            {
                differences.Set(folder.Path, $"has the permissions {Convert.ToString(folder.Status.Mode & 0xFFF, 8)} and the owner {folder.Status.Uid}:{folder.Status.Gid}, as a folder that the archive only implies 755 and 0:0");
            }
        }
    }

    private void Read(int index)
    {
        Found at = found[index];
        using FileDescriptor folder = Paths.Open(root, at.Path.Length == 0 ? "."u8 : at.Path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW, 0, Confined);
        ulong inode = FileStatusCalls.Stat(folder).Inode;
        at.IsNeeded |= at.IsKnown || parents.Contains(inode);
        bool isOpaque = Whiteouts.OpacityOf(folder, "."u8) != FolderOpacity.None;
        if (isOpaque != opaque.Contains(inode))
        {
            differences.Set(at.Path, isOpaque ? "hides what lies below it, which it should not" : "should hide what lies below it, and does not");
        }

        for (IReadOnlyList<FolderEntry> some = FolderReader.ReadSome(folder); some.Count > 0; some = FolderReader.ReadSome(folder))
        {
            foreach (FolderEntry entry in some)
            {
                Add(index, folder, inode, entry.Name);
            }
        }
    }

    private void Add(int index, FileDescriptor folder, ulong inode, byte[] name)
    {
        if (!FileStatusCalls.TryStat(folder, name, out FileStatus status))
        {
            return;
        }

        byte[] path = index == 0 ? name : [.. found[index].Path, (byte)'/', .. name];
        bool isKnown = seen.Contains(LayerVerifier.KeyOf(inode, name));
        if (status.IsFolder)
        {
            found.Add(new Found(path, index, isKnown) { Status = status });
            if (!isKnown && attributes.Read(folder, name).Any(static attribute => !LayerVerifier.IsHosts(attribute.Key)))
            {
                differences.Set(path, "has attributes, which it should not");
            }
        }
        else if (!isKnown)
        {
            differences.Set(path, Whiteouts.IsMark(status) ? "marks a file of a layer below as deleted, which the archive does not" : "is in no archive of the layer");
        }
    }

    private sealed class Found(byte[] path, int parent, bool isKnown)
    {
        public byte[] Path => path;

        public int Parent => parent;

        public bool IsKnown => isKnown;

        public bool IsNeeded { get; set; }

        public FileStatus Status { get; init; }
    }
}
