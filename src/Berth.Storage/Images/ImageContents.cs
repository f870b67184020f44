using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Layers.Trees;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>Looks into images as they lie unpacked, without mounts: what a layer changes, and what differs between two images. The layers stay while they are looked at.</summary>
public sealed class ImageContents
{
    private readonly ImageStore images;
    private readonly FolderSnapshotter snapshotter;

    /// <param name="images">The images.</param>
    /// <param name="snapshotter">Their layers.</param>
    public ImageContents(ImageStore images, FolderSnapshotter snapshotter)
    {
        this.images = images;
        this.snapshotter = snapshotter;
    }

    /// <summary>The steps that made an image, the first one first; those with a layer are in the order of the layers.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public IReadOnlyList<ImageStep> StepsOf(string reference)
    {
        ImageRecord image = images.Resolve(reference);
        List<ImageStep> steps = [];
        int layer = 0;
        foreach (ImageHistory step in image.Config.History ?? [])
        {
            bool hasLayer = step.EmptyLayer != true && layer < image.ChainIds.Count;
            steps.Add(hasLayer ? Describe(image, layer++, step) : new ImageStep(0, default, default, 0, step.CreatedBy ?? "", step.Created));
        }

        while (layer < image.ChainIds.Count)
        {
            steps.Add(Describe(image, layer++, null)); // the history says less than there is
        }

        return steps;
    }

    /// <summary>Tells what each layer adds, changes and deletes of what lies below it, sorted by names; of folders deeper than <paramref name="depth"/> only how much.</summary>
    /// <param name="reference">The image.</param>
    /// <param name="depth">Levels of folders that are told one by one; 0 for none.</param>
    /// <param name="change">Is told each change, with its layer, the lowest layer first.</param>
    /// <param name="end">Is told the end of each layer: which, and what it comes to.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="EngineException">NotFound for the image, or a layer that was lost; Internal when the disk refuses.</exception>
    public Task WalkLayersAsync(string reference, int depth, Action<ImageChange> change, Action<int, ImageChangeTotals> end, CancellationToken cancellationToken) =>
        HoldAsync([images.Resolve(reference)], () => WalkLayers(images.Resolve(reference), depth, change, end, cancellationToken), cancellationToken);

    /// <summary>
    /// Tells what the second image has otherwise than the first, sorted by names. A file counts as changed by type, permissions, owner, device, link text, attributes or
    /// content; times alone do not count. Folders that both images have from the same layers are not walked.
    /// </summary>
    /// <returns>What it comes to.</returns>
    /// <exception cref="EngineException">NotFound for an image, or a layer that was lost; Internal when the disk refuses.</exception>
    public async Task<ImageChangeTotals> CompareAsync(string first, string second, Action<ImageChange> change, CancellationToken cancellationToken)
    {
        ImageRecord before = images.Resolve(first);
        ImageRecord after = images.Resolve(second);
        ImageChangeTotals totals = ImageChangeTotals.None;
        await HoldAsync(
            [before, after],
            () =>
            {
                using ImageTree left = Open(before);
                using ImageTree right = Open(after);
                totals = new ImageComparison(left, right, change, cancellationToken).Run();
            },
            cancellationToken);
        return totals;
    }

    private ImageStep Describe(ImageRecord image, int layer, ImageHistory? step) => new(
        layer + 1,
        image.Config.Rootfs.DiffIds[layer],
        layer < image.LayerBlobs.Count ? image.LayerBlobs[layer] : default,
        images.LayerOf(image.ChainIds[layer])?.Size ?? 0,
        step?.CreatedBy ?? "",
        step?.Created);

    private ImageTree Open(ImageRecord image) => new(snapshotter.FoldersOf(image.ChainIds, image.ChainIds.Count), image.ChainIds);

    private void WalkLayers(ImageRecord image, int depth, Action<ImageChange> change, Action<int, ImageChangeTotals> end, CancellationToken cancellationToken)
    {
        for (int layer = 1; layer <= image.ChainIds.Count; layer++)
        {
            using TreeWalk walk = new(snapshotter.FoldersOf(image.ChainIds, layer), cancellationToken) { KeepsMountPoints = true };
            LayerChanges changes = new(layer, depth, change);
            walk.Changes(changes, all: false);
            end(layer, changes.Finish());
        }
    }

    private async Task HoldAsync(IReadOnlyList<ImageRecord> held, Action use, CancellationToken cancellationToken)
    {
        List<Digest> pinned = [];
        try
        {
            using (await images.TakeTurnAsync(cancellationToken))
            {
                foreach (Digest chainId in held.SelectMany(static image => image.ChainIds).Distinct())
                {
                    if (!images.Pins.TryPinLayer(chainId))
                    {
                        throw new EngineException(ErrorKind.NotFound, $"layer {chainId} is not in the data root: the image was removed meanwhile, or the layer is lost, which \"berth system fsck\" tells");
                    }

                    pinned.Add(chainId);
                }
            }

            await Task.Factory.StartNew(use, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the image's files cannot be read: {e.Message}", e);
        }
        finally
        {
            await images.ReleaseAsync(pinned, []);
        }
    }
}

/// <summary>What kind of a file something is, in a word.</summary>
internal static class FileWord
{
    public static string Of(uint type) => type switch
    {
        FileTypes.S_IFREG => "file",
        FileTypes.S_IFDIR => "folder",
        FileTypes.S_IFLNK => "link",
        FileTypes.S_IFCHR or FileTypes.S_IFBLK => "device",
        FileTypes.S_IFIFO => "pipe",
        _ => "socket",
    };

    /// <summary>Bytes that count as its size.</summary>
    public static long SizeOf(in FileStatus status) => status.Type is FileTypes.S_IFREG or FileTypes.S_IFLNK ? status.Size : 0;
}
