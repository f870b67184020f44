using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>POST /commit</c>.</summary>
internal sealed class CommitEndpoints(ContainerCommit commit)
{
    public void Map(IEndpointRouteBuilder routes) => routes.MapPost("/commit", (RequestDelegate)CommitAsync);

    private async Task CommitAsync(HttpContext context)
    {
        string container = context.GetText("container") is { Length: > 0 } name ? name : throw new EngineException(ErrorKind.InvalidArgument, "invalid name or ID supplied: \"\"");
        JsonElement? body = await JsonBody.TryReadElementAsync(context);
        ImageRecord image = await commit.RunAsync(
            new CommitRequest
            {
                Container = container,
                Reference = ImportMapping.ParseReference(context),
                Comment = context.GetText("comment") ?? "",
                Author = context.GetText("author") ?? "",
                Pause = context.GetBoolean("pause", fallback: true),
                Config = body is { } config && config.EnumerateObject().Any() ? CommitMapping.Map(JsonBody.Convert(config, ApiJson.Context.ContainerConfig)) : null,
                Changes = [.. context.Request.Query["changes"].OfType<string>()],
            },
            context.RequestAborted);
        await JsonBody.WriteAsync(context, new IdResponse { Id = image.Id.ToString() }, ApiJson.Context.IdResponse, StatusCodes.Status201Created);
    }
}
