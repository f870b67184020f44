using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>
/// The images of one data root: names, documents, layers. Reads are from memory and never wait; changes are serial, and durable when they
/// return. Owner of the buckets images, layers and references. Safe for concurrent use.
/// </summary>
public sealed class ImageStore : IDisposable
{
    private readonly SemaphoreSlim writer = new(1);
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
    /// <exception cref="EngineException">Internal when a record or an image's configuration cannot be read.</exception>
    public static ImageStore Open(Journal journal, ContentStore content, ISnapshotter snapshotter, TarLimits? limits = null)
    {
        ImageStore store = new(journal, content, snapshotter, limits ?? new TarLimits(), Load(journal, content));
        store.DeleteUnrecorded();
        return store;
    }

    /// <summary>All images, in no order.</summary>
    public IReadOnlyList<ImageRecord> List() => [.. Table.Images.Values];

    /// <summary>
    /// Finds an image by <c>name[:tag]</c>, <c>name@digest</c>, id, or a prefix of the id, with or without <c>sha256:</c>. Names come before prefixes.
    /// </summary>
    /// <exception cref="EngineException">NotFound, <c>No such image: name:tag</c>; InvalidArgument for a malformed name or a prefix of several ids.</exception>
    public ImageRecord Resolve(string nameOrId) => Table.Resolve(nameOrId);

    /// <summary>
    /// Makes an image of one layer from a root file system's archive: tar, plain or gzip, recognised by its content. The layer's blob is kept as
    /// received: its digest is over received bytes, nothing is compressed again, and a later push sends what came in. All of it appears at
    /// once, or nothing is left.
    /// </summary>
    /// <exception cref="EngineException">
    /// InvalidArgument for an archive that is malformed, cut off or refused, naming the entry; NotImplemented for zstd, xz, bzip2; Internal when
    /// the disk refuses.
    /// </exception>
    public Task<ImageRecord> ImportAsync(Stream tar, ImportOptions options, CancellationToken cancellationToken) =>
        new ImageImport(this, journal, content, snapshotter).RunAsync(tar, options, limits, cancellationToken);

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
    }

    /// <summary>
    /// Takes a name away, and deletes the image with its last name; or deletes an image by id. Docker's rules: only a forced removal takes an
    /// image with several names by id, or one that stopped containers use; nothing takes one that a running container uses (its name
    /// goes, forced). Layers go when no other image and no container needs them.
    /// </summary>
    /// <param name="nameOrId">As of <see cref="Resolve"/>.</param>
    /// <param name="force">See above.</param>
    /// <param name="uses">Tells which containers were made from the image with this id.</param>
    /// <param name="cancellationToken">Counts until the removal is recorded.</param>
    /// <returns>What went, in order: names, the image, its layers' chain ids from the uppermost down.</returns>
    /// <exception cref="EngineException">NotFound; Conflict with docker's words.</exception>
    public async Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string nameOrId, bool force, Func<Digest, ImageUse> uses, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageRecord image = Table.Resolve(nameOrId);
        ImageUse use = uses(image.Id);
        if (ImageTable.IsIdPrefix(image.Id, nameOrId) && !IsNameOf(image, nameOrId))
        {
            EngineException? conflict = ImageConflicts.AgainstDeletion(image, use, force, ignoreNames: ImageConflicts.HasSingleName(image));
            return conflict is null ? await DeleteAsync(image, cancellationToken) : throw conflict;
        }

        ImageReference name = NameOf(image, nameOrId);
        if (!force)
        {
            ImageConflicts.RequireNameUnused(image, name.Familiar, use);
        }

        ImageRecord left = Table.WithoutReference(name).Images[image.Id];
        bool keep = left.References.Count > 0 || ImageConflicts.AgainstDeletion(left, use, force, ignoreNames: false) is not null;
        if (!keep)
        {
            return await DeleteAsync(image, cancellationToken);
        }

        await CommitAsync(Table.WithoutReference(name), [ImageJournal.Delete(name)], cancellationToken);
        return [new ImageRemoval(name.Familiar, null)];
    }

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
            List<Digest> retired = [.. Table.UnusedLayers([.. Table.Layers.Keys]).Where(snapshotter.TryRetireLayer)];
            if (retired.Count == 0)
            {
                return;
            }

            await DeleteLayersAsync(Table, [], retired, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => writer.Dispose();

    /// <summary>Waits for the right to change; dispose the result to give it back.</summary>
    internal async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await writer.WaitAsync(cancellationToken);
        return new Turn(writer);
    }

    /// <summary>Records a new image with one layer; the caller has the turn and has published blobs and layer.</summary>
    internal async Task<ImageRecord> AddAsync(ImageRecord image, LayerEntry layer, ImageReference? reference, CancellationToken cancellationToken)
    {
        Digest chainId = image.ChainIds[^1];
        ImageTable next = Table.With(image) with { Layers = Table.Layers.SetItem(chainId, layer) };
        List<JournalChange> changes = [ImageJournal.Put(chainId, layer)];
        if (reference is { } name)
        {
            next = next.WithReference(name, image.Id, DateTimeOffset.UtcNow);
            changes.Add(ImageJournal.Put(name, image.Id));
        }

        changes.Add(Put(next.Images[image.Id]));
        await CommitAsync(next, changes, cancellationToken);
        return next.Images[image.Id];
    }

    /// <summary>Whether any image needs the blob.</summary>
    internal bool NeedsBlob(Digest blob) => NeedsBlob(Table, blob);

    /// <summary>Whether the layer is recorded.</summary>
    internal bool KnowsLayer(Digest chainId) => Table.Layers.ContainsKey(chainId);

    private static bool NeedsBlob(ImageTable at, Digest blob) =>
        at.Images.Values.Any(image => image.Id == blob || image.Manifest == blob || image.LayerBlobs.Contains(blob));

    private static JournalChange Put(ImageRecord image) => ImageJournal.Put(image.Id, new ImageEntry
    {
        Manifest = image.Manifest,
        LayerBlobs = image.LayerBlobs,
        ChainIds = image.ChainIds,
        Size = image.Size,
        LastTagged = image.LastTagged,
    });

    private static ImageTable Load(Journal journal, ContentStore content)
    {
        ImageTable loaded = ImageTable.Empty with
        {
            Layers = journal.Read(ImageJournal.Layers).ToImmutableDictionary(static item => Digest.Parse(item.Key), static item => ImageJournal.ReadLayer(item.Key, item.Value)),
        };
        foreach ((string key, byte[] value) in journal.Read(ImageJournal.Images))
        {
            Digest id = Digest.Parse(key);
            ImageEntry entry = ImageJournal.ReadImage(key, value);
            loaded = loaded.With(new ImageRecord
            {
                Id = id,
                Manifest = entry.Manifest,
                Config = ReadConfig(content, id),
                References = [],
                Size = entry.Size,
                ChainIds = entry.ChainIds,
                LayerBlobs = entry.LayerBlobs,
                LastTagged = entry.LastTagged,
            });
        }

        foreach ((string name, byte[] id) in journal.Read(ImageJournal.References))
        {
            loaded = loaded.WithReference(ImageReference.Parse(name), Digest.Parse(Encoding.ASCII.GetString(id)), null);
        }

        return loaded;
    }

    private static ImageConfig ReadConfig(ContentStore content, Digest id)
    {
        try
        {
            return JsonSerializer.Deserialize(content.ReadDocument(id), ImageConfigJsonContext.Default.ImageConfig) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the configuration of image {id} cannot be read: {e.Message}", e);
        }
    }

    // A text such as "abc" may be both a name of the image and a prefix of its id; what led to it was the name.
    private static bool IsNameOf(ImageRecord image, string text) =>
        ImageReference.TryParse(text, out ImageReference reference, out _) && image.References.Contains(reference.WithDefaultTag());

    private static ImageReference NameOf(ImageRecord image, string text)
    {
        ImageReference asked = ImageReference.Parse(text).WithDefaultTag();
        return image.References.Contains(asked) ? asked : image.References.First(known => known.Digest == asked.Digest && known.Repository == asked.Repository);
    }

    private async Task CommitAsync(ImageTable next, IReadOnlyList<JournalChange> changes, CancellationToken cancellationToken)
    {
        await journal.CommitAsync(changes, cancellationToken);
        Volatile.Write(ref table, next);
    }

    private async Task<IReadOnlyList<ImageRemoval>> DeleteAsync(ImageRecord image, CancellationToken cancellationToken)
    {
        ImageTable next = Table;
        List<JournalChange> changes = [ImageJournal.DeleteImage(image.Id)];
        List<ImageRemoval> removals = [];
        foreach (ImageReference reference in image.References)
        {
            next = next.WithoutReference(reference);
            changes.Add(ImageJournal.Delete(reference));
            removals.Add(new ImageRemoval(reference.Familiar, null));
        }

        next = next with { Images = next.Images.Remove(image.Id) };
        removals.Add(new ImageRemoval(null, image.Id.ToString()));
        List<Digest> retired = [.. next.UnusedLayers(image.ChainIds).Where(snapshotter.TryRetireLayer)];
        await DeleteLayersAsync(next, changes, retired, cancellationToken);
        foreach (Digest blob in image.LayerBlobs.Append(image.Manifest).Append(image.Id).Where(blob => !NeedsBlob(next, blob)))
        {
            content.Delete(blob);
        }

        removals.AddRange(retired.Select(static chainId => new ImageRemoval(null, chainId.ToString())));
        return removals;
    }

    // Recorded first, then deleted: a crash in between leaves content without record, which the next start deletes.
    private async Task DeleteLayersAsync(ImageTable next, List<JournalChange> changes, List<Digest> retired, CancellationToken cancellationToken)
    {
        try
        {
            changes.AddRange(retired.Select(ImageJournal.DeleteLayer));
            await CommitAsync(next with { Layers = next.Layers.RemoveRange(retired) }, changes, cancellationToken);
        }
        catch
        {
            retired.ForEach(snapshotter.RestoreLayer);
            throw;
        }

        retired.ForEach(snapshotter.DeleteLayer);
    }

    private void DeleteUnrecorded()
    {
        List<Digest> unknown = [.. snapshotter.ListLayers().Where(chainId => !Table.Layers.ContainsKey(chainId))];
        while (unknown.FindAll(snapshotter.TryRetireLayer) is { Count: > 0 } retired)
        {
            retired.ForEach(snapshotter.DeleteLayer);
            unknown.RemoveAll(retired.Contains);
        }

        foreach (Digest blob in content.List().Where(blob => !NeedsBlob(blob)).ToList())
        {
            content.Delete(blob);
        }
    }

    private sealed class Turn(SemaphoreSlim writer) : IDisposable
    {
        public void Dispose() => writer.Release();
    }
}
