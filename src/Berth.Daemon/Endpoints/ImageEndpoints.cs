using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/images</c>. Names hold slashes, so what follows the name is taken off by hand.</summary>
internal sealed class ImageEndpoints(ImageService images)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/images/json", (RequestDelegate)ListAsync);
        routes.MapPost("/images/create", (RequestDelegate)CreateAsync);
        routes.MapGet("/images/{**rest}", (RequestDelegate)GetAsync);
        routes.MapPost("/images/{**rest}", (RequestDelegate)PostAsync);
        routes.MapDelete("/images/{**rest}", (RequestDelegate)RemoveAsync);
    }

    private static string Rest(HttpContext context) => (string?)context.Request.RouteValues["rest"] ?? "";

    private static bool TryTake(HttpContext context, string suffix, out string name)
    {
        string rest = Rest(context);
        name = rest.EndsWith(suffix, StringComparison.Ordinal) ? rest[..^suffix.Length] : "";
        return name.Length > 0;
    }

    private Task ListAsync(HttpContext context)
    {
        // Two parameters are honoured by there being nothing to do: all (no image is another's unnamed step) and digests (they are always told).
        context.RefuseUnbuilt("shared-size", "manifests");
        Dictionary<string, List<string>> filters = context.GetFilters(ImageListFilter.Built, ImageListFilter.Unbuilt);
        ImageListFilter.Check(filters);
        ApiVersion version = context.GetApiVersion();
        List<ImageSummary> answer =
        [
            .. images.List().Where(image => ImageListFilter.Fits(image, filters)).OrderByDescending(static image => image.Config.Created)
                .Select(image => ImageListFilter.Narrow(ImageMapping.ToSummary(image, version), filters)),
        ];
        return JsonBody.WriteAsync(context, answer, ApiJson.Context.ListImageSummary);
    }

    private Task GetAsync(HttpContext context)
    {
        if (!TryTake(context, "/json", out string name))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        context.RefuseUnbuilt("manifests", "platform");
        return JsonBody.WriteAsync(context, ImageMapping.ToInspect(images.Inspect(name), context.GetApiVersion(), images.StorageDriver), ApiJson.Context.ImageInspect);
    }

    private async Task PostAsync(HttpContext context)
    {
        if (!TryTake(context, "/tag", out string name))
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
            throw new EngineException(ErrorKind.NotImplemented, $"pulling images from registries is not supported yet (asked for {context.GetText("fromImage")}); import one instead");
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
        // noprune keeps the unnamed images that a removed one was built on; no image here stands on another, so none is removed with it either way.
        context.RefuseUnbuilt("platforms");
        IReadOnlyList<ImageRemoval> removed = await images.RemoveAsync(Rest(context), context.GetBoolean("force"), context.RequestAborted);
        List<ImageDeleteItem> answer = [.. removed.Select(static step => new ImageDeleteItem { Untagged = step.Untagged, Deleted = step.Deleted })];
        await JsonBody.WriteAsync(context, answer, ApiJson.Context.ListImageDeleteItem);
    }
}
