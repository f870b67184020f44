using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// Walks a root file system that lies in layers on the host, without mounting it: all that is visible (<see cref="Everything"/>), or what the
/// uppermost folder changes (<see cref="Changes"/>). It may be in use meanwhile: what vanishes during the walk is left out.
/// </summary>
internal sealed class TreeWalk : IDisposable
{
    // Deeper folders close their descriptors while what is below them is read.
    private const int MaxOpenDepth = 24;
    private readonly List<FileDescriptor> roots = [];
    private readonly bool isWholeCopy;
    private readonly MountEntry? mounts;
    private readonly AttributeReader attributes = new();
    private readonly CancellationToken cancellationToken;

    /// <summary>Opens the folders; layers below count for changes even where the upper one is a whole copy.</summary>
    /// <exception cref="LinuxException">One of them does not exist.</exception>
    public TreeWalk(SnapshotFolders folders, CancellationToken cancellationToken)
    {
        isWholeCopy = folders.IsWholeCopy;
        this.cancellationToken = cancellationToken;
        try
        {
            roots.Add(Paths.OpenFolder(folders.Upper));
            foreach (string lower in folders.Lower)
            {
                roots.Add(Paths.OpenFolder(lower));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A folder that is seen as it is, such as one of a running container; what is mounted below it is reported, and entered where <paramref name="mounts"/> says so.</summary>
    /// <param name="folder">Stays the caller's.</param>
    /// <param name="mounts">Which are.</param>
    /// <param name="cancellationToken">Ends the walk.</param>
    public TreeWalk(FileDescriptor folder, MountEntry mounts, CancellationToken cancellationToken)
    {
        this.mounts = mounts;
        isWholeCopy = true;
        this.cancellationToken = cancellationToken;
        roots.Add(Paths.Open(folder, "."u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY));
    }

    /// <summary>Whether what a start leaves to mount on counts like all else: in an image's own layers it came with the image.</summary>
    public bool KeepsMountPoints { get; init; }

    /// <summary>What a start leaves to mount on.</summary>
    public MountPoints MountPoints { get; init; } = MountPoints.Usual;

    /// <summary>Reports every visible file, hidden and deleted ones of lower layers not; the root itself is not among them.</summary>
    public void Everything(ITreeVisitor visitor)
    {
        using MergedLevel root = MergedLevel.Root(isWholeCopy ? roots[..1] : roots, hasMarks: !isWholeCopy, mounts);
        Everything(root, visitor, 0);
    }

    /// <summary>
    /// Reports what the upper folder adds, changes and deletes. A changed file is one that differs as <see cref="TreeDifference"/> has it; the
    /// folders that hold a change are reported as changed before it.
    /// </summary>
    /// <param name="visitor">Gets them.</param>
    /// <param name="all">Whether everything that the upper folder of overlay holds is reported, changed or not, and opaque folders as such.</param>
    public void Changes(ITreeVisitor visitor, bool all)
    {
        using MergedLevel root = MergedLevel.Root(roots);
        new ChangeWalk(this, visitor, all && !isWholeCopy).Visit(root, 0, hidesLower: isWholeCopy, isNew: false);
    }

    /// <inheritdoc/>
    public void Dispose() => roots.ForEach(static root => root.Dispose());

    private void Everything(MergedLevel level, ITreeVisitor visitor, int depth)
    {
        foreach (MergedName name in level.ReadNames(all: true))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!level.TryGet(name.Index, name.Name, out FileDetails details) || (!isWholeCopy && level.IsMark(name.Index, name.Name, details)))
            {
                continue;
            }

            if (Describe(level, name.Index, name.Name, details) is not { } entry)
            {
                continue;
            }

            visitor.Present(entry, isNew: true);
            if (details.Status.IsFolder)
            {
                using MergedLevel? below = level.Descend(name.Name, name.Index, throughOpaque: false);
                if (below is not null)
                {
                    Below(level, depth, () => Everything(below, visitor, depth + 1));
                }
            }
        }
    }

    private static void Below(MergedLevel level, int depth, Action walk)
    {
        if (depth < MaxOpenDepth)
        {
            walk();
            return;
        }

        level.Suspend();
        DeepStack.Run(walk);
        level.Resume();
    }

    // Null when it vanished.
    private TreeEntry? Describe(MergedLevel level, int index, byte[] name, in FileDetails details)
    {
        byte[] path = level.Path.Length == 0 ? name : [.. level.Path, (byte)'/', .. name];
        try
        {
            IReadOnlyList<KeyValuePair<string, byte[]>> found = attributes.Read(level[index]!, name);
            if (!isWholeCopy)
            {
                Whiteouts.RefuseReferences(path, found);
            }

            return new TreeEntry(path, level[index]!, details, found);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    private sealed class ChangeWalk(TreeWalk walk, ITreeVisitor visitor, bool all)
    {
        private readonly List<(TreeEntry Entry, MergedLevel Level)> pending = [];

        public void Visit(MergedLevel level, int depth, bool hidesLower, bool isNew)
        {
            IReadOnlyList<MergedName> names = level.ReadNames(all: hidesLower && !isNew);
            foreach (MergedName name in names)
            {
                walk.cancellationToken.ThrowIfCancellationRequested();
                if (name.Index > 0)
                {
                    if (level.TryFind(name.Index, name.Name, out _, out _))
                    {
                        ReportDeleted(level, name.Name);
                    }
                }
                else if (level.TryGet(0, name.Name, out FileDetails details))
                {
                    Visit(level, name.Name, details, depth, hidesLower, isNew);
                }
            }
        }

        private void Visit(MergedLevel level, byte[] name, in FileDetails details, int depth, bool hidesLower, bool isNew)
        {
            FileDetails old = default;
            int oldIndex = 0;
            bool existed = !isNew && level.TryFind(1, name, out oldIndex, out old);
            if (!walk.isWholeCopy && level.IsMark(0, name, details))
            {
                if (existed || all)
                {
                    ReportDeleted(level, name);
                }

                return;
            }

            if (walk.Describe(level, 0, name, details) is not { } entry)
            {
                return;
            }

            bool isMountPoint = !walk.KeepsMountPoints && !existed && walk.MountPoints.Includes(entry.Path, details.Status);
            if (isMountPoint && !details.Status.IsFolder)
            {
                return;
            }

            // Folders that may hold nothing but mount points are told when something else turns up in them.
            bool waits = isMountPoint || (!walk.KeepsMountPoints && existed && walk.MountPoints.IsHolder(entry.Path));
            bool reported = waits ? existed && Differs(level, entry, oldIndex, old) : all || !existed || Differs(level, entry, oldIndex, old);
            if (reported)
            {
                FlushPending();
                visitor.Present(entry, !existed);
            }

            if (details.Status.IsFolder)
            {
                Descend(level, entry, depth, reported, existed && old.Status.IsFolder, hidesLower);
            }
        }

        private void Descend(MergedLevel level, TreeEntry entry, int depth, bool reported, bool overFolder, bool hidesLower)
        {
            using MergedLevel? below = level.Descend(entry.Name, 0, throughOpaque: true);
            if (below is null)
            {
                return;
            }

            bool hides = overFolder && (hidesLower || (!walk.isWholeCopy && below.IsOpaque));
            if (!reported)
            {
                pending.Add((entry, level));
            }

            if (hides && all)
            {
                FlushPending();
                visitor.Opaque(entry.Path);
            }

            Below(level, depth, () => Visit(below, depth + 1, hides, isNew: !overFolder || (hides && all)));
            if (!reported && pending.Count > 0 && ReferenceEquals(pending[^1].Entry, entry))
            {
                pending.RemoveAt(pending.Count - 1);
            }
        }

        private void ReportDeleted(MergedLevel level, byte[] name)
        {
            FlushPending();
            visitor.Deleted(level.Path.Length == 0 ? name : [.. level.Path, (byte)'/', .. name]);
        }

        // Folders on the way to a change come before it, although they themselves are as they were.
        private void FlushPending()
        {
            foreach ((TreeEntry entry, MergedLevel level) in pending)
            {
                if (level[0] is { } folder)
                {
                    visitor.Present(entry with { Folder = folder }, isNew: false);
                    continue;
                }

                level.Resume();
                if (level[0] is { } opened)
                {
                    visitor.Present(entry with { Folder = opened }, isNew: false);
                }

                level.Suspend();
            }

            pending.Clear();
        }

        private bool Differs(MergedLevel level, TreeEntry entry, int oldIndex, in FileDetails old) =>
            TreeDifference.OfStatus(entry.Details.Status, old.Status)
            || TreeDifference.OfCapabilities(entry.Attributes, level[oldIndex] is { } folder ? walk.attributes.Read(folder, entry.Name) : []);
    }
}
