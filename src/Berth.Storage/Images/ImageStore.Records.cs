using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Metadata;

namespace Berth.Storage.Images;

/// <content>What the store's own operations stand on: one change after the other, each recorded before it is seen.</content>
public sealed partial class ImageStore
{
    /// <summary>Waits for the right to change; dispose the result to give it back.</summary>
    internal async Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await writer.WaitAsync(cancellationToken);
        return new Turn(writer);
    }

    /// <summary>What operations in progress need.</summary>
    internal StorePins Pins { get; }

    /// <summary>A blob of the layer, of any image or build step that has it; null when none has.</summary>
    internal Digest? BlobOf(Digest chainId) => BlobOf(chainId, static _ => true);

    /// <summary>The same of those that <paramref name="matches"/>.</summary>
    internal Digest? BlobOf(Digest chainId, Func<Digest, bool> matches)
    {
        foreach (ImageRecord image in Table.Images.Values)
        {
            for (int i = image.ChainIds.Count - 1; i >= 0; i--)
            {
                if (image.ChainIds[i] == chainId && matches(image.LayerBlobs[i]))
                {
                    return image.LayerBlobs[i];
                }
            }
        }

        return Table.Steps.Values.Select(step => step.BlobOf(chainId)).FirstOrDefault(blob => blob is { } found && matches(found));
    }

    /// <summary>Which of these blobs no image has as a layer, or the disk has lost: an archive that is loaded has to bring them.</summary>
    public IReadOnlyList<Digest> FindMissingLayers(IReadOnlyCollection<Digest> blobs)
    {
        HashSet<Digest> known = [.. Table.Images.Values.SelectMany(static image => image.LayerBlobs)];
        return [.. blobs.Where(blob => !known.Contains(blob) || !content.Exists(blob))];
    }

    /// <summary>Whether an image has the blob as a layer.</summary>
    internal bool HasLayerBlob(Digest blob) => Table.Images.Values.Any(image => image.LayerBlobs.Contains(blob));

    /// <summary>Whether the layer lies in the store as a plain archive that was made here. What came plain, with a manifest that says so, stays as it came in every image that has it.</summary>
    internal bool IsPlainAndMadeHere(ImageRecord image, int layer) =>
        image is { ManifestIsReceived: false, IsConfigLost: false } && image.LayerBlobs[layer] == image.Config.Rootfs.DiffIds[layer] && !IsReceivedBlob(image.LayerBlobs[layer]);

    /// <summary>Whether a manifest that was received names the blob as a layer.</summary>
    internal bool IsReceivedBlob(Digest blob) => Table.Images.Values.Any(image => image.ManifestIsReceived && image.LayerBlobs.Contains(blob));

    /// <summary>The layer's record; null when there is none.</summary>
    internal LayerEntry? LayerOf(Digest chainId) => Table.Layers.GetValueOrDefault(chainId);

    /// <summary>
    /// Records an image whose layers and blobs are in place, pinned and synced. If it is there already it only gets the names, and a manifest
    /// that was received instead of the one it has.
    /// </summary>
    internal async Task<ImageRecord> RecordAsync(ImageRecord image, IReadOnlyList<LayerEntry> layers, IReadOnlyList<ImageReference> references, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageTable next = Table;
        List<JournalChange> changes = [];
        for (int i = 0; i < layers.Count; i++)
        {
            next = next with { Layers = next.Layers.SetItem(image.ChainIds[i], layers[i]) };
            changes.Add(ImageJournal.Put(image.ChainIds[i], layers[i]));
        }

        ImageRecord? known = next.Images.GetValueOrDefault(image.Id);
        bool keepsKnown = known is { IsConfigLost: false } && !image.ManifestIsReceived;
        if (image.Index.IsEmpty && known?.Manifest == image.Manifest)
        {
            image = image with { Index = known.Index };
        }

        Digest parent = image.Parent == image.Id || !next.Images.ContainsKey(image.Parent) ? default : image.Parent;
        next = next.With(keepsKnown ? known! : image with { Parent = parent, References = known?.References ?? [], LastTagged = known?.LastTagged });
        foreach (ImageReference reference in references)
        {
            next = next.WithReference(reference, image.Id, DateTimeOffset.UtcNow);
            changes.Add(ImageJournal.Put(reference, image.Id));
        }

        changes.Add(Put(next.Images[image.Id]));
        await CommitAsync(next, changes, cancellationToken);
        FailPoint.Reach(FailPoints.ImageRecorded);
        if (known is not null && !keepsKnown)
        {
            DeleteBlobs([known]);
        }

        return next.Images[image.Id];
    }

    /// <summary>
    /// Gives images other blobs for the same layers, which are in place, pinned and synced, and manifests that name them. What was removed or replaced since
    /// <c>Before</c> stays as it is. Build steps that have a blob of <paramref name="packed"/> get the other one, too.
    /// </summary>
    /// <returns>The image <paramref name="id"/> as it is then.</returns>
    /// <exception cref="EngineException">NotFound when that image is gone.</exception>
    internal async Task<ImageRecord> ReplaceAsync(
        Digest id, IReadOnlyList<(ImageRecord Before, ImageRecord After)> replacements, IReadOnlyDictionary<Digest, Digest> packed, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageTable next = Table;
        List<ImageRecord> replaced = [];
        foreach ((ImageRecord before, ImageRecord after) in replacements)
        {
            if (next.Images.TryGetValue(before.Id, out ImageRecord? known) && known.Manifest == before.Manifest)
            {
                next = next.With(known with { Manifest = after.Manifest, LayerBlobs = after.LayerBlobs });
                replaced.Add(known);
            }
        }

        List<BuildStep> steps = [.. next.Steps.Values.Where(step => step.LayerBlobs.Any(blob => packed.ContainsKey(blob) && !IsReceivedBlob(blob)))
            .Select(step => step with { LayerBlobs = [.. step.LayerBlobs.Select(blob => packed.TryGetValue(blob, out Digest other) && !IsReceivedBlob(blob) ? other : blob)] })];
        next = next with { Steps = next.Steps.SetItems(steps.Select(static step => KeyValuePair.Create(step.Key, step))) };
        await CommitAsync(next, [.. replaced.Select(image => Put(next.Images[image.Id])), .. steps.Select(ImageJournal.Put)], cancellationToken);
        FailPoint.Reach(FailPoints.ImageRecorded);
        DeleteBlobs(replaced);
        return Table.Images.GetValueOrDefault(id) ?? throw new EngineException(ErrorKind.NotFound, $"No such image: {id}");
    }

    /// <summary>Takes an operation's pins back, and deletes what no image needs of it.</summary>
    internal async Task ReleaseAsync(IReadOnlyList<Digest> chainIds, IReadOnlyList<Digest> blobs)
    {
        Pins.Unpin(chainIds, blobs);
        using IDisposable turn = await TakeTurnAsync(CancellationToken.None);
        if (journal.HasFailed)
        {
            // A record may have reached the disk although its sync failed; then the next start needs the content, otherwise it deletes it.
            return;
        }

        foreach (Digest chainId in chainIds.Distinct().Reverse().Where(chainId => !Table.Layers.ContainsKey(chainId) && Pins.TryRetireLayer(chainId)))
        {
            snapshotter.DeleteLayer(chainId);
        }

        // A recorded layer may have lost its last image while it was pinned.
        List<Digest> unused = [.. Table.UnusedLayers([.. chainIds.Distinct()]).Where(Pins.TryRetireLayer)];
        if (unused.Count > 0)
        {
            await DeleteLayersAsync(Table, [], unused, CancellationToken.None);
        }

        HashSet<Digest> needed = blobs.Count == 0 ? [] : NeededBlobs(Table);
        foreach (Digest blob in blobs.Distinct().Where(blob => !needed.Contains(blob)))
        {
            Pins.DeleteBlob(blob);
        }
    }

    /// <summary>The images that a name, or a repository without tag, stands for, with the names that are meant.</summary>
    public IReadOnlyList<(ImageRecord Image, IReadOnlyList<ImageReference> Names)> Select(string nameOrId)
    {
        ImageTable at = Table;
        if (ImageReference.TryParse(nameOrId, out ImageReference asked, out _) && asked is { Tag: null, Digest.IsEmpty: true })
        {
            List<(ImageRecord, IReadOnlyList<ImageReference>)> tagged =
            [
                .. at.References.Where(name => name.Key.Tag is not null && name.Key.Repository == asked.Repository).OrderBy(static name => name.Key.ToString(), StringComparer.Ordinal)
                    .Select(name => (at.Images[name.Value], (IReadOnlyList<ImageReference>)[name.Key])),
            ];
            if (tagged.Count > 0)
            {
                return tagged;
            }
        }

        ImageRecord image = at.Resolve(nameOrId);
        return [(image, asked.Tag is not null && image.References.Contains(asked) ? [asked] : [])];
    }

    private static bool IsPrunable(ImageTable at, ImageRecord image, bool all) =>
        image.References.Count == 0 ? at.Images.Values.All(other => other.Parent != image.Id) : all || image.References.All(static name => name.Tag is null);

    private static bool NeedsBlob(ImageTable at, Digest blob) =>
        at.Images.Values.Any(image => image.Id == blob || image.Manifest == blob || image.Index == blob || image.LayerBlobs.Contains(blob))
        || at.Steps.Values.Any(step => step.LayerBlobs.Contains(blob));

    private static JournalChange Put(ImageRecord image) => ImageJournal.Put(image.Id, new ImageEntry
    {
        Manifest = image.Manifest,
        LayerBlobs = image.LayerBlobs,
        ChainIds = image.ChainIds,
        Size = image.Size,
        LastTagged = image.LastTagged,
        Parent = image.Parent.IsEmpty ? null : image.Parent,
        ManifestIsReceived = image.ManifestIsReceived ? true : null,
        Index = image.Index.IsEmpty ? null : image.Index,
    });

    private static ImageTable Load(Journal journal, ContentStore content)
    {
        ImageTable loaded = ImageTable.Empty with
        {
            Layers = journal.Read(ImageJournal.Layers).ToImmutableDictionary(static item => Digest.Parse(item.Key), static item => ImageJournal.ReadLayer(item.Key, item.Value)),
            Steps = journal.Read(ImageJournal.Steps).ToImmutableDictionary(static item => Digest.Parse(item.Key), static item => ImageJournal.ReadStep(item.Key, item.Value)),
        };
        foreach ((string key, byte[] value) in journal.Read(ImageJournal.Images))
        {
            Digest id = Digest.Parse(key);
            ImageEntry entry = ImageJournal.ReadImage(key, value);
            ImageConfig? config = TryReadConfig(content, id);
            loaded = loaded.With(new ImageRecord
            {
                Id = id,
                Manifest = entry.Manifest,
                Config = config ?? Replace(entry, loaded.Layers),
                IsConfigLost = config is null,
                References = [],
                Size = entry.Size,
                ChainIds = entry.ChainIds,
                LayerBlobs = entry.LayerBlobs,
                LastTagged = entry.LastTagged,
                Parent = entry.Parent ?? default,
                ManifestIsReceived = entry.ManifestIsReceived ?? false,
                Index = entry.Index ?? default,
            });
        }

        foreach ((string name, byte[] id) in journal.Read(ImageJournal.References))
        {
            loaded = loaded.WithReference(ImageReference.Parse(name), Digest.Parse(Encoding.ASCII.GetString(id)), null);
        }

        return loaded.WithoutLostParents();
    }

    // Null when it is lost or damaged: one image's trouble is not all the others'.
    private static ImageConfig? TryReadConfig(ContentStore content, Digest id)
    {
        try
        {
            return JsonSerializer.Deserialize(content.ReadDocument(id), ImageConfigJsonContext.Default.ImageConfig);
        }
        catch (Exception e) when (e is JsonException or EngineException or IOException)
        {
            return null;
        }
    }

    private static ImageConfig Replace(ImageEntry entry, ImmutableDictionary<Digest, LayerEntry> layers) => new()
    {
        Architecture = Platform.Host.Architecture,
        Os = Platform.Host.Os,
        Rootfs = new ImageRootfs { DiffIds = [.. entry.ChainIds.Select(chainId => layers.TryGetValue(chainId, out LayerEntry? layer) ? layer.DiffId : chainId)] },
    };

    private async Task CommitAsync(ImageTable next, IReadOnlyList<JournalChange> changes, CancellationToken cancellationToken)
    {
        await journal.CommitAsync(changes, cancellationToken);
        Volatile.Write(ref table, next);
    }

    // With the turn.
    private async Task<IReadOnlyList<ImageRemoval>> RemoveAsync(Action<ImageRemover> remove, Func<Digest, ImageUse> uses, CancellationToken cancellationToken)
    {
        ImageRemover remover = new(Table, uses, Pins);
        try
        {
            remove(remover);
        }
        catch
        {
            remover.Retired.ForEach(snapshotter.RestoreLayer);
            throw;
        }

        ImageTable next = remover.Next.WithoutLostParents();
        await DeleteLayersAsync(next, remover.Changes, remover.Retired, cancellationToken);
        FailPoint.Reach(FailPoints.ImageRemovalLayersDeleted);
        DeleteBlobs(remover.Deleted);
        FailPoint.Reach(FailPoints.ImageRemovalBlobsDeleted);
        return remover.Steps;
    }

    private void DeleteBlobs(IReadOnlyList<ImageRecord> images)
    {
        foreach (Digest blob in images.SelectMany(static image => image.Blobs).Distinct().Where(blob => !NeedsBlob(Table, blob)))
        {
            Pins.DeleteBlob(blob);
        }
    }

    // Recorded first, then deleted: a crash in between leaves content without record, which the next start deletes.
    private async Task DeleteLayersAsync(ImageTable next, List<JournalChange> changes, List<Digest> retired, CancellationToken cancellationToken)
    {
        try
        {
            changes.AddRange(retired.Select(ImageJournal.DeleteLayer).Where(change => !changes.Contains(change)));
            await CommitAsync(next with { Layers = next.Layers.RemoveRange(retired) }, changes, cancellationToken);
            FailPoint.Reach(FailPoints.ImageRemovalRecorded);
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

        HashSet<Digest> needed = NeededBlobs(Table);
        foreach (Digest blob in content.List().Where(blob => !needed.Contains(blob)).ToList())
        {
            content.Delete(blob);
        }
    }

    private sealed class Turn(SemaphoreSlim writer) : IDisposable
    {
        public void Dispose() => writer.Release();
    }
}
