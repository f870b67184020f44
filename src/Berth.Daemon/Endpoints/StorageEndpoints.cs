using System.Diagnostics;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Upkeep;
using Berth.Model;
using Berth.Storage.Check;
using Berth.Storage.Usage;

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
        StorageUsage usage = await upkeep.MeasureAsync(context.RequestAborted);
        StorageUsageAnswer answer = new()
        {
            Total = usage.Total,
            Blobs = usage.Blobs,
            Layers = usage.Layers,
            Containers = usage.Containers,
            Logs = usage.Logs,
            ContainerFiles = usage.ContainerFiles,
            Metadata = usage.Metadata,
            Unfinished = usage.Unfinished,
            Trash = usage.Trash,
            Damaged = usage.Damaged,
            DataRoot = upkeep.DataRoot,
        };
        await JsonBody.WriteAsync(context, answer, StorageJson.Context.StorageUsageAnswer);
    }

    private Task CheckAsync(HttpContext context)
    {
        var options = new StorageCheckOptions(context.GetBoolean("repair"), context.GetBoolean("quick"));
        return JsonLines.WriteAsync(
            context,
            StorageJson.Context.StorageCheckLine,
            async (write, cancellationToken) =>
            {
                long last = 0;
                StorageCheckSummary summary = await upkeep.CheckAsync(
                    options,
                    finding => write(new StorageCheckLine { Finding = Describe(finding) }),
                    progress =>
                    {
                        if (Stopwatch.GetElapsedTime(last) > ReportEvery)
                        {
                            last = Stopwatch.GetTimestamp();
                            write(new StorageCheckLine { Progress = new StorageProgressAnswer { Stage = progress.Stage, Done = progress.Done, Total = progress.Total } });
                        }
                    },
                    cancellationToken);
                write(new StorageCheckLine { Summary = Describe(summary) });
            },
            static error => new StorageCheckLine { Error = error.Message });
    }

    private static StorageFindingAnswer Describe(StorageFinding finding) => new()
    {
        Kind = finding.Kind,
        State = finding.State switch
        {
            FindingState.Broken => "broken",
            FindingState.Repaired => "repaired",
            FindingState.Leftover => "leftover",
            _ => "removed",
        },
        Subject = finding.Subject,
        Text = finding.Text,
        Advice = finding.Advice,
        Images = finding.Images,
        Containers = finding.Containers,
        Bytes = finding.Bytes,
    };

    private static StorageSummaryAnswer Describe(StorageCheckSummary summary) => new()
    {
        Images = summary.Images,
        Blobs = summary.Blobs,
        Layers = summary.Layers,
        Containers = summary.Containers,
        UnprovenLayers = summary.UnprovenLayers,
        BytesRead = summary.BytesRead,
        Broken = summary.Broken,
        Repaired = summary.Repaired,
        Leftovers = summary.Leftovers,
        Removed = summary.Removed,
        LeftoverBytes = summary.LeftoverBytes,
        RemovedBytes = summary.RemovedBytes,
    };
}
