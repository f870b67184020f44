using System.Diagnostics;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Upkeep;
using Berth.Storage.Check;
using Berth.Storage.Usage;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/berth/storage</c>, which docker's API does not have.</summary>
internal sealed class StorageEndpoints(StorageUpkeep upkeep)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(100);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/berth/storage/usage", (RequestDelegate)MeasureAsync);
        routes.MapPost("/berth/storage/check", (RequestDelegate)CheckAsync);
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
