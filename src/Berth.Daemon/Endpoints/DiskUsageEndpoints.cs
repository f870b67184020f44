using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Builds;
using Berth.Engine.Containers;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>GET /system/df</c>.</summary>
internal sealed class DiskUsageEndpoints(ContainerService containers, ImageService images, DiskUsage usage, BuildCache cache)
{
    private static readonly string[] Types = ["container", "image", "volume", "build-cache"];

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/system/df", (RequestDelegate)ReadAsync);

    private async Task ReadAsync(HttpContext context)
    {
        ApiVersion version = context.GetApiVersion();
        List<string> asked = version.IsAtLeast(1, 42) ? [.. context.Request.Query["type"].OfType<string>()] : [];
        foreach (string type in asked)
        {
            if (!Types.Contains(type))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"unknown object type: {type}");
            }
        }

        bool Wants(string type) => asked.Count == 0 || asked.Contains(type);
        IReadOnlyList<CachedStep> cached = Wants("build-cache") ? cache.List() : [];
        await JsonBody.WriteAsync(
            context,
            new DiskUsageResponse
            {
                LayersSize = Wants("image") ? usage.LayersSize : 0,
                Images = Wants("image") ? ListImages(version) : null,
                Containers = Wants("container") ? await ListContainersAsync(context) : null,
                Volumes = Wants("volume") ? [] : null,
                BuildCache = Wants("build-cache") ? [.. cached.Select(BuildCacheMapping.ToRecord)] : null,
                BuilderSize = version.IsAtLeast(1, 42) ? null : cached.Where(static item => !item.IsShared).Sum(static item => item.Step.Size),
            },
            ApiJson.Context.DiskUsageResponse);
    }

    private List<ImageSummary> ListImages(ApiVersion version)
    {
        IReadOnlyDictionary<Digest, long> shared = usage.SharedSizes();
        IReadOnlyDictionary<Digest, int> counts = usage.ContainerCounts();
        List<ImageSummary> result = [];
        foreach (ImageRecord image in images.List().Where(image => image.References.Count > 0 || !images.HasChildren(image)).OrderByDescending(static image => image.Config.Created))
        {
            ImageSummary summary = ImageMapping.ToSummary(image, version);
            summary.Containers = counts.GetValueOrDefault(image.Id);
            summary.SharedSize = shared.GetValueOrDefault(image.Id);
            result.Add(summary);
        }

        return result;
    }

    private async Task<List<ContainerSummary>> ListContainersAsync(HttpContext context)
    {
        IReadOnlyList<ContainerInfo> all = containers.List();
        IReadOnlyDictionary<ContainerId, ContainerSize> sizes = await usage.MeasureAsync(all, context.RequestAborted);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        List<ContainerSummary> result = [];
        foreach (ContainerInfo info in all)
        {
            if (sizes.TryGetValue(info.Record.Id, out ContainerSize size))
            {
                ContainerSummary summary = ContainerMapping.ToSummary(info, images.NameFor(info), now);
                (summary.SizeRw, summary.SizeRootFs) = (size.Writable, size.Whole);
                result.Add(summary);
            }
        }

        return result;
    }
}
