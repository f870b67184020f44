using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Events;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/events</c>: one JSON object in each line, for as long as the client listens.</summary>
internal sealed class EventEndpoints(EventHub events)
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40); // what a timer can count; longer is for ever

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/events", (RequestDelegate)StreamAsync);

    private async Task StreamAsync(HttpContext context)
    {
        long? since = ReadTime(context, "since");
        long? until = ReadTime(context, "until");
        if (until < since)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"`since` time ({context.GetText("since")}) cannot be after `until` time ({context.GetText("until")})");
        }

        var filter = new EventFilter(context.GetFilters(EventFilter.Names));
        TimeSpan left = until is { } end ? DateTimeOffset.UnixEpoch.AddTicks(end / TimeSpan.NanosecondsPerTick) - DateTimeOffset.UtcNow : LongestTimer;
        using EventSubscription subscription = events.Subscribe(since ?? (until is null ? null : 0), pastOnly: left <= TimeSpan.Zero);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        if (left > TimeSpan.Zero && left < LongestTimer)
        {
            stop.CancelAfter(left);
        }

        context.Response.ContentType = "application/json";
        await context.Response.StartAsync(context.RequestAborted);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted); // the client knows by it that it misses nothing from now on
        try
        {
            await foreach (EngineEvent item in subscription.ReadAsync(stop.Token))
            {
                if (item.TimeNano <= (until ?? long.MaxValue) && filter.Includes(item))
                {
                    await WriteAsync(context, item, mayWait: subscription.HasMore);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The time that was asked for is over, or the client or the daemon ends.
        }

        await context.Response.BodyWriter.FlushAsync(CancellationToken.None);
    }

    private static async Task WriteAsync(HttpContext context, EngineEvent item, bool mayWait)
    {
        var writer = context.Response.BodyWriter;
        writer.Write(JsonSerializer.SerializeToUtf8Bytes(ToMessage(item), ApiJson.Context.EventMessage));
        writer.Write("\n"u8);
        if (!mayWait)
        {
            await writer.FlushAsync(context.RequestAborted);
        }
    }

    private static EventMessage ToMessage(EngineEvent item)
    {
        bool isOldKind = item.Type is "container" or "image";
        return new EventMessage
        {
            Status = isOldKind ? item.Action : null,
            Id = isOldKind ? item.ActorId : null,
            From = item.Type == "container" ? item.Attributes.GetValueOrDefault("image") : null,
            Type = item.Type,
            Action = item.Action,
            Actor = new EventActor { ID = item.ActorId, Attributes = new Dictionary<string, string>(item.Attributes) },
            Scope = "local",
            Time = item.TimeNano / 1_000_000_000,
            TimeNano = item.TimeNano,
        };
    }

    private static long? ReadTime(HttpContext context, string name)
    {
        string? text = context.GetText(name);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal seconds)
            && seconds is > -9_000_000_000 and < 9_000_000_000
            ? (long)(seconds * 1_000_000_000)
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name} \"{text}\": wanted seconds since 1970");
    }
}
