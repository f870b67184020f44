using System.Globalization;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Engine.Images;

/// <summary>The use cases on images. What happens is told as docker tells it.</summary>
public sealed class ImageService
{
    private readonly ContainerServices services;
    private readonly ContainerService containers;

    /// <param name="services">What images need of the world.</param>
    /// <param name="containers">Who uses them.</param>
    public ImageService(ContainerServices services, ContainerService containers)
    {
        this.services = services;
        this.containers = containers;
    }

    /// <summary>What clients know the storage of layers as.</summary>
    public string StorageDriver => containers.StorageDriver;

    private ImageStore Store => services.Images;

    /// <summary>Every image.</summary>
    public IReadOnlyList<ImageRecord> List() => Store.List();

    /// <summary>One image by name, id or the beginning of an id.</summary>
    /// <param name="reference">The image.</param>
    /// <param name="platform">What it has to be for; null for whatever it is for.</param>
    /// <exception cref="EngineException">NotFound.</exception>
    public ImageRecord Inspect(string reference, Platform? platform = null)
    {
        ImageRecord image = Store.Resolve(reference);
        RequirePlatform(reference, image, platform);
        return image;
    }

    /// <summary>How lists call a container's image: the name it was made with while that still means the same image, and the id after that.</summary>
    public string NameFor(ContainerInfo info)
    {
        try
        {
            return Store.Resolve(info.Record.Config.Image).Id == info.Record.ImageId ? info.Record.Config.Image : info.Record.ImageId.ToString();
        }
        catch (EngineException)
        {
            return info.Record.ImageId.ToString();
        }
    }

    /// <summary>Whether another image was made from this one, on this host.</summary>
    public bool HasChildren(ImageRecord image) => Store.ChildrenOf(image.Id).Count > 0;

    /// <summary>The image's manifest with what it takes, and the containers that were made from the image.</summary>
    public (ManifestContent Content, IReadOnlyList<ContainerId> Containers) DescribeManifest(ImageRecord image) =>
        (Store.DescribeContent(image), [.. containers.UsersOf(image.Id).Select(static user => user.Record.Id)]);

    /// <summary>Where the layers lie, as docker's GraphDriver tells it; empty where the driver has nothing to tell.</summary>
    public IReadOnlyDictionary<string, string> DescribeStorage(ImageRecord image) =>
        services.Snapshots is ISnapshotContent content ? content.Describe(image.ChainIds) : new Dictionary<string, string>();

    /// <summary>The same of a container.</summary>
    public IReadOnlyDictionary<string, string> DescribeStorage(ContainerRecord container) =>
        services.Snapshots is ISnapshotContent content ? content.Describe(container.Id, container.ChainIds) : new Dictionary<string, string>();

    /// <summary>How the image came to be, the last step first.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public IReadOnlyList<ImageHistoryStep> HistoryOf(string reference, Platform? platform) => Store.HistoryOf(Inspect(reference, platform));

    /// <summary>Makes an image of one layer from a root file system's tar.</summary>
    /// <exception cref="EngineException">InvalidArgument for an archive that is refused; nothing is left of it.</exception>
    public async Task<ImageRecord> ImportAsync(Stream tar, ImportOptions options, CancellationToken cancellationToken)
    {
        ImageRecord image = await Store.ImportAsync(tar, options, cancellationToken);
        if (options.Reference is { } name)
        {
            Tell("tag", image, name.WithDefaultTag().Familiar);
        }

        Tell("import", image);
        return image;
    }

    /// <summary>Takes images in from an archive of docker's <c>save</c> or an OCI layout.</summary>
    /// <param name="archive">Read to its end.</param>
    /// <param name="platform">Which image of an index is meant; null for the host's.</param>
    /// <param name="report">Is told, on another thread, how much of each new layer is read; null for nobody.</param>
    /// <param name="cancellationToken">Ends it; nothing half-done is left.</param>
    /// <exception cref="EngineException">InvalidArgument for what is malformed or refused; Internal when the disk refuses.</exception>
    public async Task<IReadOnlyList<LoadedImage>> LoadAsync(Stream archive, Platform? platform, Action<LayerProgress>? report, CancellationToken cancellationToken)
    {
        IReadOnlyList<LoadedImage> loaded = await Store.LoadAsync(archive, platform, report, cancellationToken);
        foreach (LoadedImage image in loaded)
        {
            Tell("load", image.Image);
        }

        return loaded;
    }

    /// <summary>Writes images as an archive.</summary>
    /// <exception cref="EngineException">NotFound before anything is written.</exception>
    public Task SaveAsync(IReadOnlyList<string> names, Platform? platform, Stream output, CancellationToken cancellationToken) => SaveAsync(names, [], platform, output, cancellationToken);

    /// <summary>The same without the layers that the images <paramref name="since"/> have.</summary>
    /// <exception cref="EngineException">NotFound, also for those, before anything is written.</exception>
    public async Task SaveAsync(IReadOnlyList<string> names, IReadOnlyList<string> since, Platform? platform, Stream output, CancellationToken cancellationToken)
    {
        _ = since.SelectMany(Select).ToList();
        List<ImageRecord> images = [.. names.SelectMany(Select).Select(static selected => selected.Image).DistinctBy(static image => image.Id)];
        foreach (ImageRecord image in images)
        {
            RequirePlatform(image.Id.ToString(), image, platform);
        }

        await Store.SaveAsync(names, since, output, cancellationToken);
        images.ForEach(image => Tell("save", image));
    }

    /// <summary>Gives an image one more name; a name that another image has moves here.</summary>
    public async Task TagAsync(string source, ImageReference target, CancellationToken cancellationToken)
    {
        ImageRecord image = Store.Resolve(source);
        ImageReference name = target.WithDefaultTag();
        await Store.TagAsync(image, name, cancellationToken);
        Tell("tag", image, name.Familiar);
    }

    /// <summary>Takes a name from an image, and removes the image with its last one.</summary>
    /// <param name="reference">The image.</param>
    /// <param name="force">Whether other names and stopped containers are no hindrance.</param>
    /// <param name="prune">Whether unnamed images that it was made from go too.</param>
    /// <param name="cancellationToken">Counts until the removal is recorded.</param>
    /// <exception cref="EngineException">NotFound; Conflict when containers or other names hold it.</exception>
    public async Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string reference, bool force, bool prune, CancellationToken cancellationToken)
    {
        Dictionary<Digest, ImageRecord> before = Snapshot();
        IReadOnlyList<ImageRemoval> removals = await Store.RemoveAsync(reference, force, prune, UseOf, cancellationToken);
        Tell(removals, before);
        return removals;
    }

    /// <summary>Removes images that no container uses: unnamed ones, or all.</summary>
    /// <param name="all">Whether names do not protect an image.</param>
    /// <param name="matches">Which images may go.</param>
    /// <param name="cancellationToken">Counts between two images.</param>
    public async Task<ImagePruning> PruneAsync(bool all, Func<ImageRecord, bool> matches, CancellationToken cancellationToken)
    {
        Dictionary<Digest, ImageRecord> before = Snapshot();
        ImagePruning pruning = await Store.PruneAsync(all, matches, UseOf, cancellationToken);
        Tell(pruning.Removals, before);
        services.Events.Publish(
            "image", "prune", "", new Dictionary<string, string> { ["reclaimed"] = pruning.ReclaimedBytes.ToString(CultureInfo.InvariantCulture) });
        return pruning;
    }

    /// <summary>Tells of an image that got a name.</summary>
    internal void TellTag(ImageRecord image, ImageReference name) => Tell("tag", image, name.WithDefaultTag().Familiar);

    private static void RequirePlatform(string reference, ImageRecord image, Platform? platform)
    {
        if (platform is { } wanted && (wanted.Os != image.Config.Os || wanted.Architecture != image.Config.Architecture || (wanted.Variant is { } variant && variant != image.Config.Variant)))
        {
            Platform actual = new(image.Config.Os, image.Config.Architecture, image.Config.Variant);
            throw new EngineException(
                ErrorKind.NotFound, $"image with reference {reference} was found but does not provide the specified platform ({wanted}), actual: {actual}");
        }
    }

    // In a save, docker says the name as it was given, without a tag of its own.
    private IReadOnlyList<(ImageRecord Image, IReadOnlyList<ImageReference> Names)> Select(string name)
    {
        try
        {
            return Store.Select(name);
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            throw new EngineException(ErrorKind.NotFound, $"No such image: {name}", exception);
        }
    }

    private Dictionary<Digest, ImageRecord> Snapshot() => Store.List().ToDictionary(static image => image.Id);

    private ImageUse UseOf(Digest imageId)
    {
        IReadOnlyList<ContainerInfo> users = containers.UsersOf(imageId);
        return new ImageUse(
            [.. users.Where(static user => user.Record.State.IsAlive).Select(static user => user.Record.Id)],
            [.. users.Where(static user => !user.Record.State.IsAlive).Select(static user => user.Record.Id)]);
    }

    // The image that loses a name is told with its labels; one that is gone has none any more.
    private void Tell(IReadOnlyList<ImageRemoval> removals, Dictionary<Digest, ImageRecord> before)
    {
        foreach (ImageRemoval removal in removals)
        {
            if (removal.Untagged is { } name)
            {
                if (before.Values.FirstOrDefault(image => image.References.Any(reference => reference.Familiar == name)) is { } image)
                {
                    Tell("untag", image);
                }
            }
            else if (removal.Deleted is { } deleted && before.ContainsKey(Digest.Parse(deleted)))
            {
                services.Events.Publish("image", "delete", deleted, new Dictionary<string, string> { ["name"] = deleted });
            }
        }
    }

    private void Tell(string action, ImageRecord image, string? name = null) =>
        services.Events.Publish(
            "image",
            action,
            image.Id.ToString(),
            new Dictionary<string, string>(image.Config.Config?.Labels ?? [], StringComparer.Ordinal) { ["name"] = name ?? image.Id.ToString() });
}
