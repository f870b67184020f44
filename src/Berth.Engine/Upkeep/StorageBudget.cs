using System.Globalization;
using Berth.Engine.Containers;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Usage;

namespace Berth.Engine.Upkeep;

/// <summary>An image that goes, or would.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Names">Its names.</param>
/// <param name="LastUsed">When it was last used; null when nobody knows.</param>
public sealed record EvictedImage(Digest Id, IReadOnlyList<string> Names, DateTimeOffset? LastUsed);

/// <summary>What an eviction did, or would do.</summary>
/// <param name="Limit">Bytes that the data root may take.</param>
/// <param name="Used">Bytes that it took before, without what is being deleted.</param>
/// <param name="Left">Bytes that it takes now; of a dry run, about.</param>
/// <param name="Images">What went, or would go, in that order.</param>
public sealed record Eviction(long Limit, long Used, long Left, IReadOnlyList<EvictedImage> Images)
{
    /// <summary>Whether the budget is kept.</summary>
    public bool IsKept => Left <= Limit;
}

/// <summary>
/// Keeps the data root below a limit by removing images: the least recently used first, as if somebody had removed them. What a container was made from, what is pinned and, unless somebody asks for it, what was used in the last
/// minute stays. Nothing else is touched: neither containers nor their logs.
/// </summary>
public sealed class StorageBudget : IAsyncDisposable
{
    private static readonly TimeSpan Youngest = TimeSpan.FromMinutes(1);
    private readonly ContainerServices services;
    private readonly ContainerService containers;
    private readonly ImageService images;
    private readonly StorageUpkeep upkeep;
    private readonly BudgetLimit? limit;
    private readonly SemaphoreSlim alone = new(1);
    private readonly CancellationTokenSource stopping = new();
    private Task last = Task.CompletedTask;
    private int waiting;

    /// <param name="services">What all need.</param>
    /// <param name="containers">Who uses images.</param>
    /// <param name="images">Removes them.</param>
    /// <param name="upkeep">Measures.</param>
    /// <param name="limit">Null for no limit.</param>
    public StorageBudget(ContainerServices services, ContainerService containers, ImageService images, StorageUpkeep upkeep, BudgetLimit? limit)
    {
        this.services = services;
        this.containers = containers;
        this.images = images;
        this.upkeep = upkeep;
        this.limit = limit;
        Pins = new ImagePins(services);
        Uses = new ImageUses(services, containers) { ImageCame = Wake };
        Uses.Begin();
    }

    /// <summary>What never goes.</summary>
    public ImagePins Pins { get; }

    /// <summary>When images were used.</summary>
    public ImageUses Uses { get; }

    /// <summary>Removes images until the limit is kept or nothing more can go.</summary>
    /// <param name="target">Another limit than the daemon's; null for that.</param>
    /// <param name="isDry">Whether it is only told what would go.</param>
    /// <param name="cancellationToken">Counts between two images.</param>
    /// <exception cref="EngineException">Conflict when there is no limit.</exception>
    public async Task<Eviction> EvictAsync(BudgetLimit? target, bool isDry, CancellationToken cancellationToken)
    {
        BudgetLimit wanted = target ?? limit ?? throw new EngineException(ErrorKind.Conflict, "no storage budget is set: say how much is to be left (--to SIZE), or start the daemon with --storage-budget");
        await alone.WaitAsync(cancellationToken);
        try
        {
            long bytes = wanted.Of(upkeep.DataRoot);
            long used = await MeasureAsync(cancellationToken);
            return isDry ? Plan(bytes, used) : await RunAsync(bytes, used, isAsked: true, cancellationToken);
        }
        finally
        {
            alone.Release();
        }
    }

    // Of itself, the daemon leaves those alone that somebody may be about to use.
    private async Task<Eviction> KeepAsync(BudgetLimit wanted, CancellationToken cancellationToken)
    {
        await alone.WaitAsync(cancellationToken);
        try
        {
            return await RunAsync(wanted.Of(upkeep.DataRoot), await MeasureAsync(cancellationToken), isAsked: false, cancellationToken);
        }
        finally
        {
            alone.Release();
        }
    }

    /// <summary>To be called before an image is let in: makes room if there is none.</summary>
    /// <exception cref="EngineException">Unavailable when the limit is exceeded and nothing can go.</exception>
    public async Task MakeRoomAsync(CancellationToken cancellationToken)
    {
        if (limit is null)
        {
            return;
        }

        Eviction done = await KeepAsync(limit, cancellationToken);
        if (!done.IsKept)
        {
            throw new EngineException(
                ErrorKind.Unavailable,
                string.Create(CultureInfo.InvariantCulture, $"no room for further images: the data root takes {done.Left} bytes, the storage budget is {done.Limit}, and every image left is in use, pinned or new; remove containers or images, unpin some, or raise --storage-budget (\"berth system df --disk\" tells what takes the space)"));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Uses.DisposeAsync();
        await last;
        stopping.Dispose();
        alone.Dispose();
    }

    private async Task<long> MeasureAsync(CancellationToken cancellationToken)
    {
        StorageUsage usage = await upkeep.MeasureAsync(cancellationToken);
        return usage.Total - usage.Trash;
    }

    // The ones that may go, the least recently used first; one that others were made from only after those.
    private List<ImageRecord> Candidates(bool withYoung)
    {
        HashSet<Digest> used = [.. containers.List().Select(static info => info.Record.ImageId)];
        DateTimeOffset now = services.Clock.GetUtcNow();
        return
        [
            .. images.List().Where(image => !used.Contains(image.Id) && !Pins.IsPinned(image) && (withYoung || now - Uses.LastUse(image) > Youngest))
                .OrderBy(Uses.LastUse).ThenBy(static image => image.Id.Hex, StringComparer.Ordinal),
        ];
    }

    private EvictedImage Describe(ImageRecord image) =>
        new(image.Id, [.. image.References.Select(static name => name.Familiar)], Uses.LastUse(image) is var time && time > DateTimeOffset.MinValue ? time : null);

    private async Task<Eviction> RunAsync(long bytes, long used, bool isAsked, CancellationToken cancellationToken)
    {
        long left = used;
        List<EvictedImage> gone = [];
        HashSet<Digest> tried = [];
        if (left > bytes && services.Images.ListSteps() is { Count: > 0 } steps)
        {
            // What builds keep can be made again, and keeps layers of images that go.
            await services.Images.RemoveStepsAsync([.. steps.Select(static step => step.Key)], cancellationToken);
            left = await MeasureAsync(cancellationToken);
        }

        while (left > bytes && Candidates(isAsked).Find(image => !images.HasChildren(image) && tried.Add(image.Id)) is { } next)
        {
            cancellationToken.ThrowIfCancellationRequested();
            EvictedImage described = Describe(next);
            if (await TryRemoveAsync(next, cancellationToken))
            {
                gone.Add(described);
            }

            left = await MeasureAsync(cancellationToken);
        }

        return new Eviction(bytes, used, left, gone);
    }

    private async Task<bool> TryRemoveAsync(ImageRecord image, CancellationToken cancellationToken)
    {
        foreach (string name in image.References.Count == 0 ? [image.Id.ToString()] : image.References.Select(static name => name.ToString()))
        {
            try
            {
                await images.RemoveAsync(name, force: false, prune: true, cancellationToken);
            }
            catch (EngineException e) when (e.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                // Used meanwhile; or gone with a name before it, as digests go with the last tag of their repository.
            }
        }

        return !images.List().Any(other => other.Id == image.Id);
    }

    private Eviction Plan(long bytes, long used)
    {
        Dictionary<Digest, LayerInfo> layers = services.Images.ListLayers().ToDictionary(static layer => layer.ChainId);
        List<ImageRecord> staying = [.. images.List()];
        List<EvictedImage> going = [];
        long left = used;
        List<ImageRecord> candidates = Candidates(withYoung: true);
        while (left > bytes && candidates.Find(candidate => !staying.Exists(other => other.Parent == candidate.Id)) is { } image)
        {
            candidates.Remove(image);
            staying.Remove(image);
            going.Add(Describe(image));
            HashSet<Digest> kept = [.. staying.SelectMany(static other => other.ChainIds), .. containers.List().SelectMany(static info => info.Record.ChainIds)];
            left -= image.ChainIds.Where(chainId => !kept.Contains(chainId)).Sum(chainId => layers.TryGetValue(chainId, out LayerInfo? layer) ? layer.Size : 0);
            left -= services.Images.DescribeContent(image with { LayerBlobs = [.. image.LayerBlobs.Where(blob => !staying.Exists(other => other.LayerBlobs.Contains(blob)))] }).Bytes;
        }

        return new Eviction(bytes, used, left, going);
    }

    // After an image came; several that come meanwhile are looked at once.
    private void Wake()
    {
        if (limit is not null && Interlocked.Exchange(ref waiting, 1) == 0)
        {
            last = Task.WhenAll(last, Task.Run(EvictInBackgroundAsync));
        }
    }

    private async Task EvictInBackgroundAsync()
    {
        Interlocked.Exchange(ref waiting, 0);
        try
        {
            Eviction done = await KeepAsync(limit!, stopping.Token); // only called with one
            foreach (EvictedImage image in done.Images)
            {
                EngineLog.ImageEvicted(services.Logger, image.Names.Count > 0 ? string.Join(", ", image.Names) : image.Id.ToString());
            }

            if (!done.IsKept)
            {
                EngineLog.BudgetExceeded(services.Logger, done.Left, done.Limit);
            }
        }
        catch (Exception e) when (e is EngineException or OperationCanceledException)
        {
            if (!stopping.IsCancellationRequested)
            {
                EngineLog.LeftoverStays(services.Logger, e, "images beyond the storage budget");
            }
        }
    }
}
