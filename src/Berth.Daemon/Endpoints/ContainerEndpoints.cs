using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Runtime.Shims;
using ContainerConfig = Berth.Engine.Containers.ContainerConfig;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/containers</c>.</summary>
internal sealed class ContainerEndpoints(ContainerService containers, ImageService images, DiskUsage usage)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/containers/json", (RequestDelegate)ListAsync);
        routes.MapPost("/containers/create", (RequestDelegate)CreateAsync);
        routes.MapGet("/containers/{id}/json", (RequestDelegate)InspectAsync);
        routes.MapPost("/containers/{id}/attach", (RequestDelegate)AttachAsync);
        routes.MapGet("/containers/{id}/attach/ws", (RequestDelegate)AttachWebSocketAsync);
        routes.MapGet("/containers/{id}/logs", (RequestDelegate)LogsAsync);
    }

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private async Task ListAsync(HttpContext context)
    {
        Dictionary<string, List<string>> filters = context.GetFilters(ContainerListQuery.Filters, ContainerListQuery.Unbuilt);
        foreach (string name in (ReadOnlySpan<string>)["before", "since"])
        {
            if (context.GetText(name) is { Length: > 0 } reference)
            {
                filters[name] = [reference]; // the older way to say it
            }
        }

        var query = new ContainerListQuery(context.GetBoolean("all"), context.GetInteger("limit") ?? -1, filters);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        List<ContainerInfo> found = [.. query.Apply(containers.List(), reference => containers.Inspect(reference).Record, IdOf)];
        IReadOnlyDictionary<ContainerId, ContainerSize>? sizes = context.GetBoolean("size") ? await usage.MeasureAsync(found, context.RequestAborted) : null;
        List<ContainerSummary> answer = [];
        foreach (ContainerInfo info in found)
        {
            ContainerSummary summary = ContainerMapping.ToSummary(info, images.NameFor(info), now);
            if (sizes is not null && sizes.TryGetValue(info.Record.Id, out ContainerSize size))
            {
                (summary.SizeRw, summary.SizeRootFs) = (size.Writable, size.Whole);
            }

            answer.Add(summary);
        }

        await JsonBody.WriteAsync(context, answer, ApiJson.Context.ListContainerSummary);
    }

    // The id of the image that a filter means; what it means now, not when the container was made.
    private string? IdOf(string image)
    {
        try
        {
            return images.Inspect(image).Id.ToString();
        }
        catch (EngineException)
        {
            return null;
        }
    }

    private async Task CreateAsync(HttpContext context)
    {
        JsonElement body = await JsonBody.ReadElementAsync(context);
        ContainerCreateRequest request = JsonBody.Convert(body, ApiJson.Context.ContainerCreateRequest);
        ContainerConfig config = CreateMapping.Map(request, body, context.GetApiVersion());
        string? platform = context.GetText("platform");
        if (!string.IsNullOrEmpty(platform) && platform != "linux" && platform != Platform.Host.ToString())
        {
            throw UnbuiltOptions.Value("platform", platform);
        }

        string? name = context.GetText("name");
        ContainerInfo made = await containers.CreateAsync(config, NetworkMapping.MapEndpoints(request), string.IsNullOrEmpty(name) ? null : name, context.RequestAborted);
        await JsonBody.WriteAsync(
            context, new ContainerCreateResponse { Id = made.Record.Id.ToString() }, ApiJson.Context.ContainerCreateResponse, StatusCodes.Status201Created);
    }

    private async Task InspectAsync(HttpContext context)
    {
        ContainerInfo info = containers.Inspect(Id(context));
        ContainerInspect answer = ContainerMapping.ToInspect(info, containers.StorageDriver);
        IReadOnlyDictionary<string, string> storage = images.DescribeStorage(info.Record);
        answer.GraphDriver = new DriverData { Name = containers.StorageDriver, Data = storage.Count == 0 ? null : new Dictionary<string, string>(storage) };
        if (context.GetBoolean("size") && (await usage.MeasureAsync([info], context.RequestAborted)).TryGetValue(info.Record.Id, out ContainerSize size))
        {
            (answer.SizeRw, answer.SizeRootFs) = (size.Writable, size.Whole);
        }

        await JsonBody.WriteAsync(context, answer, ApiJson.Context.ContainerInspect);
    }

    private async Task AttachAsync(HttpContext context)
    {
        var attach = new Attachment(context, containers.Inspect(Id(context)), Selected(context), containers);
        AttachSession? session = await attach.BeginAsync();
        try
        {
            await using HijackedConnection client = await HijackedConnection.TakeAsync(context, attach.IsTerminal);
            await attach.CopyLogsAsync(client, client.Ended);
            await attach.CopyAsync(client, session is null ? null : await client.WaitQuietlyAsync(session.Stream), client.Ended);
        }
        finally
        {
            await attach.EndAsync(session);
        }
    }

    // Before 1.42 the streams are not asked for: all are attached.
    private async Task AttachWebSocketAsync(HttpContext context)
    {
        const AttachStreams all = AttachStreams.Stdin | AttachStreams.Stdout | AttachStreams.Stderr;
        var attach = new Attachment(context, containers.Inspect(Id(context)), context.GetApiVersion().IsAtLeast(1, 42) ? Selected(context) : all, containers);
        WebSocketClient.Check(context);
        AttachSession? session = await attach.BeginAsync();
        try
        {
            await using WebSocketClient client = await WebSocketClient.TakeAsync(context, attach.IsTerminal);
            await attach.CopyLogsAsync(client, client.Ended);
            await attach.CopyAsync(client, session is null ? null : await session.Stream.WaitAsync(client.Ended), client.Ended);
        }
        finally
        {
            await attach.EndAsync(session);
        }
    }

    private static AttachStreams Selected(HttpContext context) =>
        (context.GetBoolean("stdin") ? AttachStreams.Stdin : AttachStreams.None)
        | (context.GetBoolean("stdout") ? AttachStreams.Stdout : AttachStreams.None)
        | (context.GetBoolean("stderr") ? AttachStreams.Stderr : AttachStreams.None);

    private async Task LogsAsync(HttpContext context)
    {
        bool stdout = context.GetBoolean("stdout");
        bool stderr = context.GetBoolean("stderr");
        if (!stdout && !stderr)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "Bad parameters: you must choose at least one stream");
        }

        var reader = containers.OpenLog(Id(context));
        string tail = context.GetText("tail") ?? "all";
        var query = new Engine.Logs.LogQuery
        {
            Stdout = stdout,
            Stderr = stderr,
            Tail = int.TryParse(tail, out int lines) && lines >= 0 ? lines : null,
            Since = context.GetTimestamp("since"),
            Until = context.GetTimestamp("until"),
            Follow = context.GetBoolean("follow"),
        };
        context.Response.ContentType = reader.IsTerminal || !context.GetApiVersion().IsAtLeast(1, 42) ? StreamFraming.RawMediaType : StreamFraming.MultiplexedMediaType;
        await context.Response.StartAsync(context.RequestAborted);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        await LogStreaming.CopyAsync(
            reader,
            query,
            context.GetBoolean("timestamps"),
            async (bytes, cancellationToken) => await context.Response.BodyWriter.WriteAsync(bytes, cancellationToken),
            context.RequestAborted,
            context.GetBoolean("details"));
    }
}
