using System.Security.Cryptography;
using Berth.Linux;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>What an image is made of, once its layers were received.</summary>
public sealed record ImageParts
{
    /// <summary>The configuration document as received; its digest is the image's id.</summary>
    public required byte[] Config { get; init; }

    /// <summary>The manifest as received. One is made when none came (null), or when the store has a layer of it in another blob.</summary>
    public byte[]? Manifest { get; init; }

    /// <summary>The index as received that led to <see cref="Manifest"/>; null when none did.</summary>
    public byte[]? Index { get; init; }

    /// <summary>The blob of each layer, lowest first; the empty digest stands for whatever blob the store has for the layer.</summary>
    public required IReadOnlyList<Digest> LayerBlobs { get; init; }

    /// <summary>Names that shall lead to the image, with tag or digest; others lose them.</summary>
    public IReadOnlyList<ImageReference> References { get; init; } = [];

    /// <summary>The image that this one was made from on this host; the empty digest when there is none. Only kept if that image is there.</summary>
    public Digest Parent { get; init; }
}

/// <summary>A layer that was received.</summary>
/// <param name="Blob">The digest under which its bytes are kept: of the bytes as received, but for xz and bzip2 of the unpacked ones.</param>
/// <param name="DiffId">Digest of the uncompressed archive; the empty digest when it was not unpacked yet.</param>
public sealed record ReceivedLayer(Digest Blob, Digest DiffId);

/// <summary>
/// Images on their way into the store. What was received is pinned, and invisible until <see cref="CommitAsync"/> makes a whole image of it at once;
/// disposing the assembly deletes what no image needs. Layers may be received at the same time; the rest is for one caller at a time.
/// </summary>
public sealed partial class ImageAssembly : IAsyncDisposable
{
    private readonly Lock gate = new();
    private readonly ImageStore store;
    private readonly ContentStore content;
    private readonly ISnapshotter snapshotter;
    private readonly TarLimits limits;
    private readonly bool draftsNeedParent;
    private readonly List<Digest> pinnedLayers = [];
    private readonly List<Digest> pinnedBlobs = [];
    private readonly Dictionary<Digest, Arrival> arrivals = [];
    private readonly Dictionary<Digest, Arrival> shared = []; // another assembly's
    private readonly Dictionary<Digest, (Digest Blob, LayerEntry Layer)> used = []; // layers of images that may go meanwhile

    internal ImageAssembly(ImageStore store, ContentStore content, ISnapshotter snapshotter, TarLimits limits)
    {
        this.store = store;
        this.content = content;
        this.snapshotter = snapshotter;
        this.limits = limits;
        draftsNeedParent = snapshotter is ISnapshotContent { DraftsNeedParent: true };
    }

    /// <summary>Whether an unpacked layer and a blob of it are there; they stay then until the assembly ends, and need not be received.</summary>
    public bool TryUseLayer(Digest chainId)
    {
        if (store.BlobOf(chainId) is not { } blob || store.LayerOf(chainId) is not { } layer)
        {
            return false;
        }

        PinBlob(blob);
        if (!content.Exists(blob) || !TryPinLayer(chainId))
        {
            return false;
        }

        lock (gate)
        {
            used[chainId] = (blob, layer);
        }

        return true;
    }

    /// <summary>Makes the image visible, with its names, durably; or an error, and nothing of it is there.</summary>
    /// <exception cref="EngineException">
    /// InvalidArgument when a document is malformed or does not fit the others or the layers; NotFound when a layer was neither received nor is there; Internal
    /// when the disk refuses.
    /// </exception>
    public async Task<ImageRecord> CommitAsync(ImageParts parts, CancellationToken cancellationToken)
    {
        try
        {
            ImagePlan plan = ImagePlan.Make(parts);
            List<Digest> blobs = [];
            List<LayerEntry> layers = [];
            long size = 0;
            for (int i = 0; i < plan.ChainIds.Count; i++)
            {
                (Digest blob, LayerEntry layer) = await InstallAsync(plan, i, parts.LayerBlobs[i], cancellationToken);
                blobs.Add(blob);
                layers.Add(layer);
                size += layer.Size;
            }

            Digest id = WriteDocument(parts.Config);
            FailPoint.Reach(FailPoints.ImageDocumentWritten);
            bool isReceived = parts.Manifest is { } received && IsOf(ImagePlan.ReadManifest(received), blobs);
            byte[] manifest = isReceived ? parts.Manifest! : ImagePlan.MakeManifest(parts.Config, [.. blobs.Select(Describe)]); // received: there is one
            ImageRecord image = new()
            {
                Id = id,
                Manifest = WriteDocument(manifest),
                ManifestIsReceived = isReceived,
                Index = isReceived && parts.Index is { } index ? WriteDocument(index) : default,
                Config = plan.Config,
                References = [],
                Size = size,
                ChainIds = plan.ChainIds,
                LayerBlobs = blobs,
                Parent = parts.Parent,
            };

            // One wait for everything above, names included: a record must never lead to bytes that a power cut could take away.
            content.SyncFileSystem();
            FailPoint.Reach(FailPoints.ImageSynced);
            return await store.RecordAsync(image, layers, parts.References, cancellationToken);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the image cannot be stored: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Arrival arrival in arrivals.Values)
        {
            arrival.Draft?.Dispose();
        }

        arrivals.Clear();
        await store.ReleaseAsync(pinnedLayers, pinnedBlobs);
        pinnedLayers.Clear();
        pinnedBlobs.Clear();
    }

    // A size is only looked at where a layer is received: what a manifest says of one that was here may be wrong.
    private bool IsOf(ImageManifest manifest, List<Digest> blobs) =>
        manifest.Layers.Select(static layer => layer.Digest).SequenceEqual(blobs) && manifest.Layers.All(layer => content.Size(layer.Digest) == layer.Size);

    private void PinBlob(Digest blob)
    {
        lock (gate)
        {
            store.Pins.PinBlob(blob);
            pinnedBlobs.Add(blob);
        }
    }

    private bool TryPinLayer(Digest chainId)
    {
        lock (gate)
        {
            if (!store.Pins.TryPinLayer(chainId))
            {
                return false;
            }

            pinnedLayers.Add(chainId);
            return true;
        }
    }

    // The layer, pinned, and the blob that the image will have for it.
    private Task<(Digest Blob, LayerEntry Layer)> InstallAsync(ImagePlan plan, int index, Digest blob, CancellationToken cancellationToken) =>
        InstallAsync(plan.ChainIds[index], plan.Config.Rootfs.DiffIds[index], index == 0 ? default : plan.ChainIds[index - 1], blob, cancellationToken);

    private async Task<(Digest Blob, LayerEntry Layer)> InstallAsync(Digest chainId, Digest diffId, Digest parent, Digest blob, CancellationToken cancellationToken)
    {
        bool isUsed;
        (Digest Blob, LayerEntry Layer) here;
        lock (gate)
        {
            isUsed = used.TryGetValue(chainId, out here);
        }

        if (isUsed && (blob.IsEmpty || blob == here.Blob))
        {
            return here;
        }

        if (blob.IsEmpty)
        {
            blob = store.BlobOf(chainId) ?? throw new EngineException(ErrorKind.NotFound, $"layer {diffId} was not received and is not in the store");
        }

        PinBlob(blob);
        if (!content.Exists(blob))
        {
            throw new EngineException(ErrorKind.NotFound, $"blob {blob} of layer {diffId} was not received and is not in the store");
        }

        Arrival? arrival = FindArrival(blob);
        if (arrival?.Layer is { } known && known.DiffId != diffId)
        {
            throw WrongDiffId(diffId, known.DiffId);
        }

        if ((isUsed ? here.Layer : store.LayerOf(chainId)) is { } recorded && TryPinLayer(chainId))
        {
            // Verified when it was recorded; of this blob only its digest was, unless its content was seen here.
            if (arrival?.Layer is null && (isUsed || store.BlobOf(chainId) != blob))
            {
                await VerifyBlobAsync(blob, diffId, cancellationToken);
            }

            return (blob, recorded);
        }

        if (arrival is { Draft: not null and not NoDraft, Layer: { } layer } && (!draftsNeedParent || arrival.Parent == parent))
        {
            LayerEntry entry = new() { DiffId = diffId, Size = layer.Size, TarSize = layer.TarSize };
            if (arrival.TryUse())
            {
                await PublishAsync(arrival.Draft, chainId, parent, cancellationToken);
                return (blob, entry);
            }

            // Another image of the same arrival is just putting it in place; when it has had its turn, it is there.
            using IDisposable turn = await store.TakeTurnAsync(cancellationToken);
            if (TryPinLayer(chainId))
            {
                return (blob, entry);
            }
        }

        return arrival?.Error is { } error
            ? throw new EngineException(error.Kind, $"layer {diffId} cannot be used: {error.Message}", error)
            : (blob, await UnpackBlobAsync(blob, diffId, chainId, parent, cancellationToken));
    }

    private async Task<LayerEntry> UnpackBlobAsync(Digest blob, Digest diffId, Digest chainId, Digest parent, CancellationToken cancellationToken)
    {
        using ILayerDraft draft = snapshotter.CreateDraft(draftsNeedParent ? parent : default);
        await using Stream stored = content.Open(blob);
        (Digest found, long tarSize, long size) = await BlobReplay.RunAsync(stored, archive => draft.Unpack(archive, limits), cancellationToken);
        if (found != diffId)
        {
            throw WrongDiffId(diffId, found);
        }

        await PublishAsync(draft, chainId, parent, cancellationToken);
        return new LayerEntry { DiffId = diffId, Size = size, TarSize = tarSize };
    }

    private async Task VerifyBlobAsync(Digest blob, Digest diffId, CancellationToken cancellationToken)
    {
        if (blob == diffId)
        {
            return;
        }

        await using Stream stored = content.Open(blob);
        (Digest found, _, _) = await BlobReplay.RunAsync(stored, static _ => 0, cancellationToken);
        if (found != diffId)
        {
            throw WrongDiffId(diffId, found);
        }
    }

    // With the turn, as no layer is retired meanwhile.
    private async Task PublishAsync(ILayerDraft draft, Digest chainId, Digest parent, CancellationToken cancellationToken)
    {
        using IDisposable turn = await store.TakeTurnAsync(cancellationToken);
        draft.Publish(chainId, parent);
        FailPoint.Reach(FailPoints.ImageLayerPublished);
        if (!TryPinLayer(chainId))
        {
            throw new EngineException(ErrorKind.Internal, $"layer {chainId} vanished while it was put in place");
        }
    }

    private LayerBlob Describe(Digest blob) =>
        FindArrival(blob)?.Layer is { } layer
            ? new LayerBlob(blob, content.Size(blob), CompressionFormat.MediaType(layer.Compression))
            : new LayerBlob(blob, content.Size(blob), CompressionFormat.MediaType(BlobReplay.DetectCompression(content, blob)));

    private Digest WriteDocument(ReadOnlySpan<byte> document)
    {
        using ContentWriter writer = content.CreateWriter();
        writer.Write(document);
        PinBlob(writer.Finish());
        return writer.Publish();
    }

    private static EngineException WrongDiffId(Digest wanted, Digest found) =>
        new(ErrorKind.InvalidArgument, $"a layer does not match the image's configuration: wanted the diff id {wanted}, got {found}");

    private Arrival? FindArrival(Digest blob)
    {
        lock (gate)
        {
            return arrivals.GetValueOrDefault(blob) ?? shared.GetValueOrDefault(blob);
        }
    }

    /// <param name="Layer">What it is; null if it cannot be unpacked.</param>
    /// <param name="Draft">Where it lies unpacked.</param>
    /// <param name="Error">Why it cannot be.</param>
    /// <param name="Parent">What the draft was made on, where that matters.</param>
    private sealed record Arrival(IngestedLayer? Layer, ILayerDraft? Draft, EngineException? Error, Digest Parent = default)
    {
        private int used;

        /// <summary>Whether the draft is the caller's to publish.</summary>
        public bool TryUse() => Interlocked.Exchange(ref used, 1) == 0;
    }
}
