using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;
using Berth.Storage.Images;

namespace Berth.Engine.Registries;

/// <summary>
/// Sends an image to a repository: its layers, as they lie in the store (those made here are packed before), then its configuration, then its manifest as it was received or made. An index that it
/// was chosen from goes with it where the registry has, or gets, everything that the index names.
/// </summary>
/// <param name="images">Where the image is.</param>
/// <param name="limit">How many layers are sent at a time.</param>
internal sealed class ImagePush(ImageStore images, int limit) : IDisposable
{
    private readonly SemaphoreSlim slots = new(limit);

    /// <summary>Pushes the image under one tag.</summary>
    /// <param name="repository">Where to.</param>
    /// <param name="image">What.</param>
    /// <param name="tag">Its name there.</param>
    /// <param name="known">Blobs that the repository was found to have, or got, in the same push of several tags; added to.</param>
    /// <param name="report">Told what happens.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <returns>What the tag leads to now.</returns>
    /// <exception cref="EngineException">As of the registry; NotFound when the image was removed meanwhile.</exception>
    public async Task<PushedTag> RunAsync(
        RegistryRepository repository, ImageRecord image, string tag, HashSet<Digest> known, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        if (images.NeedsPacking(image))
        {
            await RequireReachedAsync(repository, tag, cancellationToken);
            image = await PackAsync(image, report, cancellationToken);
        }

        await using ImageHold hold = await images.HoldAsync(image, cancellationToken);
        image = hold.Image;
        byte[] document = images.ReadDocument(image.Manifest);
        ImageManifest manifest = ImageDocuments.ReadManifest(document, image.Manifest.ToString());
        List<(Descriptor Blob, Digest DiffId)> layers = [.. manifest.Layers.Zip(image.Config.Rootfs.DiffIds).DistinctBy(static layer => layer.First.Digest).Reverse()];
        layers.ForEach(layer => report(TransferMessage.Step("Preparing", layer.DiffId)));
        layers.FindAll(layer => known.Contains(layer.Blob.Digest)).ForEach(layer => report(TransferMessage.Step("Layer already exists", layer.DiffId)));
        layers.RemoveAll(layer => known.Contains(layer.Blob.Digest));
        await PushLayersAsync(repository, layers, report, cancellationToken);
        layers.ForEach(layer => known.Add(layer.Blob.Digest));
        if (known.Add(image.Id))
        {
            await repository.PushBlobAsync(manifest.Config, offset => images.OpenBlob(image.Id, offset), [], null, cancellationToken);
        }

        string type = manifest.MediaType ?? MediaTypes.OciManifest;
        if (!image.Index.IsEmpty)
        {
            byte[] index = images.ReadDocument(image.Index);
            await repository.PushManifestAsync(image.Manifest.ToString(), type, document, cancellationToken);
            ImageIndex list = ImageDocuments.ReadIndex(index, image.Index.ToString());
            if (await HasAllAsync(repository, list, image.Manifest, cancellationToken))
            {
                await repository.PushManifestAsync(tag, list.MediaType ?? MediaTypes.OciIndex, index, cancellationToken);
                return new PushedTag(tag, image.Index, index.Length);
            }

            report(new TransferMessage($"Only the image for {image.Config.Os}/{image.Config.Architecture} is here and was pushed, without the list of platforms that it came with"));
        }

        await repository.PushManifestAsync(tag, type, document, cancellationToken);
        return new PushedTag(tag, image.Manifest, document.Length);
    }

    /// <inheritdoc/>
    public void Dispose() => slots.Dispose();

    private static async Task<bool> HasAllAsync(RegistryRepository repository, ImageIndex index, Digest pushed, CancellationToken cancellationToken)
    {
        foreach (IndexDescriptor entry in index.Manifests.Where(entry => entry.Digest != pushed))
        {
            if (!await repository.HasManifestAsync(entry.Digest.ToString(), cancellationToken))
            {
                return false;
            }
        }

        return true;
    }

    // Before minutes of work for a registry that cannot be reached, or that knows nobody.
    private static async Task RequireReachedAsync(RegistryRepository repository, string tag, CancellationToken cancellationToken)
    {
        try
        {
            await repository.HasManifestAsync(tag, cancellationToken);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.Forbidden)
        {
            // Of a repository that is to be made some registries say so: whether it may be is told by the push.
        }
    }

    private async Task<ImageRecord> PackAsync(ImageRecord image, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        ByteProgress? progress = null;
        Digest current = default;
        return await images.PackAsync(
            image,
            packed =>
            {
                if (packed.DiffId != current)
                {
                    (current, progress) = (packed.DiffId, new ByteProgress("Compressing", packed.DiffId, packed.Total, report));
                }

                progress!.Tell(packed.Done); // made with the first
            },
            cancellationToken);
    }

    private async Task PushLayersAsync(
        RegistryRepository repository, List<(Descriptor Blob, Digest DiffId)> layers, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Exception? failure = null;
        await Task.WhenAll(layers.Select(async layer =>
        {
            try
            {
                await PushLayerAsync(repository, layer.Blob, layer.DiffId, report, stop.Token);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
                await stop.CancelAsync();
            }
        }));
        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    private async Task PushLayerAsync(RegistryRepository repository, Descriptor blob, Digest diffId, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        if (!slots.Wait(0, cancellationToken))
        {
            report(TransferMessage.Step("Waiting", diffId));
            await slots.WaitAsync(cancellationToken);
        }

        try
        {
            var progress = new ByteProgress("Pushing", diffId, blob.Size, report);
            BlobPush push = await repository.PushBlobAsync(blob, offset => images.OpenBlob(blob.Digest, offset), Sources(repository, blob.Digest), progress.Tell, cancellationToken);
            report(TransferMessage.Step(
                push.Outcome switch
                {
                    BlobPushOutcome.Existed => "Layer already exists",
                    BlobPushOutcome.Mounted => $"Mounted from {push.MountedFrom}",
                    _ => "Pushed",
                },
                diffId));
        }
        finally
        {
            slots.Release();
        }
    }

    // Repositories of the same registry that an image with this layer was pulled from or pushed to, as a digest of theirs tells.
    private List<string> Sources(RegistryRepository repository, Digest blob) =>
    [
        .. images.List().Where(image => image.LayerBlobs.Contains(blob)).SelectMany(static image => image.References)
            .Where(name => !name.Digest.IsEmpty && name.Domain == repository.Name.Domain && name.Path != repository.Name.Path)
            .Select(static name => name.Path).Distinct().Order(StringComparer.Ordinal).Take(4),
    ];
}
