using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Builds;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary><c>POST /build</c>, docker's classic one, and <c>POST /build/prune</c>.</summary>
internal sealed class BuildEndpoints(BuildService builds, BuildCache cache)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/build", (RequestDelegate)BuildAsync);
        routes.MapPost("/build/prune", (RequestDelegate)PruneAsync);
    }

    private async Task PruneAsync(HttpContext context)
    {
        context.RefuseUnbuilt("max-used-space", "min-free-space");
        BuildCachePruning pruning = await cache.PruneAsync(
            context.GetBoolean("all"), BuildCacheMapping.ReadKept(context), BuildCacheMapping.ReadFilter(context, DateTimeOffset.UtcNow), context.RequestAborted);
        await JsonBody.WriteAsync(
            context,
            new BuildPruneAnswer { CachesDeleted = pruning.Steps.Count == 0 ? null : [.. pruning.Steps.Select(static cached => cached.Step.Key.Hex)], SpaceReclaimed = pruning.ReclaimedBytes },
            ApiJson.Context.BuildPruneAnswer);
    }

    private async Task BuildAsync(HttpContext context)
    {
        BuildRequest request = BuildMapping.Map(context);
        request = request with { Options = request.Options with { Secrets = await BuildHead.ReadAsync(context) } };
        bool isQuiet = context.GetBoolean("q");
        await JsonMessages.StreamAsync(context, (write, cancellationToken) => BuildAsync(context, request, isQuiet, write, cancellationToken));
    }

    private async Task BuildAsync(HttpContext context, BuildRequest request, bool isQuiet, Action<JsonMessage> write, CancellationToken cancellationToken)
    {
        // Of a quiet build only the image is told, or everything if it fails.
        KeptMessages kept = new();
        ClassicBuildProgress progress = new(isQuiet ? kept.Add : write);
        try
        {
            ImageRecord image = await builds.BuildAsync(context.Request.Body, request, progress, cancellationToken);
            progress.Finish();
            if (isQuiet)
            {
                write(new JsonMessage { Stream = image.Id + "\n" });
                return;
            }

            write(new JsonMessage { Aux = JsonSerializer.SerializeToElement(new BuildResultAux { Id = image.Id.ToString() }, ApiJson.Context.BuildResultAux) });
            write(new JsonMessage { Stream = $"Successfully built {ClassicBuildProgress.Short(image.Id)}\n" });
            foreach (ImageReference name in request.Options.Names)
            {
                write(new JsonMessage { Stream = $"Successfully tagged {name.Familiar}\n" });
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            progress.Finish();
            kept.Take().ForEach(write);
            if (BuildMapping.ToFailure(e) is not { } failure)
            {
                throw;
            }

            write(failure);
        }
    }
}
