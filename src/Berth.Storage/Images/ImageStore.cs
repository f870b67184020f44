using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Images.Archives;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>
/// The images of one data root: names, documents, layers. Reads are from memory and never wait; changes are serial, and durable when they
/// return. Owner of the buckets images, layers and references. Safe for concurrent use.
/// </summary>
public sealed partial class ImageStore : IDisposable
{
    private readonly SemaphoreSlim writer = new(1);
    private readonly SemaphoreSlim packer = new(1);
    private readonly Journal journal;
    private readonly ContentStore content;
    private readonly ISnapshotter snapshotter;
    private ImageTable table;

    private readonly TarLimits limits;

    private ImageStore(Journal journal, ContentStore content, ISnapshotter snapshotter, TarLimits limits, ImageTable table)
    {
        this.limits = limits;
        this.journal = journal;
        this.content = content;
        this.snapshotter = snapshotter;
        this.table = table;
        Pins = new StorePins(content, snapshotter);
    }

    private ImageTable Table => Volatile.Read(ref table);

    /// <summary>
    /// Opens the store over the journal's records and deletes layers and blobs without record, which a crash left. Layers that a container
    /// still stands on stay.
    /// </summary>
    /// <param name="journal">Where the records are.</param>
    /// <param name="content">Where the blobs are.</param>
    /// <param name="snapshotter">Where the layers are.</param>
    /// <param name="limits">What archives may ask for; null for the defaults.</param>
    /// <exception cref="EngineException">Internal when a record cannot be read.</exception>
    public static ImageStore Open(Journal journal, ContentStore content, ISnapshotter snapshotter, TarLimits? limits = null)
    {
        ImageStore store = new(journal, content, snapshotter, limits ?? new TarLimits(), Load(journal, content));
        store.DeleteUnrecorded();
        return store;
    }

    /// <summary>Parses an image's configuration document.</summary>
    /// <exception cref="EngineException">InvalidArgument; TooLarge.</exception>
    public static ImageConfig ReadConfig(ReadOnlySpan<byte> document) => ImagePlan.ReadConfig(document);

    /// <summary>All images, in no order.</summary>
    public IReadOnlyList<ImageRecord> List() => [.. Table.Images.Values];

    /// <summary>
    /// Finds an image by <c>name[:tag]</c>, <c>name@digest</c>, id, or a prefix of the id, with or without <c>sha256:</c>. Names come before prefixes.
    /// </summary>
    /// <exception cref="EngineException">NotFound, <c>No such image: name:tag</c>; InvalidArgument for a malformed name or a prefix of several ids.</exception>
    public ImageRecord Resolve(string nameOrId) => Table.Resolve(nameOrId);

    /// <summary>
    /// Makes an image of one layer from a root file system's archive: tar, plain or packed with gzip, zstd, xz or bzip2, recognised by its content. The layer's blob is kept as
    /// received: its digest is over received bytes. All of it appears at once, or nothing is left.
    /// </summary>
    /// <exception cref="EngineException">
    /// InvalidArgument for an archive that is malformed, cut off or refused, naming the entry; Unavailable when the host lacks the library for its compression;
    /// Internal when the disk refuses.
    /// </exception>
    public Task<ImageRecord> ImportAsync(Stream tar, ImportOptions options, CancellationToken cancellationToken) =>
        new ImageImport(this).RunAsync(tar, options, cancellationToken);

    /// <summary>Gives <paramref name="image"/> a further name; without tag it is <c>latest</c>. Another image that had the name loses it. Idempotent.</summary>
    /// <exception cref="EngineException">NotFound when the image is gone; InvalidArgument for a name with a digest.</exception>
    public async Task TagAsync(ImageRecord image, ImageReference reference, CancellationToken cancellationToken)
    {
        if (!reference.Digest.IsEmpty)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "refusing to create a tag with a digest reference");
        }

        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        if (!Table.Images.ContainsKey(image.Id))
        {
            throw new EngineException(ErrorKind.NotFound, $"No such image: {image.Id}");
        }

        ImageReference name = reference.WithDefaultTag();
        ImageTable next = Table.WithReference(name, image.Id, DateTimeOffset.UtcNow);
        await CommitAsync(next, [ImageJournal.Put(name, image.Id), Put(next.Images[image.Id])], cancellationToken);
        FailPoint.Reach(FailPoints.TagRecorded);
    }

    /// <summary>Gives <paramref name="image"/> further names, with tags or digests; what has one of them loses it. Idempotent.</summary>
    /// <exception cref="EngineException">NotFound when the image is gone.</exception>
    public async Task NameAsync(ImageRecord image, IReadOnlyList<ImageReference> names, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        if (!Table.Images.TryGetValue(image.Id, out ImageRecord? known))
        {
            throw new EngineException(ErrorKind.NotFound, $"No such image: {image.Id}");
        }

        List<ImageReference> missing = [.. names.Where(name => !known.References.Contains(name))];
        if (missing.Count > 0)
        {
            ImageTable next = missing.Aggregate(Table, (table, name) => table.WithReference(name, image.Id, DateTimeOffset.UtcNow));
            await CommitAsync(next, [.. missing.Select(name => ImageJournal.Put(name, image.Id)), Put(next.Images[image.Id])], cancellationToken);
        }
    }

    /// <summary>
    /// Packs the image's layers that were made here as plain archives (commit, import, archives without a manifest) with gzip, and lets the plain ones go; what was received with a manifest
    /// stays as it came. Images that share such a layer share the packed one then. One packing at a time; idempotent. Waits for nobody when there is nothing to pack.
    /// </summary>
    /// <param name="image">Its id counts.</param>
    /// <param name="report">Told of the bytes that are packed, by a thread of its own; null for nobody.</param>
    /// <param name="cancellationToken">Ends it; the image is then as before.</param>
    /// <returns>The image as it is then: of the same id, with another manifest.</returns>
    /// <exception cref="EngineException">NotFound when the image is gone; Internal when a layer is damaged or the disk refuses.</exception>
    public async Task<ImageRecord> PackAsync(ImageRecord image, Action<PackProgress>? report, CancellationToken cancellationToken)
    {
        if (!NeedsPacking(Find(image.Id)))
        {
            return Find(image.Id);
        }

        await packer.WaitAsync(cancellationToken);
        try
        {
            ImageRecord known = Find(image.Id);
            await using ImageAssembly assembly = BeginAssembly();
            return await assembly.PackAsync(known, report, cancellationToken);
        }
        finally
        {
            packer.Release();
        }
    }

    /// <summary>Whether <see cref="PackAsync"/> has something to do.</summary>
    public bool NeedsPacking(ImageRecord image) => Enumerable.Range(0, image.LayerBlobs.Count).Any(layer => IsPlainAndMadeHere(image, layer));

    /// <summary>Keeps everything of the image as it is now until the result is disposed, whatever is removed or packed meanwhile.</summary>
    /// <param name="image">Its id counts.</param>
    /// <param name="cancellationToken">Counts until it is held.</param>
    /// <exception cref="EngineException">NotFound when the image is gone.</exception>
    public async Task<ImageHold> HoldAsync(ImageRecord image, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageRecord known = Find(image.Id);
        List<Digest> blobs = [.. known.Blobs];
        blobs.ForEach(Pins.PinBlob);
        return new ImageHold(this, known, blobs);
    }

    /// <summary>Whether the content store has the blob.</summary>
    public bool HasBlob(Digest blob) => content.Exists(blob);

    /// <summary>A blob's bytes from <paramref name="offset"/> on; the caller disposes the stream. They are not hashed again.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public Stream OpenBlob(Digest blob, long offset)
    {
        Stream stream = content.Open(blob);
        stream.Position = offset;
        return stream;
    }

    /// <summary>
    /// Takes a name away, and deletes the image with its last name; or deletes an image by id. Docker's rules: an image that others were made from stays (its name
    /// goes); only a forced removal takes an image with several names by id, or one that stopped containers use; nothing takes one that a
    /// running container uses (its name goes, forced). Layers go when no other image and no container needs them.
    /// </summary>
    /// <param name="nameOrId">As of <see cref="Resolve"/>.</param>
    /// <param name="force">See above.</param>
    /// <param name="prune">Whether unnamed images that it was made from go too, if nothing else needs them.</param>
    /// <param name="uses">Tells which containers were made from the image with this id.</param>
    /// <param name="cancellationToken">Counts until the removal is recorded.</param>
    /// <returns>What went, in order: names, the image, its layers' chain ids from the uppermost down; then the same of its parents.</returns>
    /// <exception cref="EngineException">NotFound; Conflict with docker's words.</exception>
    public async Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string nameOrId, bool force, bool prune, Func<Digest, ImageUse> uses, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        return await RemoveAsync(remover => remover.Remove(nameOrId, force, prune), uses, cancellationToken);
    }

    /// <summary>The same with pruning, as docker does it when nothing else is said.</summary>
    public Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string nameOrId, bool force, Func<Digest, ImageUse> uses, CancellationToken cancellationToken) =>
        RemoveAsync(nameOrId, force, prune: true, uses, cancellationToken);

    /// <summary>
    /// Removes images that no container uses: unnamed ones that nothing was made from, or (<paramref name="all"/>) named ones too. What cannot go stays,
    /// without an error.
    /// </summary>
    /// <param name="all">Whether names do not protect an image.</param>
    /// <param name="matches">Which images may go.</param>
    /// <param name="uses">Tells which containers were made from the image with this id.</param>
    /// <param name="cancellationToken">Counts between two images.</param>
    public async Task<ImagePruning> PruneAsync(bool all, Func<ImageRecord, bool> matches, Func<Digest, ImageUse> uses, CancellationToken cancellationToken)
    {
        List<ImageRemoval> removals = [];
        ImageTable before = Table;
        foreach (ImageRecord image in before.Images.Values.Where(image => IsPrunable(before, image, all) && matches(image)).ToList())
        {
            using IDisposable turn = await TakeTurnAsync(cancellationToken);
            foreach (string name in image.References.Count == 0 ? [image.Id.ToString()] : image.References.Select(static reference => reference.ToString()))
            {
                try
                {
                    removals.AddRange(await RemoveAsync(remover => remover.Remove(name, force: false, prune: true), uses, cancellationToken));
                }
                catch (EngineException e) when (e.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
                {
                    // In use, or gone meanwhile: not to be pruned.
                }
            }
        }

        return new ImagePruning(removals, removals.Sum(removal => removal.Deleted is { } id && before.Layers.TryGetValue(Digest.Parse(id), out LayerEntry? layer) ? layer.Size : 0));
    }

    /// <summary>Images that were made from the image on this host, in no order.</summary>
    public IReadOnlyList<ImageRecord> ChildrenOf(Digest id) => [.. Table.Images.Values.Where(image => image.Parent == id)];

    /// <summary>How the image came to be, the last step first.</summary>
    public IReadOnlyList<ImageHistoryStep> HistoryOf(ImageRecord image)
    {
        ImageTable at = Table;
        List<ImageHistoryStep> steps = [];
        int layer = 0;
        foreach (ImageHistory step in image.Config.History ?? [])
        {
            bool hasLayer = step.EmptyLayer != true && layer < image.ChainIds.Count;
            steps.Insert(0, new ImageHistoryStep(null, step, hasLayer && at.Layers.TryGetValue(image.ChainIds[layer], out LayerEntry? entry) ? entry.Size : 0, []));
            layer += hasLayer ? 1 : 0;
        }

        // Each parent's history is the beginning of its child's: one step earlier after a commit, several after a build.
        ImageRecord? known = image;
        for (int i = 0; known is not null && i < steps.Count;)
        {
            steps[i] = steps[i] with { Id = known.Id, Tags = [.. known.References.Where(static name => name.Tag is not null).Select(static name => name.Familiar)] };
            known = known.Parent.IsEmpty ? null : at.Images.GetValueOrDefault(known.Parent);
            i = known is null ? steps.Count : Math.Max(i + 1, steps.Count - (known.Config.History?.Count ?? 0));
        }

        return steps;
    }

    /// <summary>All recorded layers, in no order.</summary>
    public IReadOnlyList<LayerInfo> ListLayers()
    {
        ImageTable at = Table;
        Dictionary<Digest, int> users = [];
        foreach (Digest chainId in at.Images.Values.SelectMany(static image => image.ChainIds.Distinct()))
        {
            users[chainId] = users.GetValueOrDefault(chainId) + 1;
        }

        return [.. at.Layers.Select(layer => new LayerInfo(layer.Key, layer.Value.DiffId, layer.Value.Size, users.GetValueOrDefault(layer.Key)))];
    }

    /// <summary>A document of an image, as received: its configuration or its manifest.</summary>
    /// <exception cref="EngineException">NotFound; Internal when it is damaged on the disk.</exception>
    public byte[] ReadDocument(Digest digest) => content.ReadDocument(digest);

    /// <summary>What the image's manifest is, and the blobs that belong to it and are here, each counted once.</summary>
    public ManifestContent DescribeContent(ImageRecord image)
    {
        long bytes = 0;
        bool isComplete = TryReadManifest(image.Manifest, out string mediaType);
        foreach (Digest blob in image.LayerBlobs.Append(image.Id).Append(image.Manifest).Distinct())
        {
            isComplete &= content.TryGetSize(blob, out long size);
            bytes += size;
        }

        content.TryGetSize(image.Manifest, out long manifestSize);
        return new ManifestContent(new Descriptor { MediaType = mediaType, Digest = image.Manifest, Size = manifestSize }, bytes, isComplete);
    }

    /// <summary>Begins to take an image in, for whoever has its parts.</summary>
    public ImageAssembly BeginAssembly() => new(this, content, snapshotter, limits);

    /// <summary>
    /// Loads images from an archive as <c>docker save</c> writes it (of any age) or with an OCI layout, plain or packed with gzip, zstd, xz or bzip2. Every image appears at once;
    /// when a later one fails, earlier ones stay.
    /// </summary>
    /// <param name="archive">Read to its end.</param>
    /// <param name="platform">Which image of an index is meant; null for the host's.</param>
    /// <param name="cancellationToken">Ends it; nothing half-done is left.</param>
    /// <exception cref="EngineException">InvalidArgument for what is malformed, refused or incomplete, naming it; Unavailable for a missing library; Internal when the disk refuses.</exception>
    public Task<IReadOnlyList<LoadedImage>> LoadAsync(Stream archive, Platform? platform, CancellationToken cancellationToken) => LoadAsync(archive, platform, null, cancellationToken);

    /// <summary>The same, telling <paramref name="report"/> about layers that are not there yet while they are read, on a thread of its own.</summary>
    public Task<IReadOnlyList<LoadedImage>> LoadAsync(Stream archive, Platform? platform, Action<LayerProgress>? report, CancellationToken cancellationToken) =>
        new ImageLoad(this, limits).RunAsync(archive, platform ?? Platform.Host, report, cancellationToken);

    /// <summary>
    /// Writes images as an archive that is both an OCI layout and what <c>docker load</c> of any age reads. They stay until it is written, whatever is removed meanwhile.
    /// </summary>
    /// <param name="names">As of <see cref="Resolve"/>; a repository without tag stands for all its tags.</param>
    /// <param name="output">Written asynchronously; stays open.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="EngineException">NotFound before anything is written.</exception>
    public Task SaveAsync(IReadOnlyList<string> names, Stream output, CancellationToken cancellationToken) => SaveAsync(names, [], output, cancellationToken);

    /// <summary>The same without the layers that the images <paramref name="since"/> have: a delta, which a load completes where those are.</summary>
    /// <exception cref="EngineException">NotFound, also for those, before anything is written.</exception>
    public Task SaveAsync(IReadOnlyList<string> names, IReadOnlyList<string> since, Stream output, CancellationToken cancellationToken) =>
        new ImageSave(this, content, since).RunAsync(names, output, cancellationToken);

    /// <summary>Makes an image of a container's writable layer, on top of the layers that it stands on. The container must not be removed meanwhile.</summary>
    /// <exception cref="EngineException">NotFound for a container without writable layer; InvalidArgument for content that no layer can hold; Internal when the disk refuses.</exception>
    public Task<ImageRecord> CommitAsync(CommitOptions options, CancellationToken cancellationToken) =>
        new ImageCommit(this, snapshotter).RunAsync(options, cancellationToken);

    /// <summary>
    /// Deletes layers that no image has any more and that the last container on them just released. To be called after containers' layers were
    /// removed; costs nothing when there are none.
    /// </summary>
    public async Task CollectLayersAsync(CancellationToken cancellationToken)
    {
        if (Table.UnusedLayers([.. Table.Layers.Keys]).Count == 0)
        {
            return;
        }

        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        while (true)
        {
            List<Digest> retired = [.. Table.UnusedLayers([.. Table.Layers.Keys]).Where(Pins.TryRetireLayer)];
            if (retired.Count == 0)
            {
                return;
            }

            await DeleteLayersAsync(Table, [], retired, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        packer.Dispose();
    }

    private ImageRecord Find(Digest id) => Table.Images.GetValueOrDefault(id) ?? throw new EngineException(ErrorKind.NotFound, $"No such image: {id}");

    // False for one that is damaged, or was removed since the image was looked up: it is then told to be incomplete.
    private bool TryReadManifest(Digest digest, out string mediaType)
    {
        mediaType = MediaTypes.OciManifest;
        try
        {
            mediaType = ImagePlan.ReadManifest(content.ReadDocument(digest)).MediaType ?? mediaType;
            return true;
        }
        catch (EngineException)
        {
            return false;
        }
    }
}
