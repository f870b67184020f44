using Berth.Engine.Containers;
using Berth.Model;
using Berth.Storage.Check;
using Berth.Storage.Content;
using Berth.Storage.Snapshots;
using Berth.Storage.Usage;

namespace Berth.Engine.Upkeep;

/// <summary>The use cases on the data root as a whole: what it takes, and whether it is what it should be.</summary>
public sealed class StorageUpkeep : ILayerUsers, IDisposable
{
    // A container whose owner is busy for longer counts as one that runs.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private readonly ContainerServices services;
    private readonly ContentStore content;
    private readonly ContainerService containers;
    private readonly StorageCheck check;
    private readonly StorageMeter meter;

    /// <param name="services">What containers need of the world.</param>
    /// <param name="content">The blobs.</param>
    /// <param name="snapshots">The layers; the same as the services have.</param>
    /// <param name="containers">Who uses them.</param>
    public StorageUpkeep(ContainerServices services, ContentStore content, FolderSnapshotter snapshots, ContainerService containers)
    {
        this.services = services;
        this.content = content;
        this.containers = containers;
        check = new StorageCheck(services.Root, services.Journal, content, snapshots, services.Images, this);
        meter = new StorageMeter(services.Root, snapshots);
    }

    /// <summary>The folder that all is in.</summary>
    public string DataRoot => services.Root.Path;

    /// <summary>What the data root takes.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public Task<StorageUsage> MeasureAsync(CancellationToken cancellationToken) => Task.Run(() => meter.Measure(cancellationToken), cancellationToken);

    /// <summary>Checks it, as <see cref="StorageCheck.RunAsync"/> does.</summary>
    /// <exception cref="EngineException">Conflict while another check runs.</exception>
    public Task<StorageCheckSummary> CheckAsync(bool repair, bool quick, Action<StorageFinding> found, Action<StorageCheckProgress> progress, CancellationToken cancellationToken) =>
        check.RunAsync(new StorageCheckOptions(repair, quick), found, progress, cancellationToken);

    /// <summary>Removes what unfinished downloads left, unless one of them is gone on with at this moment.</summary>
    /// <returns>Bytes that came back.</returns>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public long PruneDownloads() => Remove(() => PartialDownloads.RemoveUnused(services.Root, content));

    /// <summary>The same of those alone that nobody has gone on with for a week.</summary>
    /// <inheritdoc cref="PruneDownloads"/>
    public long RemoveOldDownloads(DateTimeOffset now) => Remove(() => PartialDownloads.RemoveOld(services.Root, content, now));

    private static long Remove(Func<long> remove)
    {
        try
        {
            return remove();
        }
        catch (IOException e)
        {
            throw new EngineException(ErrorKind.Internal, $"unfinished downloads cannot be removed: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    IReadOnlyList<CheckedContainer> ILayerUsers.List() =>
        [.. containers.List().Select(static info => new CheckedContainer(info.Record.Id, info.Record.Name, info.Record.ImageId, info.Record.ChainIds))];

    /// <inheritdoc/>
    async Task<IDisposable?> ILayerUsers.TryHoldAsync(Digest chainId, CancellationToken cancellationToken)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limited.CancelAfter(LongestWait);
        Holds holds = new();
        try
        {
            foreach (ContainerInfo info in containers.List().Where(info => info.Record.ChainIds.Contains(chainId)))
            {
                if (!await TryHoldAsync(info.Record.Id, holds, limited.Token))
                {
                    holds.Dispose();
                    return null;
                }
            }

            return holds;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            holds.Dispose();
            return null;
        }
        catch
        {
            holds.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => check.Dispose();

    private async Task<bool> TryHoldAsync(ContainerId id, Holds holds, CancellationToken cancellationToken)
    {
        try
        {
            Container container = containers.Find(id.ToString());
            holds.Add(await container.UseFilesAsync(isClients: false, cancellationToken));
            return !container.HasProcess && !container.Record.State.IsAlive;
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            return true; // removed meanwhile
        }
    }

    private sealed class Holds : IDisposable
    {
        private readonly List<IDisposable> uses = [];

        public void Add(IDisposable use) => uses.Add(use);

        public void Dispose() => uses.ForEach(static use => use.Dispose());
    }
}
