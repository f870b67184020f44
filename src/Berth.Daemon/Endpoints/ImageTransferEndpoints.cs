using System.Text.Json;
using System.Threading.Channels;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary>Images in and out of archives: <c>/images/load</c>, <c>/images/get</c>, <c>/images/{name}/get</c>.</summary>
internal sealed class ImageTransferEndpoints(ImageService images)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/images/load", (RequestDelegate)LoadAsync);
        routes.MapGet("/images/get", (RequestDelegate)SaveAsync);
    }

    /// <summary><c>GET /images/{name}/get</c>.</summary>
    public Task SaveAsync(HttpContext context, string name) => WriteAsync(context, [name]);

    private static async Task WriteLineAsync(HttpContext context, JsonMessage message)
    {
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(message, ApiJson.Context.JsonMessage);
        await context.Response.BodyWriter.WriteAsync((byte[])[.. line, (byte)'\r', (byte)'\n'], context.RequestAborted);
    }

    private Task SaveAsync(HttpContext context) =>
        WriteAsync(context, ListOf(context, "names"));

    private static List<string> ListOf(HttpContext context, string parameter) =>
        [.. context.Request.Query[parameter].OfType<string>().SelectMany(static names => names.Split(',')).Where(static name => name.Length > 0)];

    private async Task WriteAsync(HttpContext context, IReadOnlyList<string> names)
    {
        context.Response.ContentType = "application/x-tar";
        await images.SaveAsync(names, ListOf(context, "since"), ImageQuery.GetPlatform(context), context.Response.Body, context.RequestAborted);
    }

    // The status is out before the archive was looked at, as the answer is a stream: what goes wrong is told in it.
    private async Task LoadAsync(HttpContext context)
    {
        Platform? platform = ImageQuery.GetPlatform(context);
        context.Response.ContentType = "application/json";
        try
        {
            foreach (LoadedImage image in await LoadAsync(context, platform))
            {
                IEnumerable<string> lines = image.Names.Count == 0
                    ? [$"Loaded image ID: {image.Image.Id}\n"]
                    : image.Names.Select(static name => $"Loaded image: {name.Familiar}\n");
                foreach (string line in lines)
                {
                    await WriteLineAsync(context, new JsonMessage { Stream = line });
                }
            }
        }
        catch (EngineException exception)
        {
            await WriteLineAsync(context, new JsonMessage { ErrorDetail = new JsonErrorDetail { Message = exception.Message }, Error = exception.Message });
        }
    }

    private async Task<IReadOnlyList<LoadedImage>> LoadAsync(HttpContext context, Platform? platform)
    {
        if (context.GetBoolean("quiet"))
        {
            return await images.LoadAsync(context.Request.Body, platform, null, context.RequestAborted);
        }

        Channel<LayerProgress> progress = Channel.CreateUnbounded<LayerProgress>(new UnboundedChannelOptions { SingleReader = true });
        Task<IReadOnlyList<LoadedImage>> load = images.LoadAsync(context.Request.Body, platform, layer => progress.Writer.TryWrite(layer), context.RequestAborted);
        _ = load.ContinueWith(_ => progress.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await foreach (LayerProgress layer in progress.Reader.ReadAllAsync(context.RequestAborted))
        {
            await WriteLineAsync(context, new JsonMessage { Status = "Loading layer", ProgressDetail = new JsonProgress { Current = layer.Done, Total = layer.Total }, Id = layer.Name });
        }

        return await load;
    }
}
