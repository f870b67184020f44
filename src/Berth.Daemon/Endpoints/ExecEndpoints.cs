using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Runtime.Shims;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/exec</c>, and the creation of sessions under <c>/containers</c>.</summary>
internal sealed class ExecEndpoints(ContainerService containers)
{
    private static readonly HashSet<string> BuiltCreate = new(StringComparer.OrdinalIgnoreCase)
    {
        "User", "Privileged", "Tty", "ConsoleSize", "AttachStdin", "AttachStderr", "AttachStdout", "Detach", "DetachKeys", "Env", "WorkingDir", "Cmd",
        "Container",
    };

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/containers/{id}/exec", (RequestDelegate)CreateAsync);
        routes.MapPost("/exec/{id}/start", (RequestDelegate)StartAsync);
        routes.MapPost("/exec/{id}/resize", (RequestDelegate)ResizeAsync);
        routes.MapGet("/exec/{id}/json", (RequestDelegate)InspectAsync);
    }

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private async Task CreateAsync(HttpContext context)
    {
        JsonElement body = await JsonBody.ReadElementAsync(context);
        ExecCreateRequest request = JsonBody.Convert(body, ApiJson.Context.ExecCreateRequest);
        UnbuiltOptions.Refuse(body, BuiltCreate, "");
        CheckContainer(body, Id(context));
        if (request.DetachKeys.Length > 0)
        {
            _ = DetachKeys.Parse(request.DetachKeys, "escape");
        }

        CreateMapping.CheckEnv(request.Env);
        ExecSession session = await containers.CreateExecAsync(Id(context), ToRequest(request), context.RequestAborted);
        await JsonBody.WriteAsync(context, new IdResponse { Id = session.Id }, ApiJson.Context.IdResponse, StatusCodes.Status201Created);
    }

    // Old clients (python3-docker among them) repeat the path's container in the body: fine as long as it is the same.
    private static void CheckContainer(JsonElement body, string id)
    {
        JsonProperty repeated = body.EnumerateObject().FirstOrDefault(static property => property.Name.Equals("Container", StringComparison.OrdinalIgnoreCase));
        if (UnbuiltOptions.IsSet(repeated.Value) && (repeated.Value.ValueKind != JsonValueKind.String || repeated.Value.GetString() != id))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Container is {repeated.Value.GetRawText()} in the body and \"{id}\" in the path; leave it out of the body");
        }
    }

    private static ExecRequest ToRequest(ExecCreateRequest request) => new()
    {
        Command = request.Cmd ?? [],
        Env = request.Env ?? [],
        User = request.User,
        WorkingDir = request.WorkingDir,
        Tty = request.Tty,
        Privileged = request.Privileged,
        AttachStdin = request.AttachStdin,
        AttachStdout = request.AttachStdout,
        AttachStderr = request.AttachStderr,
        DetachKeys = request.DetachKeys,
        ConsoleSize = request.ConsoleSize is [> 0 and var height, > 0 and var width] ? new ConsoleSizeOption(height, width) : null,
    };

    private async Task StartAsync(HttpContext context)
    {
        ExecStartRequest request = await JsonBody.ReadAsync(context, ApiJson.Context.ExecStartRequest);
        ExecSession session = containers.FindExec(Id(context));
        if (request.Detach)
        {
            await containers.StartExecAsync(session.Id, null, context.RequestAborted);
            await SetSizeAsync(session, request);
            return;
        }

        // The form of the stream goes by this request in docker's engine. Both sides say the same but for clients that leave it out here.
        if (request.Tty && !session.Request.Tty)
        {
            throw new EngineException(ErrorKind.NotImplemented, "Tty of a session that was created without one is not supported yet; leave it out");
        }

        ExecRequest asked = session.Request;
        AttachStreams streams = (asked.AttachStdin ? AttachStreams.Stdin : AttachStreams.None)
            | (asked.AttachStdout ? AttachStreams.Stdout : AttachStreams.None)
            | (asked.AttachStderr ? AttachStreams.Stderr : AttachStreams.None);
        containers.CheckExecStart(session.Id);
        await using HijackedConnection client = await HijackedConnection.TakeAsync(context, asked.Tty);
        ShimStream? stream;
        try
        {
            stream = await containers.StartExecAsync(session.Id, streams == AttachStreams.None ? null : streams, client.Ended);
        }
        catch (EngineException exception)
        {
            await client.WriteTextAsync(exception.Message + "\r\n"); // clients have their 101 by now: the text goes where output would
            return;
        }

        await SetSizeAsync(session, request);
        if (stream is null)
        {
            await session.Exited.WaitAsync(client.Ended); // nothing was to be attached: the connection lasts as long as the process
            return;
        }

        await using (stream)
        {
            Detaching? detach = asked.Tty && asked.AttachStdin ? new Detaching(DetachKeys.Parse(asked.DetachKeys), () => containers.TellExecDetached(session)) : null;
            if (await StreamPump.RunAsync(client, stream, asked.AttachStdin, endsWithInput: false, detach, client.Ended))
            {
                await session.Exited.WaitAsync(client.Ended); // clients ask for the exit status as soon as the stream ends
            }
        }
    }

    // Clients tell the same size at creation, which the process begins with. Another one follows right after its start.
    private async Task SetSizeAsync(ExecSession session, ExecStartRequest request)
    {
        if (session.Request.Tty && request.Tty && request.ConsoleSize is [> 0 and <= ushort.MaxValue and var height, > 0 and <= ushort.MaxValue and var width]
            && session.Request.ConsoleSize != new ConsoleSizeOption(height, width))
        {
            try
            {
                await containers.ResizeExecAsync(session.Id, (int)height, (int)width, CancellationToken.None);
            }
            catch (EngineException) when (session.ExitCode is not null)
            {
                // It ended before.
            }
        }
    }

    private async Task ResizeAsync(HttpContext context)
    {
        (int rows, int columns) = TerminalSize.Read(context);
        await containers.ResizeExecAsync(Id(context), rows, columns, context.RequestAborted);
    }

    private Task InspectAsync(HttpContext context) =>
        JsonBody.WriteAsync(context, ContainerMapping.ToInspect(containers.FindExec(Id(context))), ApiJson.Context.ExecInspect);
}
