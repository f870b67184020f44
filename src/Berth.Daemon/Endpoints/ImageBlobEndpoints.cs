using System.Globalization;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/berth/images/manifest</c>, <c>/blob</c> and <c>/missing</c>, which docker's API does not have: parts of images, for copies that move only what is missing.</summary>
internal sealed class ImageBlobEndpoints(ImageBlobs blobs)
{
    private const int BlockSize = 256 << 10;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/berth/images/manifest", (RequestDelegate)ReadManifestAsync);
        routes.MapGet("/berth/images/blob", (RequestDelegate)ReadBlobAsync);
        routes.MapPost("/berth/images/missing", (RequestDelegate)FindMissingAsync);
    }

    private static string Required(HttpContext context, string name, string what) =>
        context.GetText(name) is { Length: > 0 } value ? value : throw new EngineException(ErrorKind.InvalidArgument, $"the parameter {name} is missing: {what}");

    private static long Offset(HttpContext context) => context.GetText("offset") switch
    {
        null or "" => 0,
        var text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid offset \"{PrintableText.Of(text)}\": wanted a number of bytes"),
    };

    private async Task ReadManifestAsync(HttpContext context)
    {
        (ImageRecord image, string mediaType, byte[] content) = await blobs.ReadManifestAsync(Required(context, "name", "the name or id of an image"), context.RequestAborted);
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = content.Length;
        context.Response.Headers["Docker-Content-Digest"] = image.Manifest.ToString();
        await context.Response.Body.WriteAsync(content, context.RequestAborted);
    }

    private async Task ReadBlobAsync(HttpContext context)
    {
        string text = Required(context, "digest", "the digest of a blob of the image");
        if (!Digest.TryParse(text, out Digest digest))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"\"{PrintableText.Of(text)}\" is no digest");
        }

        await using HeldBlob blob = await blobs.OpenAsync(Required(context, "name", "the name or id of an image"), digest, Offset(context), context.RequestAborted);
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = blob.Length;
        await blob.Content.CopyToAsync(context.Response.Body, BlockSize, context.RequestAborted);
    }

    private async Task FindMissingAsync(HttpContext context)
    {
        ImageBlobList asked = await JsonBody.ReadAsync(context, StorageJson.Context.ImageBlobList);
        await JsonBody.WriteAsync(context, new ImageBlobList { Blobs = [.. blobs.FindMissing(asked.Blobs).Select(static digest => digest.ToString())] }, StorageJson.Context.ImageBlobList);
    }
}
