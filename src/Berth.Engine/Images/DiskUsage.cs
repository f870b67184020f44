using Berth.Engine.Containers;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Engine.Images;

/// <summary>How much space images and containers take, as docker counts it.</summary>
public sealed class DiskUsage
{
    private readonly ContainerServices services;
    private readonly ContainerService containers;
    private readonly ContainerFiles files;

    /// <param name="services">Where layers are.</param>
    /// <param name="containers">Who uses images.</param>
    /// <param name="files">Measures containers.</param>
    public DiskUsage(ContainerServices services, ContainerService containers, ContainerFiles files)
    {
        this.services = services;
        this.containers = containers;
        this.files = files;
    }

    /// <summary>Bytes of all layers of images, each counted once.</summary>
    public long LayersSize => services.Images.ListLayers().Where(static layer => layer.Images > 0).Sum(static layer => layer.Size);

    /// <summary>Bytes of each image's layers that another image has too.</summary>
    public IReadOnlyDictionary<Digest, long> SharedSizes()
    {
        Dictionary<Digest, LayerInfo> layers = services.Images.ListLayers().ToDictionary(static layer => layer.ChainId);
        return services.Images.List().ToDictionary(
            static image => image.Id,
            image => image.ChainIds.Sum(chainId => layers.TryGetValue(chainId, out LayerInfo? layer) && layer.Images > 1 ? layer.Size : 0));
    }

    /// <summary>How many containers were made from each image.</summary>
    public IReadOnlyDictionary<Digest, int> ContainerCounts() =>
        containers.List().GroupBy(static info => info.Record.ImageId).ToDictionary(static group => group.Key, static group => group.Count());

    /// <summary>The sizes of containers; one that is removed meanwhile is left out.</summary>
    public async Task<IReadOnlyDictionary<ContainerId, ContainerSize>> MeasureAsync(IEnumerable<ContainerInfo> infos, CancellationToken cancellationToken)
    {
        var result = new Dictionary<ContainerId, ContainerSize>();
        foreach (ContainerInfo info in infos)
        {
            try
            {
                result[info.Record.Id] = await files.MeasureAsync(info, cancellationToken);
            }
            catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
            {
                // Removed between the list and the look.
            }
        }

        return result;
    }
}
