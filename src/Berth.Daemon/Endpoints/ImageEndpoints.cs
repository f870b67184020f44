using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Images;
using Berth.Engine.Upkeep;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/images</c>.</summary>
internal sealed class ImageEndpoints(ImageService images, DiskUsage usage, RegistryEndpoints registries, StorageUpkeep upkeep)
{
    private readonly ImageTransferEndpoints transfers = new(images);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/images/json", (RequestDelegate)ListAsync);
        routes.MapPost("/images/create", (RequestDelegate)CreateAsync);
        routes.MapPost("/images/prune", (RequestDelegate)PruneAsync);
        transfers.Map(routes);
        routes.MapGet("/images/{**rest}", (RequestDelegate)GetAsync);
        routes.MapPost("/images/{**rest}", (RequestDelegate)PostAsync);
        routes.MapDelete("/images/{**rest}", (RequestDelegate)RemoveAsync);
    }

    private Task ListAsync(HttpContext context)
    {
        // digests needs nothing to be done: they are always told.
        Dictionary<string, List<string>> filters = context.GetFilters(ImageListFilter.Built);
        var filter = new ImageListFilter(filters, name => images.Inspect(name), DateTimeOffset.UtcNow);
        ApiVersion version = context.GetApiVersion();
        bool showsAll = context.GetBoolean("all");
        bool withManifests = version.IsAtLeast(1, 47) && context.GetBoolean("manifests");
        IReadOnlyDictionary<Digest, long>? shared = context.GetBoolean("shared-size") ? usage.SharedSizes() : null;
        List<ImageSummary> answer = [];
        foreach (ImageRecord image in images.List().Where(filter.Fits).OrderByDescending(static image => image.Config.Created))
        {
            if (image.References.Count > 0 || showsAll || !images.HasChildren(image))
            {
                ImageSummary summary = filter.Narrow(ImageMapping.ToSummary(image, version));
                summary.SharedSize = shared is null ? -1 : shared.GetValueOrDefault(image.Id);
                if (withManifests)
                {
                    AddManifest(summary, image);
                }

                answer.Add(summary);
            }
        }

        return JsonBody.WriteAsync(context, answer, ApiJson.Context.ListImageSummary);
    }

    // Every image here is for one platform, and has one manifest.
    private void AddManifest(ImageSummary summary, ImageRecord image)
    {
        ImageManifestSummary manifest = DescribeManifest(image);
        summary.Manifests = [manifest];
        summary.Size = manifest.Size.Total;
        summary.Containers = manifest.ImageData!.Containers.Count; // of an image
    }

    private ImageManifestSummary DescribeManifest(ImageRecord image)
    {
        (ManifestContent content, IReadOnlyList<ContainerId> containers) = images.DescribeManifest(image);
        return ImageMapping.ToManifest(image, content, containers);
    }

    private Task GetAsync(HttpContext context)
    {
        if (ImageQuery.TryTake(context, "/json", out string name))
        {
            ApiVersion version = context.GetApiVersion();
            bool wantsManifests = version.IsAtLeast(1, 48) && context.GetBoolean("manifests");
            Platform? platform = ImageQuery.GetPlatform(context);
            if (wantsManifests && platform is not null)
            {
                throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: manifests and platform options cannot both be set");
            }

            ImageRecord image = images.Inspect(name, platform);
            ImageInspect answer = ImageMapping.ToInspect(image, version, images.StorageDriver, images.DescribeStorage(image));
            answer.Manifests = wantsManifests ? [DescribeManifest(image)] : null;
            return answer is LegacyImageInspect legacy
                ? JsonBody.WriteAsync(context, legacy, ApiJson.Context.LegacyImageInspect)
                : JsonBody.WriteAsync(context, answer, ApiJson.Context.ImageInspect);
        }

        if (ImageQuery.TryTake(context, "/history", out name))
        {
            List<ImageHistoryItem> answer = [.. images.HistoryOf(name, ImageQuery.GetPlatform(context)).Select(ImageMapping.ToHistory)];
            return JsonBody.WriteAsync(context, answer, ApiJson.Context.ListImageHistoryItem);
        }

        if (ImageQuery.TryTake(context, "/get", out name))
        {
            return transfers.SaveAsync(context, name);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private async Task PruneAsync(HttpContext context)
    {
        Dictionary<string, List<string>> filters = context.GetFilters(ImageListFilter.Prune);
        bool all = filters.Remove("dangling", out List<string>? dangling) && !ImageQuery.ReadBoolean("dangling", dangling);
        var filter = new ImageListFilter(filters, name => images.Inspect(name), DateTimeOffset.UtcNow);
        ImagePruning pruning = await images.PruneAsync(all, filter.Fits, context.RequestAborted);

        // Without conditions on images, what never became one goes as well.
        long unfinished = filters.Count == 0 ? upkeep.PruneDownloads() : 0;
        List<ImageDeleteItem> removed = [.. pruning.Removals.Select(ImageMapping.ToDeleteItem)];
        await JsonBody.WriteAsync(
            context, new ImagesPruneResponse { ImagesDeleted = removed.Count == 0 ? null : removed, SpaceReclaimed = pruning.ReclaimedBytes + unfinished }, ApiJson.Context.ImagesPruneResponse);
    }

    private async Task PostAsync(HttpContext context)
    {
        if (ImageQuery.TryTake(context, "/push", out string name))
        {
            await registries.PushAsync(context, name);
            return;
        }

        if (!ImageQuery.TryTake(context, "/tag", out name))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        ImageReference target = ImageReference.Parse(context.GetText("repo") ?? "");
        string? tag = context.GetText("tag");
        await images.TagAsync(name, string.IsNullOrEmpty(tag) ? target : target.WithTag(tag), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status201Created;
    }

    private async Task CreateAsync(HttpContext context)
    {
        string? source = context.GetText("fromSrc");
        if (string.IsNullOrEmpty(source))
        {
            await registries.PullAsync(context);
            return;
        }

        if (source != "-")
        {
            throw new EngineException(ErrorKind.NotImplemented, $"fromSrc \"{source}\" is not supported yet; send the archive itself with fromSrc=-");
        }

        ImportOptions options = ImportMapping.Map(context);
        ImageRecord image = await images.ImportAsync(context.Request.Body, options, context.RequestAborted);
        context.Response.ContentType = "application/json";
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(new JsonMessage { Status = image.Id.ToString() }, ApiJson.Context.JsonMessage);
        await context.Response.BodyWriter.WriteAsync((byte[])[.. line, (byte)'\r', (byte)'\n'], context.RequestAborted);
    }

    private async Task RemoveAsync(HttpContext context)
    {
        context.RefuseUnbuilt("platforms");
        IReadOnlyList<ImageRemoval> removed = await images.RemoveAsync(
            ImageQuery.Rest(context), context.GetBoolean("force"), prune: !context.GetBoolean("noprune"), context.RequestAborted);
        List<ImageDeleteItem> answer = [.. removed.Select(ImageMapping.ToDeleteItem)];
        await JsonBody.WriteAsync(context, answer, ApiJson.Context.ListImageDeleteItem);
    }
}
