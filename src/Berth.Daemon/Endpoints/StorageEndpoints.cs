using System.Diagnostics;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Upkeep;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/berth/storage</c>, and pins of images, which docker's API does not have.</summary>
internal sealed class StorageEndpoints(StorageUpkeep upkeep, StorageBudget budget)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(100);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/berth/storage/usage", (RequestDelegate)MeasureAsync);
        routes.MapPost("/berth/storage/check", (RequestDelegate)CheckAsync);
        routes.MapPost("/berth/storage/evict", (RequestDelegate)EvictAsync);
        routes.MapGet("/berth/images/pins", (RequestDelegate)ListPinsAsync);
        routes.MapPost("/berth/images/pin", (RequestDelegate)PinAsync);
        routes.MapPost("/berth/images/unpin", (RequestDelegate)UnpinAsync);
    }

    private static string Image(HttpContext context) =>
        context.GetText("name") is { Length: > 0 } value ? value : throw new EngineException(ErrorKind.InvalidArgument, "the parameter name is missing: the name or id of an image");

    private Task ListPinsAsync(HttpContext context) => JsonBody.WriteAsync(context, new ImagePinsAnswer { Pins = budget.Pins.List() }, StorageJson.Context.ImagePinsAnswer);

    private async Task PinAsync(HttpContext context) =>
        await JsonBody.WriteAsync(context, new ImagePinsAnswer { Pins = [await budget.Pins.PinAsync(Image(context), context.RequestAborted)] }, StorageJson.Context.ImagePinsAnswer);

    private async Task UnpinAsync(HttpContext context) =>
        await JsonBody.WriteAsync(context, new ImagePinsAnswer { Pins = [await budget.Pins.UnpinAsync(Image(context), context.RequestAborted)] }, StorageJson.Context.ImagePinsAnswer);

    private async Task EvictAsync(HttpContext context)
    {
        BudgetLimit? target = context.GetText("to") is { Length: > 0 } text ? BudgetLimit.Parse(text) : null;
        Eviction done = await budget.EvictAsync(target, context.GetBoolean("dry-run"), context.RequestAborted);
        EvictionAnswer answer = new()
        {
            Limit = done.Limit,
            Used = done.Used,
            Left = done.Left,
            Images = [.. done.Images.Select(static image => new EvictedImageAnswer { Id = image.Id.ToString(), Names = image.Names, LastUsed = image.LastUsed })],
        };
        await JsonBody.WriteAsync(context, answer, StorageJson.Context.EvictionAnswer);
    }

    private async Task MeasureAsync(HttpContext context)
    {
        StorageUsageAnswer answer = StorageMapping.ToAnswer(await upkeep.MeasureAsync(context.RequestAborted), upkeep.DataRoot);
        await JsonBody.WriteAsync(context, answer, StorageJson.Context.StorageUsageAnswer);
    }

    private Task CheckAsync(HttpContext context)
    {
        bool repair = context.GetBoolean("repair"), quick = context.GetBoolean("quick");
        return JsonLines.WriteAsync(
            context,
            StorageJson.Context.StorageCheckLine,
            async (write, cancellationToken) =>
            {
                long last = 0;
                var summary = await upkeep.CheckAsync(
                    repair,
                    quick,
                    finding => write(new StorageCheckLine { Finding = StorageMapping.ToAnswer(finding) }),
                    progress =>
                    {
                        if (Stopwatch.GetElapsedTime(last) > ReportEvery)
                        {
                            last = Stopwatch.GetTimestamp();
                            write(new StorageCheckLine { Progress = new StorageProgressAnswer { Stage = progress.Stage, Done = progress.Done, Total = progress.Total } });
                        }
                    },
                    cancellationToken);
                write(new StorageCheckLine { Summary = StorageMapping.ToAnswer(summary) });
            },
            static error => new StorageCheckLine { Error = error.Message });
    }
}
