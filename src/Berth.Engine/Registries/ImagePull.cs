using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;
using Berth.Storage.Images;

namespace Berth.Engine.Registries;

/// <summary>
/// Brings one image of a repository into the store. Documents are fetched and checked first, then all layers that are not there at the same time; the image is
/// visible when everything is on the disk, and not before. Pulls of the same image at the same time are one.
/// </summary>
internal sealed class ImagePull(ImageStore images, LayerTransfers layers)
{
    private const int MaxConfig = 8 << 20;
    private const int MaxDepth = 4;
    private readonly SharedWork<Digest, ImageRecord> pulls = new(static _ => ValueTask.CompletedTask);

    /// <summary>What a pull came to.</summary>
    /// <param name="Image">The image, with the name.</param>
    /// <param name="Digest">What the tag led to: an index or a manifest.</param>
    /// <param name="IsNew">Whether the image, or its name, was not there before.</param>
    internal sealed record Outcome(ImageRecord Image, Digest Digest, bool IsNew);

    /// <summary>Pulls.</summary>
    /// <param name="repository">Where from.</param>
    /// <param name="name">With a tag or a digest; a digest counts before a tag.</param>
    /// <param name="platform">Which image of an index; null for the host's, and for whatever a single manifest is for.</param>
    /// <param name="report">Told what happens; calls do not overlap.</param>
    /// <param name="cancellationToken">Gives it up; what was received of layers is kept for the next pull.</param>
    /// <exception cref="EngineException">As of the registry; InvalidArgument for documents that do not fit each other or the layers.</exception>
    public async Task<Outcome> RunAsync(RegistryRepository repository, ImageReference name, Platform? platform, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        RemoteDocument top = await repository.GetManifestAsync(name.Digest.IsEmpty ? name.Tag! : name.Digest.ToString(), cancellationToken); // one of both is there
        RemoteDocument document = await ChooseAsync(repository, top, platform, cancellationToken);
        List<ImageReference> names = [ImageReference.Parse($"{name.Repository}@{top.Digest}")];
        if (name.Digest.IsEmpty)
        {
            names.Insert(0, name);
        }

        ImageManifest manifest = Read(repository, document);
        ImageRecord? known = images.List().FirstOrDefault(image => image.Id == manifest.Config.Digest);
        bool isNew = known is null || !names.TrueForAll(known.References.Contains);
        while (true)
        {
            await using SharedWork<Digest, ImageRecord>.Share share = await pulls.JoinAsync(
                document.Digest, (tell, token) => BringAsync(repository, manifest, document, top, platform, names, tell, token), report, cancellationToken);
            RequirePlatform(repository, share.Result.Config, platform); // the work may have been somebody else's, who wanted another
            try
            {
                await images.NameAsync(share.Result, names, cancellationToken);
                return new Outcome(images.List().First(image => image.Id == share.Result.Id), top.Digest, isNew);
            }
            catch (Exception e) when (e is EngineException { Kind: ErrorKind.NotFound } or InvalidOperationException)
            {
                // Removed between the two: once more.
            }
        }
    }

    private static async Task<RemoteDocument> ChooseAsync(RegistryRepository repository, RemoteDocument top, Platform? platform, CancellationToken cancellationToken)
    {
        RemoteDocument document = top;
        for (int depth = 0; ImageDocuments.KindOf(document.Content, document.MediaType, Subject(repository, document)) == ImageDocumentKind.Index; depth++)
        {
            if (depth == MaxDepth)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"{repository.Name.Repository}@{top.Digest}: its indexes lie in each other more than {MaxDepth} deep");
            }

            IndexDescriptor chosen = Choose(repository, document, platform ?? Platform.Host);
            document = await repository.GetManifestAsync(chosen.Digest.ToString(), cancellationToken);
        }

        return document;
    }

    private static IndexDescriptor Choose(RegistryRepository repository, RemoteDocument index, Platform platform)
    {
        IReadOnlyList<IndexDescriptor> offered = ImageDocuments.ReadIndex(index.Content, Subject(repository, index)).Manifests;
        return PlatformChoice.Find(offered, platform) ?? throw new EngineException(
            ErrorKind.NotFound,
            $"no matching manifest for {platform} in the manifest list entries of {repository.Name.Familiar}; there are {PlatformChoice.Describe(offered)}");
    }

    private static string Subject(RegistryRepository repository, RemoteDocument document) => $"{repository.Name.Repository}@{document.Digest}";

    private static ImageManifest Read(RegistryRepository repository, RemoteDocument document)
    {
        string subject = Subject(repository, document);
        ImageManifest manifest = ImageDocuments.ReadManifest(document.Content, subject);
        ImageDocuments.RequireImage(manifest, subject);
        foreach (Descriptor layer in manifest.Layers)
        {
            if (MediaTypes.IsForeignLayer(layer.MediaType))
            {
                throw new EngineException(
                    ErrorKind.InvalidArgument,
                    $"{repository.Name.Familiar}: layer {layer.Digest} is not kept in the registry (foreign layer, {layer.MediaType}), as those of Windows images are; such images cannot be used here");
            }

            if (!MediaTypes.IsLayer(layer.MediaType))
            {
                throw new EngineException(
                    ErrorKind.InvalidArgument, $"{repository.Name.Familiar}: {layer.Digest} is of the type {layer.MediaType}, which is no layer of an image: this is another kind of artifact");
            }
        }

        return manifest;
    }

    private static void RequirePlatform(RegistryRepository repository, ImageConfig config, Platform? platform)
    {
        if (platform is { } wanted && !PlatformChoice.Fits(new Platform(config.Os, config.Architecture, config.Variant), wanted))
        {
            throw new EngineException(
                ErrorKind.NotFound,
                $"image with reference {repository.Name.Familiar} was found but its platform ({new Platform(config.Os, config.Architecture, config.Variant)}) does not match the specified platform ({wanted})");
        }
    }

    private static void RequireLayers(RegistryRepository repository, ImageManifest manifest, int wanted)
    {
        if (manifest.Layers.Count != wanted)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{repository.Name.Repository} cannot be used: its configuration names {wanted} layers, its manifest {manifest.Layers.Count}");
        }
    }

    private async Task<ImageRecord> BringAsync(
        RegistryRepository repository, ImageManifest manifest, RemoteDocument document, RemoteDocument top, Platform? platform, IReadOnlyList<ImageReference> names,
        Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        // What a check found damaged or lost is fetched like what was never here.
        if (images.List().FirstOrDefault(image => image.Id == manifest.Config.Digest && image.Manifest == document.Digest && (top == document || image.Index == top.Digest)) is { IsConfigLost: false } known
            && known.Blobs.All(images.HasBlob))
        {
            return known;
        }

        byte[] config = await ReadConfigAsync(repository, manifest.Config, cancellationToken);
        List<SharedWork<Digest, LayerArrival>.Share> arrivals = [];
        try
        {
            await using ImageAssembly assembly = images.BeginAssembly();
            (ImageConfig parsed, IReadOnlyList<bool> isHere) = assembly.UseLayers(config);
            RequirePlatform(repository, parsed, platform); // before anything is fetched
            RequireLayers(repository, manifest, isHere.Count);
            List<Digest> blobs = [];
            List<Descriptor> missing = [];
            for (int i = 0; i < manifest.Layers.Count; i++)
            {
                Descriptor layer = manifest.Layers[i];
                bool isKnown = isHere[i];
                bool isFetched = missing.Exists(other => other.Digest == layer.Digest);
                blobs.Add(isKnown ? default : layer.Digest);
                if (!isKnown && !isFetched)
                {
                    missing.Add(layer);
                }

                report(TransferMessage.Step(isKnown ? "Already exists" : "Pulling fs layer", layer.Digest));
            }

            await FetchAsync(repository, missing, arrivals, report, cancellationToken);
            foreach (SharedWork<Digest, LayerArrival>.Share arrival in arrivals)
            {
                assembly.TryShare(arrival.Result.Assembly, arrival.Result.Blob);
            }

            ImageRecord image = await assembly.CommitAsync(
                new ImageParts { Config = config, Manifest = document.Content, Index = top == document ? null : top.Content, LayerBlobs = blobs, References = names }, cancellationToken);
            missing.ForEach(layer => report(TransferMessage.Step("Pull complete", layer.Digest)));
            return image;
        }
        finally
        {
            // After the assembly: what it shares is theirs.
            foreach (SharedWork<Digest, LayerArrival>.Share arrival in arrivals)
            {
                await arrival.DisposeAsync();
            }
        }
    }

    // The first failure ends the others; all have ended when this returns.
    private async Task FetchAsync(
        RegistryRepository repository, List<Descriptor> missing, List<SharedWork<Digest, LayerArrival>.Share> arrivals, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Exception? failure = null;
        await Task.WhenAll(missing.Select(async layer =>
        {
            try
            {
                SharedWork<Digest, LayerArrival>.Share arrival = await layers.FetchAsync(repository, layer, report, stop.Token);
                lock (arrivals)
                {
                    arrivals.Add(arrival);
                }
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

    internal static async Task<byte[]> ReadConfigAsync(RegistryRepository repository, Descriptor config, CancellationToken cancellationToken)
    {
        if (config.Size is < 0 or > MaxConfig)
        {
            throw new EngineException(ErrorKind.TooLarge, $"{repository.Name.Familiar}: its configuration {config.Digest} has {config.Size} bytes; at most {MaxConfig} are accepted");
        }

        byte[] content = new byte[config.Size];
        await using Stream stream = await repository.OpenBlobAsync(config, new BlobRead(), cancellationToken);
        await stream.ReadExactlyAsync(content, cancellationToken);
        if (await stream.ReadAsync(new byte[1], cancellationToken) != 0) // the end is where the digest is checked
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{repository.Name.Familiar}: its configuration {config.Digest} is longer than its {config.Size} bytes");
        }

        return content;
    }
}
