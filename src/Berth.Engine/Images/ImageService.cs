using Berth.Engine.Containers;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Engine.Images;

/// <summary>The use cases on images.</summary>
public sealed class ImageService
{
    private readonly ImageStore store;
    private readonly ContainerService containers;

    /// <param name="store">Where images are.</param>
    /// <param name="containers">Who uses them.</param>
    public ImageService(ImageStore store, ContainerService containers)
    {
        this.store = store;
        this.containers = containers;
    }

    /// <summary>What clients know the storage of layers as.</summary>
    public string StorageDriver => containers.StorageDriver;

    /// <summary>Every image.</summary>
    public IReadOnlyList<ImageRecord> List() => store.List();

    /// <summary>One image by name, id or the beginning of an id.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public ImageRecord Inspect(string reference) => store.Resolve(reference);

    /// <summary>Makes an image of one layer from a root file system's tar.</summary>
    /// <exception cref="EngineException">InvalidArgument for an archive that is refused; nothing is left of it.</exception>
    public Task<ImageRecord> ImportAsync(Stream tar, ImportOptions options, CancellationToken cancellationToken) =>
        store.ImportAsync(tar, options, cancellationToken);

    /// <summary>Gives an image one more name; a name that another image has moves here.</summary>
    public Task TagAsync(string source, ImageReference target, CancellationToken cancellationToken) =>
        store.TagAsync(store.Resolve(source), target.WithDefaultTag(), cancellationToken);

    /// <summary>Takes a name from an image, and removes the image with its last one.</summary>
    /// <exception cref="EngineException">NotFound; Conflict when containers or other names hold it.</exception>
    public Task<IReadOnlyList<ImageRemoval>> RemoveAsync(string reference, bool force, CancellationToken cancellationToken) =>
        store.RemoveAsync(reference, force, UseOf, cancellationToken);

    private ImageUse UseOf(Digest imageId)
    {
        IReadOnlyList<ContainerInfo> users = containers.UsersOf(imageId);
        return new ImageUse(
            [.. users.Where(static user => user.Record.State.Status == ContainerStatus.Running).Select(static user => user.Record.Id)],
            [.. users.Where(static user => user.Record.State.Status != ContainerStatus.Running).Select(static user => user.Record.Id)]);
    }
}
