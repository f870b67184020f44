using Berth.Storage.Layers.Trees;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>Passes on what a layer changes down to some depth, and adds up what lies deeper. Memory does not grow with the layer.</summary>
internal sealed class LayerChanges(int layer, int depth, Action<ImageChange> tell) : ITreeVisitor
{
    private ImageChangeTotals totals = ImageChangeTotals.None;
    private ImageChange? holder;
    private byte[] holderPath = [];

    /// <inheritdoc/>
    public void Present(TreeEntry entry, bool isNew)
    {
        long size = FileWord.SizeOf(entry.Details.Status);
        Add(entry.Path, new ImageChange(isNew ? ChangeKind.Added : ChangeKind.Modified, "", FileWord.Of(entry.Details.Status.Type), size, 0));
    }

    /// <inheritdoc/>
    public void Deleted(byte[] path) => Add(path, new ImageChange(ChangeKind.Deleted, "", "", 0, 0));

    /// <inheritdoc/>
    public void Opaque(byte[] path) => throw new InvalidOperationException("only asked for all");

    /// <summary>Tells what is left to tell; returns what the layer comes to.</summary>
    public ImageChangeTotals Finish()
    {
        Flush();
        return totals;
    }

    private void Add(byte[] path, ImageChange change)
    {
        totals = totals.With(change);
        if (depth == 0)
        {
            return;
        }

        int levels = path.AsSpan().Count((byte)'/') + 1;
        if (levels <= depth)
        {
            Flush();
            (holder, holderPath) = (change with { Path = ShownPath.Of(path), Layer = layer }, path);
            if (change.Type != "folder" || levels < depth)
            {
                Flush();
            }

            return;
        }

        // The folders on the way to a change are told before it, so the one that stands for it was the last of its level.
        ReadOnlySpan<byte> above = Above(path);
        if (holder is null || !above.SequenceEqual(holderPath))
        {
            Flush();
            (holder, holderPath) = (new ImageChange(ChangeKind.Modified, ShownPath.Of(above), "folder", 0, 0) { Layer = layer }, above.ToArray());
        }

        holder = holder with { Below = holder.Below + 1, Size = holder.Size + change.Size };
    }

    private ReadOnlySpan<byte> Above(byte[] path)
    {
        int end = -1;
        for (int level = 0; level < depth; level++)
        {
            end = path.AsSpan(end + 1).IndexOf((byte)'/') + end + 1;
        }

        return path.AsSpan(0, end);
    }

    private void Flush()
    {
        if (holder is { } change)
        {
            holder = null;
            tell(change);
        }
    }
}
