using Berth.Api;
using Berth.Cli.Terminal;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>What a copy moved.</summary>
internal sealed record CopyTotals(int Moved, long Bytes, int Mounted, int Present);

/// <summary>Copies images between places: documents stay byte for byte what they are, and blobs that are there are not moved.</summary>
internal sealed class ImageCopy
{
    private const int MaxDepth = 4;
    private readonly IImageSource source;
    private readonly IImageTarget target;
    private readonly Platform? platform;
    private readonly ProgressDisplay display;
    private readonly Lock showing = new();
    private readonly HashSet<Digest> done = [];
    private int moved;
    private int mounted;
    private int present;
    private long bytes;

    /// <param name="source">From.</param>
    /// <param name="target">To.</param>
    /// <param name="platform">The one image of an index that is wanted; null for all that the target keeps.</param>
    /// <param name="display">Gets the steps.</param>
    public ImageCopy(IImageSource source, IImageTarget target, Platform? platform, ProgressDisplay display)
    {
        this.source = source;
        this.target = target;
        this.platform = platform;
        this.display = display;
    }

    public CopyTotals Totals => new(moved, bytes, mounted, present);

    /// <summary>Copies one image; returns its digest there.</summary>
    /// <param name="sourceTag">Null for what the source names.</param>
    /// <param name="targetTag">Null for none.</param>
    public async Task<Digest> CopyAsync(string? sourceTag, string? targetTag)
    {
        RemoteDocument root = await source.GetRootAsync(sourceTag);
        if (IsIndex(root) && (platform ?? await target.GetPlatformAsync()) is { } only)
            root = await ChooseAsync(root, only);

        if (Digest.TryParse(targetTag, out Digest wanted) && wanted != root.Digest)
            throw new CommandFailedException($"{source.Name} is {root.Digest}, which cannot be put as {wanted}", exitCode: 1);

        if (!await target.HasAsync(root.Digest, targetTag))
        {
            await CopyPartsAsync(root, depth: 0);
            await target.PutAsync(root, targetTag, isRoot: true);
            return root.Digest;
        }

        await CountPresentAsync(root, depth: 0);
        return root.Digest;
    }

    /// <summary>To be called after the last copy; the totals are right then.</summary>
    public async Task FinishAsync()
    {
        IReadOnlyList<Descriptor> late = await target.FinishAsync();
        (moved, present) = (moved + late.Count, present - late.Count);
        bytes += late.Sum(static blob => blob.Size);
    }

    private static bool IsIndex(RemoteDocument document) => MediaTypes.IsIndex(document.MediaType);

    private static IEnumerable<Descriptor> BlobsOf(RemoteDocument document)
    {
        ImageManifest manifest = ImageDocuments.ReadManifest(document.Content, document.Digest.ToString());
        return manifest.Layers.Append(manifest.Config).Where(static blob => !MediaTypes.IsForeignLayer(blob.MediaType)).DistinctBy(static blob => blob.Digest);
    }

    private static IEnumerable<IndexDescriptor> PartsOf(RemoteDocument document, int depth) => depth < MaxDepth
        ? ImageDocuments.ReadIndex(document.Content, document.Digest.ToString()).Manifests
        : throw new CommandFailedException($"{document.Digest}: its indexes lie in each other more than {MaxDepth} deep", exitCode: 1);

    private async Task<RemoteDocument> ChooseAsync(RemoteDocument index, Platform wanted)
    {
        List<IndexDescriptor> parts = [.. PartsOf(index, depth: 0)];
        IndexDescriptor chosen = PlatformChoice.Find(parts, wanted)
            ?? throw new CommandFailedException($"{source.Name} has no image for {wanted}; it has {PlatformChoice.Describe(parts)}", exitCode: 1);
        return await source.GetAsync(chosen.Digest);
    }

    private async Task CopyPartsAsync(RemoteDocument document, int depth)
    {
        if (!done.Add(document.Digest))
            return;

        if (IsIndex(document))
        {
            foreach (IndexDescriptor part in PartsOf(document, depth))
            {
                RemoteDocument inner = await source.GetAsync(part.Digest);
                if (await target.HasAsync(inner.Digest, tag: null))
                {
                    await CountPresentAsync(inner, depth + 1);
                    continue;
                }

                await CopyPartsAsync(inner, depth + 1);
                await target.PutAsync(inner, tag: null, isRoot: false);
            }

            return;
        }

        List<Descriptor> blobs = [.. BlobsOf(document)];
        await target.ExpectAsync(blobs);
        await Parallel.ForEachAsync(
            blobs, new ParallelOptions { MaxDegreeOfParallelism = target.Parallelism }, async (blob, _) => await CopyBlobAsync(blob));
    }

    // A registry takes no document whose parts it does not have.
    private async Task CountPresentAsync(RemoteDocument document, int depth)
    {
        if (!done.Add(document.Digest))
            return;

        if (!IsIndex(document))
        {
            present += BlobsOf(document).Count();
            return;
        }

        foreach (IndexDescriptor part in PartsOf(document, depth))
            await CountPresentAsync(await source.GetAsync(part.Digest), depth + 1);
    }

    private async Task CopyBlobAsync(Descriptor blob)
    {
        lock (showing)
        {
            if (!done.Add(blob.Digest))
                return;
        }

        string id = blob.Digest.ToString()["sha256:".Length..][..12];
        BlobPushOutcome outcome = await target.PutBlobAsync(
            blob, source, sent => Show(new JsonMessage { Id = id, Status = "Copying", ProgressDetail = new JsonProgress { Current = sent, Total = blob.Size } }));
        string status = outcome switch
        {
            BlobPushOutcome.Uploaded => "Copied",
            BlobPushOutcome.Mounted => "Mounted",
            _ => "Already exists",
        };
        lock (showing)
        {
            (moved, mounted, present) = outcome switch
            {
                BlobPushOutcome.Uploaded => (moved + 1, mounted, present),
                BlobPushOutcome.Mounted => (moved, mounted + 1, present),
                _ => (moved, mounted, present + 1),
            };
            bytes += outcome == BlobPushOutcome.Uploaded ? blob.Size : 0;
        }

        Show(new JsonMessage { Id = id, Status = status, ProgressDetail = new JsonProgress() });
    }

    private void Show(JsonMessage step)
    {
        lock (showing)
            display.Show(step);
    }
}
