using System.Globalization;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Storage.Builds;
using Berth.Storage.Images;

namespace Berth.Engine.Builds;

/// <summary>A build's step that is kept for later ones.</summary>
/// <param name="Step">The step.</param>
/// <param name="IsShared">Whether an image has its layer too, so that nothing is freed without the image.</param>
/// <param name="IsInUse">Whether a build works on it.</param>
public sealed record CachedStep(BuildStep Step, bool IsShared, bool IsInUse)
{
    /// <summary>The folder of a cache of <c>RUN --mount=type=cache</c>, which is told as a step of its own; null for steps.</summary>
    internal string? CacheName { get; init; }

    /// <summary>When it was last of use: made, or taken from here.</summary>
    public DateTimeOffset LastUsed => Step.LastUsed > Step.Created ? Step.LastUsed : Step.Created;
}

/// <summary>What was removed.</summary>
/// <param name="Steps">The steps, those unused for longest first.</param>
/// <param name="ReclaimedBytes">What they alone took.</param>
public sealed record BuildCachePruning(IReadOnlyList<CachedStep> Steps, long ReclaimedBytes);

/// <summary>What builds keep for later ones. Safe for concurrent use.</summary>
/// <param name="services">Where steps are, and who is told.</param>
/// <param name="caches">What steps keep in folders.</param>
public sealed class BuildCache(ContainerServices services, CacheMounts caches)
{
    private const string CacheKind = "exec.cachemount"; // docker's word

    /// <summary>All of it, the newest first.</summary>
    public IReadOnlyList<CachedStep> List()
    {
        HashSet<Digest> shared = [.. services.Images.ListLayers().Where(static layer => layer.Images > 0).Select(static layer => layer.ChainId)];
        return [.. services.Images.ListSteps()
            .Select(step => new CachedStep(step, step.HasLayer && shared.Contains(step.ChainIds[^1]), services.Images.IsInUse(step)))
            .Concat(caches.List().Select(Describe))
            .OrderByDescending(static cached => cached.Step.Created)
            .ThenBy(static cached => cached.Step.Key.Hex, StringComparer.Ordinal)];
    }

    /// <summary>Removes steps that no build works on, those unused for longest first. Images keep their layers.</summary>
    /// <param name="all">Whether also those that images share.</param>
    /// <param name="keepBytes">How much may stay, counting what images do not share; 0 for nothing.</param>
    /// <param name="matches">Which may go.</param>
    /// <param name="cancellationToken">Counts until the removal is recorded.</param>
    public async Task<BuildCachePruning> PruneAsync(bool all, long keepBytes, Func<CachedStep, bool> matches, CancellationToken cancellationToken)
    {
        IReadOnlyList<CachedStep> present = List();
        long left = present.Where(static cached => !cached.IsShared).Sum(static cached => cached.Step.Size);
        List<CachedStep> removed = [];
        foreach (CachedStep cached in present.Where(cached => !cached.IsInUse && (all || !cached.IsShared) && matches(cached)).OrderBy(static cached => cached.LastUsed))
        {
            if (keepBytes > 0 && left <= keepBytes)
            {
                break;
            }

            removed.Add(cached);
            left -= cached.IsShared ? 0 : cached.Step.Size;
        }

        List<Digest> steps = [.. removed.Where(static cached => cached.CacheName is null).Select(static cached => cached.Step.Key)];
        long bytes = steps.Count == 0 ? 0 : await services.Images.RemoveStepsAsync(steps, cancellationToken);
        bytes += removed.Sum(cached => cached.CacheName is { } name ? caches.Remove(name) ?? 0 : 0);
        services.Events.Publish("builder", "prune", "", new Dictionary<string, string> { ["reclaimed"] = bytes.ToString(CultureInfo.InvariantCulture) });
        return new BuildCachePruning(removed, bytes);
    }

    private static CachedStep Describe(CacheMountInfo cache) => new(
        new BuildStep
        {
            Key = Digest.Of(System.Text.Encoding.UTF8.GetBytes(cache.Name)),
            Kind = CacheKind,
            Description = cache.Description,
            Size = cache.Size,
            Created = cache.Created,
            LastUsed = cache.LastUsed,
        },
        IsShared: false, cache.IsInUse)
    {
        CacheName = cache.Name,
    };
}
