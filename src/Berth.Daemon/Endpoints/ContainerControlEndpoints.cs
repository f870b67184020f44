using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Top;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>What is done to a container that exists.</summary>
internal sealed class ContainerControlEndpoints(ContainerService containers)
{
    // As docker's engine does: clients that send {} or null mean nothing by it.
    private const int ShortestObject = 7;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/containers/{id}/start", (RequestDelegate)StartAsync);
        routes.MapPost("/containers/{id}/stop", (RequestDelegate)StopAsync);
        routes.MapPost("/containers/{id}/kill", (RequestDelegate)KillAsync);
        routes.MapPost("/containers/{id}/wait", (RequestDelegate)WaitAsync);
        routes.MapPost("/containers/{id}/resize", (RequestDelegate)ResizeAsync);
        routes.MapPost("/containers/{id}/restart", (RequestDelegate)RestartAsync);
        routes.MapPost("/containers/{id}/pause", (RequestDelegate)PauseAsync);
        routes.MapPost("/containers/{id}/unpause", (RequestDelegate)UnpauseAsync);
        routes.MapPost("/containers/{id}/rename", (RequestDelegate)RenameAsync);
        routes.MapPost("/containers/{id}/update", (RequestDelegate)UpdateAsync);
        routes.MapGet("/containers/{id}/top", (RequestDelegate)TopAsync);
        routes.MapPost("/containers/prune", (RequestDelegate)PruneAsync);
        routes.MapDelete("/containers/{id}", (RequestDelegate)RemoveAsync);
    }

    // A client that goes away in the middle does not leave a container that got its stop signal and is never killed, or is stopped and never started again.
    private static CancellationToken CarriedThrough => CancellationToken.None;

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private async Task StartAsync(HttpContext context)
    {
        context.RefuseUnbuilt("checkpoint", "checkpoint-dir");
        if (context.Request.ContentLength > ShortestObject || (context.Request.ContentLength is null && context.Request.Headers.TransferEncoding.Count > 0))
        {
            throw new EngineException(ErrorKind.InvalidArgument, "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
        }

        await containers.StartAsync(Id(context), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task StopAsync(HttpContext context)
    {
        await containers.StopAsync(Id(context), context.GetInteger("t"), context.GetText("signal"), CarriedThrough);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task KillAsync(HttpContext context)
    {
        await containers.KillAsync(Id(context), context.GetText("signal"), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task WaitAsync(HttpContext context)
    {
        WaitCondition condition = context.GetText("condition") switch
        {
            null or "" or "not-running" => WaitCondition.NotRunning,
            "next-exit" => WaitCondition.NextExit,
            "removed" => WaitCondition.Removed,
            var other => throw new EngineException(ErrorKind.InvalidArgument, $"invalid condition: \"{other}\""),
        };
        Task<WaitResult> wait = containers.WaitAsync(Id(context), condition, context.RequestAborted);

        // The head goes out first: it tells the client that the wait has begun and a start may follow.
        context.Response.ContentType = "application/json";
        await context.Response.StartAsync(context.RequestAborted);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        WaitResult result = await wait;

        // A removal that came to its end has no error: a client that waits for it would tell what the start has told already.
        var answer = new ContainerWaitResponse
        {
            StatusCode = result.ExitCode,
            Error = result.Error.Length == 0 || condition == WaitCondition.Removed ? null : new ContainerWaitError { Message = result.Error },
        };
        await context.Response.BodyWriter.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(answer, ApiJson.Context.ContainerWaitResponse), context.RequestAborted);
    }

    private async Task ResizeAsync(HttpContext context)
    {
        (int rows, int columns) = TerminalSize.Read(context);
        await containers.ResizeAsync(Id(context), rows, columns, context.RequestAborted);
    }

    private async Task RestartAsync(HttpContext context)
    {
        await containers.RestartAsync(Id(context), context.GetInteger("t"), context.GetText("signal"), CarriedThrough);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task PauseAsync(HttpContext context)
    {
        await containers.PauseAsync(Id(context), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task UnpauseAsync(HttpContext context)
    {
        await containers.UnpauseAsync(Id(context), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task RenameAsync(HttpContext context)
    {
        await containers.RenameAsync(Id(context), context.GetText("name") ?? "", context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task UpdateAsync(HttpContext context)
    {
        JsonElement body = await JsonBody.ReadElementAsync(context);
        HostConfig request = JsonBody.Convert(body, ApiJson.Context.HostConfig);
        await containers.UpdateAsync(Id(context), HostMapping.MapUpdate(body, request), context.RequestAborted);
        await JsonBody.WriteAsync(context, new ContainerUpdateResponse(), ApiJson.Context.ContainerUpdateResponse);
    }

    private Task TopAsync(HttpContext context)
    {
        ProcessTable table = containers.Top(Id(context), context.GetText("ps_args") ?? "");
        var answer = new ContainerTopResponse { Titles = [.. table.Titles], Processes = [.. table.Rows.Select(static row => row.ToList())] };
        return JsonBody.WriteAsync(context, answer, ApiJson.Context.ContainerTopResponse);
    }

    private async Task PruneAsync(HttpContext context)
    {
        var filter = PruneFilter.Read(context.GetFilters(PruneFilter.Names), DateTimeOffset.UtcNow);
        PruneResult result = await containers.PruneAsync(record => filter.Includes(record.Created, record.Config.Labels), context.RequestAborted);
        var answer = new ContainerPruneResponse
        {
            ContainersDeleted = result.Removed.Count == 0 ? null : [.. result.Removed.Select(static id => id.ToString())],
            SpaceReclaimed = result.ReclaimedBytes,
        };
        await JsonBody.WriteAsync(context, answer, ApiJson.Context.ContainerPruneResponse);
    }

    private async Task RemoveAsync(HttpContext context)
    {
        // v, which removes anonymous volumes too, has nothing to do while containers have none.
        context.RefuseUnbuilt("link");
        await containers.RemoveAsync(Id(context), context.GetBoolean("force"), CarriedThrough);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
