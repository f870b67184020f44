using System.Buffers;
using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary><c>GET /containers/{id}/stats</c>: once or every second.</summary>
internal sealed class StatsEndpoints(ContainerService containers)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly long machineBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/containers/{id}/stats", (RequestDelegate)StatsAsync);

    private async Task StatsAsync(HttpContext context)
    {
        bool isStream = context.GetBoolean("stream", fallback: true);
        bool isOneShot = context.GetBoolean("one-shot");
        if (isStream && isOneShot)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "cannot have stream=true and one-shot=true");
        }

        // By its id from here on: another container may get the name.
        string id = containers.Inspect((string)context.Request.RouteValues["id"]!).Record.Id.ToString();
        ContainerStats answer = Measure(id, null);
        if (!isStream)
        {
            if (!isOneShot && answer.Read != WireTime.Zero)
            {
                await Task.Delay(Interval, context.RequestAborted);
                answer = Measure(id, answer);
            }

            await JsonBody.WriteAsync(context, answer, ApiJson.Context.ContainerStats);
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        context.Response.ContentType = "application/json";
        try
        {
            await StreamAsync(context, id, answer, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The client or the daemon ends.
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            // The container was removed, and that is the stream's end.
        }
    }

    // A container that has ended is told as zeros: it may be started again.
    private async Task StreamAsync(HttpContext context, string id, ContainerStats answer, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval);
        do
        {
            context.Response.BodyWriter.Write(JsonSerializer.SerializeToUtf8Bytes(answer, ApiJson.Context.ContainerStats));
            context.Response.BodyWriter.Write("\n"u8);
            await context.Response.BodyWriter.FlushAsync(cancellationToken);
            await timer.WaitForNextTickAsync(cancellationToken);
            answer = Measure(id, answer);
        }
        while (true);
    }

    private ContainerStats Measure(string id, ContainerStats? previous)
    {
        ContainerRecord record = containers.Inspect(id).Record;
        var answer = new ContainerStats { Name = "/" + record.Name, Id = id };
        if (containers.ReadUsage(id) is not { } used)
        {
            return answer;
        }

        return answer with
        {
            Read = WireTime.Format(DateTimeOffset.UtcNow),
            PreviousRead = previous?.Read ?? WireTime.Zero,
            Pids = new StatsPids { Current = used.Pids.Current, Limit = used.Pids.Limit },
            BlockIo = StatsMapping.ToBlockIo(used),
            Cpu = StatsMapping.ToCpu(used, StatsMapping.ReadMachine()),
            PreviousCpu = previous?.Cpu ?? new StatsCpu(),
            Memory = StatsMapping.ToMemory(used, machineBytes),
        };
    }
}
