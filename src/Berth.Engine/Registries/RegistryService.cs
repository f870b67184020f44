using Berth.Engine.Events;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;
using Berth.Storage;
using Berth.Storage.Images;

namespace Berth.Engine.Registries;

/// <summary>The use cases on registries: pull, push, login, search, and a look at what a name leads to. Safe for concurrent use.</summary>
public sealed class RegistryService : IDisposable
{
    private readonly RegistryClient client;
    private readonly ImageStore images;
    private readonly EventHub events;
    private readonly LayerTransfers layers;
    private readonly ImagePull pull;
    private readonly ImagePush push;

    /// <param name="client">Reaches registries.</param>
    /// <param name="images">Where images come from and go.</param>
    /// <param name="events">Where it is told what happens.</param>
    /// <param name="downloads">How many layers are received at a time.</param>
    /// <param name="uploads">How many layers are sent at a time.</param>
    public RegistryService(RegistryClient client, ImageStore images, EventHub events, int downloads, int uploads)
    {
        this.client = client;
        this.images = images;
        this.events = events;
        layers = new LayerTransfers(images, downloads);
        pull = new ImagePull(images, layers);
        push = new ImagePush(images, uploads);
    }

    /// <summary>Fetches an image, or all tags of a repository.</summary>
    /// <param name="name">Without tag and digest it stands for all tags.</param>
    /// <param name="platform">Which image of several; null for the host's.</param>
    /// <param name="credential">Shown to the registry of that name and to no other host.</param>
    /// <param name="report">Told what happens, in docker's words; calls do not overlap.</param>
    /// <param name="cancellationToken">Gives it up; a later pull goes on from what was received.</param>
    /// <exception cref="EngineException">NotFound, Unauthorized, Forbidden, Unavailable and others with the registry's words; nothing of the image is visible then.</exception>
    public async Task PullAsync(ImageReference name, Platform? platform, RegistryCredential credential, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        RegistryRepository repository = client.Open(name, credential);
        bool isAll = name is { Tag: null, Digest.IsEmpty: true };
        bool isNew = false;
        foreach (ImageReference one in isAll ? (await repository.ListTagsAsync(cancellationToken)).Select(name.WithTag) : [name])
        {
            report(new TransferMessage($"Pulling from {name.Path}", one.Digest.IsEmpty ? one.Tag : one.Digest.ToString()));
            ImagePull.Outcome outcome = await pull.RunAsync(repository, one, platform, report, cancellationToken);
            report(new TransferMessage($"Digest: {outcome.Digest}"));
            isNew |= outcome.IsNew;
            Tell("pull", outcome.Image, one.Digest.IsEmpty ? one : ImageReference.Parse($"{one.Repository}@{one.Digest}"));
        }

        report(new TransferMessage($"Status: {(isNew ? "Downloaded newer image" : "Image is up to date")} for {name.Familiar}"));
    }

    /// <summary>Sends an image, or all tags of a repository that are here.</summary>
    /// <param name="name">Without tag it stands for all tags.</param>
    /// <param name="platform">What the image has to be for; null for whatever it is for.</param>
    /// <param name="credential">Shown to the registry of that name and to no other host.</param>
    /// <param name="report">Told what happens, in docker's words; calls do not overlap.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="EngineException">NotFound when no image has the name; else with the registry's words.</exception>
    public async Task PushAsync(ImageReference name, Platform? platform, RegistryCredential credential, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        if (!name.Digest.IsEmpty)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "cannot push a digest reference");
        }

        report(new TransferMessage($"The push refers to repository [{name.Repository}]"));
        List<(ImageRecord Image, ImageReference Name)> tags =
        [
            .. images.List().SelectMany(static image => image.References.Select(reference => (Image: image, Name: reference)))
                .Where(one => one.Name.Tag is not null && one.Name.Repository == name.Repository && (name.Tag is null || one.Name.Tag == name.Tag))
                .OrderBy(static one => one.Name.Tag, StringComparer.Ordinal),
        ];
        if (tags.Count == 0)
        {
            throw new EngineException(
                ErrorKind.NotFound, name.Tag is null ? $"An image does not exist locally with the tag: {name.FamiliarRepository}" : $"tag does not exist: {name.Familiar}");
        }

        RegistryRepository repository = client.Open(name, credential);
        HashSet<Digest> known = [];
        foreach ((ImageRecord image, ImageReference one) in tags)
        {
            if (platform is { } wanted && (wanted.Os != image.Config.Os || wanted.Architecture != image.Config.Architecture))
            {
                throw new EngineException(
                    ErrorKind.NotFound,
                    $"image with reference {one.Familiar} was found but does not provide the specified platform ({wanted}), actual: {new Platform(image.Config.Os, image.Config.Architecture, image.Config.Variant)}");
            }

            PushedTag pushed = await push.RunAsync(repository, image, one.Tag!, known, report, cancellationToken); // only tags are pushed
            FailPoint.Reach(FailPoints.PushSent);
            report(new TransferMessage($"{pushed.Tag}: digest: {pushed.Digest} size: {pushed.Size}"));
            report(new TransferMessage("") { Pushed = pushed });
            await images.NameAsync(image, [ImageReference.Parse($"{one.Repository}@{pushed.Digest}")], cancellationToken);
            FailPoint.Reach(FailPoints.PushRecorded);
            Tell("push", image, one);
        }
    }

    /// <summary>Proves credentials to a registry; an identity token to use instead of the password from then on, or nothing.</summary>
    /// <exception cref="EngineException">Unauthorized with the registry's words; Unavailable when it cannot be reached.</exception>
    public Task<string> LoginAsync(string registry, RegistryCredential credential, CancellationToken cancellationToken) => client.LoginAsync(registry, credential, cancellationToken);

    /// <summary>Asks a registry that can be searched for repositories; a term that begins with a registry's domain goes there.</summary>
    public Task<IReadOnlyList<SearchHit>> SearchAsync(string term, int limit, RegistryCredential credential, CancellationToken cancellationToken) =>
        client.SearchAsync(term, limit, credential, cancellationToken);

    /// <summary>What a name leads to in its registry, without fetching layers: the document, and the platforms that it is for.</summary>
    /// <exception cref="EngineException">With the registry's words.</exception>
    public async Task<(Descriptor Document, IReadOnlyList<Platform> Platforms)> InspectAsync(ImageReference name, RegistryCredential credential, CancellationToken cancellationToken)
    {
        RegistryRepository repository = client.Open(name, credential);
        RemoteDocument document = await repository.GetManifestAsync(name.Digest.IsEmpty ? name.Tag! : name.Digest.ToString(), cancellationToken); // one of both is there
        var descriptor = new Descriptor { MediaType = document.MediaType, Digest = document.Digest, Size = document.Content.Length };
        string subject = $"{name.Repository}@{document.Digest}";
        if (ImageDocuments.KindOf(document.Content, document.MediaType, subject) == ImageDocumentKind.Index)
        {
            return (descriptor, [.. ImageDocuments.ReadIndex(document.Content, subject).Manifests.Select(static entry => entry.Platform).OfType<IndexPlatform>().Select(static platform => new Platform(platform.Os ?? "", platform.Architecture ?? "", platform.Variant))]);
        }

        Descriptor config = ImageDocuments.ReadManifest(document.Content, subject).Config;
        ImageConfig image = ImageStore.ReadConfig(await ImagePull.ReadConfigAsync(repository, config, cancellationToken));
        return (descriptor, [new Platform(image.Os, image.Architecture, image.Variant)]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        layers.Dispose();
        push.Dispose();
    }

    private void Tell(string action, ImageRecord image, ImageReference name) =>
        events.Publish("image", action, name.Familiar, new Dictionary<string, string>(image.Config.Config?.Labels ?? [], StringComparer.Ordinal) { ["name"] = name.FamiliarRepository });
}
