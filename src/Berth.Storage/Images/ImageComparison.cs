using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Check;
using Berth.Storage.Layers.Trees;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>Walks two images side by side.</summary>
internal sealed class ImageComparison(ImageTree left, ImageTree right, Action<ImageChange> tell, CancellationToken cancellationToken)
{
    // Deeper folders close their descriptors while what is below them is read.
    private const int MaxOpenDepth = 16;
    private const int BufferSize = 128 << 10;
    private readonly AttributeReader attributes = new();
    private readonly byte[] first = new byte[BufferSize];
    private readonly byte[] second = new byte[BufferSize];
    private ImageChangeTotals totals = ImageChangeTotals.None;

    public ImageChangeTotals Run()
    {
        using MergedLevel before = left.Root();
        using MergedLevel after = right.Root();
        Walk(before, after, 0);
        return totals;
    }

    private void Walk(MergedLevel? before, MergedLevel? after, int depth)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (before is not null && after is not null && left.Describe(before) == right.Describe(after))
        {
            return;
        }

        List<TreeName> old = before is null ? [] : ImageTree.Read(before);
        List<TreeName> now = after is null ? [] : ImageTree.Read(after);
        for (int i = 0, j = 0; i < old.Count || j < now.Count;)
        {
            int order = i == old.Count ? 1 : j == now.Count ? -1 : old[i].Name.AsSpan().SequenceCompareTo(now[j].Name);
            TreeName? was = order <= 0 ? old[i++] : null;
            TreeName? isNow = order >= 0 ? now[j++] : null;
            Compare(before, after, was, isNow, depth);
        }
    }

    // At least one of the names is there, with the level that it is in.
    private void Compare(MergedLevel? before, MergedLevel? after, TreeName? was, TreeName? isNow, int depth)
    {
        if (was is null)
        {
            Tell(ChangeKind.Added, after!, isNow!, 0, FileWord.SizeOf(isNow!.Status));
        }
        else if (isNow is null)
        {
            Tell(ChangeKind.Deleted, before!, was, FileWord.SizeOf(was.Status), 0);
        }
        else if (left.ChainIdOf(before!, was.Index) != right.ChainIdOf(after!, isNow.Index) && Differs(before!, after!, was, isNow))
        {
            Tell(ChangeKind.Modified, after!, isNow, FileWord.SizeOf(was.Status), FileWord.SizeOf(isNow.Status));
        }

        bool wasFolder = was?.Status.IsFolder == true;
        bool isFolder = isNow?.Status.IsFolder == true;
        if (wasFolder || isFolder)
        {
            using MergedLevel? inner = wasFolder ? before!.Descend(was!.Name, was.Index, throughOpaque: false) : null;
            using MergedLevel? innerNow = isFolder ? after!.Descend(isNow!.Name, isNow.Index, throughOpaque: false) : null;
            Below(before, after, depth, () => Walk(inner, innerNow, depth + 1));
        }
    }

    private static void Below(MergedLevel? before, MergedLevel? after, int depth, Action walk)
    {
        if (depth < MaxOpenDepth)
        {
            walk();
            return;
        }

        before?.Suspend();
        after?.Suspend();
        DeepStack.Run(walk);
        before?.Resume();
        after?.Resume();
    }

    private void Tell(ChangeKind kind, MergedLevel level, TreeName name, long oldSize, long size)
    {
        byte[] path = level.Path.Length == 0 ? name.Name : [.. level.Path, (byte)'/', .. name.Name];
        ImageTree tree = kind == ChangeKind.Deleted ? left : right;
        ImageChange change = new(kind, ShownPath.Of(path), FileWord.Of(name.Status.Type), size, oldSize) { Layer = tree.NumberOf(level, name.Index) };
        totals = totals.With(change);
        tell(change);
    }

    private bool Differs(MergedLevel before, MergedLevel after, TreeName was, TreeName isNow)
    {
        FileDescriptor old = before[was.Index]!; // the name was just read in it
        FileDescriptor now = after[isNow.Index]!;
        FileStatus a = was.Status, b = isNow.Status;
        return a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid || a.DeviceMajor != b.DeviceMajor || a.DeviceMinor != b.DeviceMinor
            || (!a.IsFolder && a.Size != b.Size)
            || !TreeComparison.SameAttributes(attributes.Read(old, was.Name), attributes.Read(now, isNow.Name))
            || (a.Type == FileTypes.S_IFLNK && !Paths.ReadLink(old, was.Name).AsSpan().SequenceEqual(Paths.ReadLink(now, isNow.Name)))
            || (a.Type == FileTypes.S_IFREG && !TreeComparison.SameContent(old, now, was.Name, first, second));
    }
}
