using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>Containers' files: <c>/containers/{id}/changes</c>, <c>/export</c>, <c>/archive</c>.</summary>
internal sealed class ContainerFileEndpoints(ContainerFiles files)
{
    private const string StatHeader = "X-Docker-Container-Path-Stat";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/containers/{id}/changes", (RequestDelegate)ChangesAsync);
        routes.MapGet("/containers/{id}/export", (RequestDelegate)ExportAsync);
        routes.MapMethods("/containers/{id}/archive", ["HEAD"], (RequestDelegate)StatAsync);
        routes.MapGet("/containers/{id}/archive", (RequestDelegate)ReadAsync);
        routes.MapPut("/containers/{id}/archive", (RequestDelegate)WriteAsync);
    }

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!; // the route has it

    private static string PathOf(HttpContext context) =>
        context.GetText("path") is { Length: > 0 } path ? path : throw new EngineException(ErrorKind.InvalidArgument, "bad parameter: pathcannot be empty");

    private static void AddStatus(HttpContext context, ContainerPath path) =>
        context.Response.Headers[StatHeader] = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(PathMapping.ToStat(path), ApiJson.Context.ContainerPathStat));

    private async Task ChangesAsync(HttpContext context)
    {
        List<ContainerChange>? changes = PathMapping.ToChanges(await files.ListChangesAsync(Id(context), context.RequestAborted));
        if (changes is null)
        {
            context.Response.ContentType = "application/json";
            await context.Response.BodyWriter.WriteAsync("null\n"u8.ToArray(), context.RequestAborted); // as docker says it
            return;
        }

        await JsonBody.WriteAsync(context, changes, ApiJson.Context.ListContainerChange);
    }

    private Task ExportAsync(HttpContext context)
    {
        context.Response.ContentType = "application/octet-stream";
        return files.ExportAsync(Id(context), context.Response.Body, context.RequestAborted);
    }

    private async Task StatAsync(HttpContext context)
    {
        using ContainerPath path = await files.OpenAsync(Id(context), PathOf(context), context.RequestAborted);
        AddStatus(context, path);
    }

    private async Task ReadAsync(HttpContext context)
    {
        using ContainerPath path = await files.OpenAsync(Id(context), PathOf(context), context.RequestAborted);
        AddStatus(context, path);
        context.Response.ContentType = "application/x-tar";
        await path.WriteAsync(context.Response.Body, context.RequestAborted);
    }

    private Task WriteAsync(HttpContext context) =>
        files.ExtractAsync(
            Id(context), PathOf(context), context.Request.Body, context.GetBoolean("noOverwriteDirNonDir"), context.GetBoolean("copyUIDGID"), context.RequestAborted);
}
