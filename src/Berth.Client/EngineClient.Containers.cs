using Berth.Api;
using Berth.Model;

namespace Berth.Client;

/// <summary>What a list of containers shows.</summary>
public sealed record ContainerListOptions
{
    public bool All { get; init; }

    /// <summary>At most so many, the newest; -1 for all.</summary>
    public int Limit { get; init; } = -1;

    public bool Size { get; init; }
    public IReadOnlyList<KeyValuePair<string, string>> Filters { get; init; } = [];
}

/// <summary>Which streams an attachment connects.</summary>
public sealed record AttachOptions
{
    public bool Stdin { get; init; }
    public bool Stdout { get; init; }
    public bool Stderr { get; init; }

    /// <summary>Also replay what the log holds so far.</summary>
    public bool Logs { get; init; }

    /// <summary>As <c>ctrl-p,ctrl-q</c>; null for the daemon's default.</summary>
    public string? DetachKeys { get; init; }
}

/// <summary>Which part of a log is read.</summary>
public sealed record LogsOptions
{
    public bool Follow { get; init; }
    public bool Timestamps { get; init; }
    public bool Details { get; init; }

    /// <summary>Lines from the end, or <c>all</c>.</summary>
    public string Tail { get; init; } = "all";

    /// <summary>Seconds since 1970 with decimals.</summary>
    public string? Since { get; init; }

    /// <summary>Seconds since 1970 with decimals.</summary>
    public string? Until { get; init; }
}

/// <summary>A wait that the daemon has accepted: an end from now on is not missed.</summary>
public sealed class PendingWait : IDisposable
{
    private readonly EngineTransport transport;
    private readonly HttpResponseMessage response;

    internal PendingWait(EngineTransport transport, HttpResponseMessage response)
    {
        this.transport = transport;
        this.response = response;
    }

    /// <summary>The container's exit status.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/> when the wait itself failed.</exception>
    public async Task<int> GetExitCodeAsync(CancellationToken cancellationToken = default)
    {
        byte[] bytes = await transport.ReadBodyAsync(response, cancellationToken);
        ContainerWaitResponse answer = EngineTransport.Deserialize(bytes, ApiJson.Context.ContainerWaitResponse);
        return answer.Error is { Message.Length: > 0 } error ? throw new EngineException(ErrorKind.Internal, error.Message) : (int)answer.StatusCode;
    }

    public void Dispose() => response.Dispose();
}

public sealed partial class EngineClient
{
    /// <summary><c>POST /containers/create</c>.</summary>
    public Task<ContainerCreateResponse> CreateContainerAsync(
        ContainerCreateRequest request, string? name, string? platform, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/containers/create");
        path.Add("name", name);
        path.Add("platform", platform);
        RequestBody body = RequestBody.Json(request, ApiJson.Context.ContainerCreateRequest);
        return transport.ReadAsync(HttpMethod.Post, path.ToString(), body, ApiJson.Context.ContainerCreateResponse, cancellationToken);
    }

    /// <summary>Starts a container; one that runs already is left alone.</summary>
    public async Task StartContainerAsync(string container, CancellationToken cancellationToken = default) =>
        await IgnoreNotModifiedAsync(PostAsync($"/containers/{Segment(container)}/start", cancellationToken));

    /// <summary>Stops a container; one that does not run is left alone.</summary>
    /// <param name="timeoutSeconds">Seconds before SIGKILL; null for the container's own.</param>
    public async Task StopContainerAsync(string container, string? signal, int? timeoutSeconds, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/stop");
        path.Add("signal", signal);
        path.Add("t", timeoutSeconds?.ToString());
        await IgnoreNotModifiedAsync(PostAsync(path.ToString(), cancellationToken));
    }

    /// <summary>Sends a signal; null for KILL.</summary>
    public Task KillContainerAsync(string container, string? signal, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/kill");
        path.Add("signal", signal);
        return PostAsync(path.ToString(), cancellationToken);
    }

    /// <summary><c>DELETE /containers/{id}</c>.</summary>
    public async Task RemoveContainerAsync(string container, bool force, bool volumes, bool link, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}");
        path.Add("force", force);
        path.Add("v", volumes);
        path.Add("link", link);
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Delete, path.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary>
    /// Asks to be told of a container's end. Returns once the daemon has accepted; conditions are <c>not-running</c> (the default),
    /// <c>next-exit</c> and <c>removed</c>.
    /// </summary>
    public async Task<PendingWait> WaitContainerAsync(string container, string? condition, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/wait");
        path.Add("condition", condition);
        return new PendingWait(transport, await transport.SendAsync(HttpMethod.Post, path.ToString(), RequestBody.None, cancellationToken));
    }

    /// <summary><c>GET /containers/json</c>.</summary>
    public Task<List<ContainerSummary>> ListContainersAsync(ContainerListOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/containers/json");
        path.Add("all", options.All);
        path.Add("limit", options.Limit >= 0 ? options.Limit.ToString() : null);
        path.Add("size", options.Size);
        path.Add("filters", options.Filters);
        return transport.ReadAsync(HttpMethod.Get, path.ToString(), RequestBody.None, ApiJson.Context.ListContainerSummary, cancellationToken);
    }

    /// <summary><c>GET /containers/{id}/json</c>.</summary>
    public Task<ContainerInspect> InspectContainerAsync(string container, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Get, $"/containers/{Segment(container)}/json", RequestBody.None, ApiJson.Context.ContainerInspect, cancellationToken);

    /// <summary>Connects to a container's streams; on return the daemon has the connection, so output from now on is not missed.</summary>
    public Task<HijackedStream> AttachContainerAsync(string container, AttachOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/attach");
        path.Add("stream", value: true);
        path.Add("stdin", options.Stdin);
        path.Add("stdout", options.Stdout);
        path.Add("stderr", options.Stderr);
        path.Add("logs", options.Logs);
        path.Add("detachKeys", options.DetachKeys);
        return transport.HijackAsync(path.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary>Tells a container's terminal its size in characters.</summary>
    public Task ResizeContainerAsync(string container, int rows, int columns, CancellationToken cancellationToken = default) =>
        PostAsync($"/containers/{Segment(container)}/resize?h={rows}&w={columns}", cancellationToken);

    /// <summary><c>GET /containers/{id}/logs</c>, both streams.</summary>
    public Task<ResponseStream> OpenLogsAsync(string container, LogsOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/logs");
        path.Add("stdout", value: true);
        path.Add("stderr", value: true);
        path.Add("follow", options.Follow);
        path.Add("timestamps", options.Timestamps);
        path.Add("details", options.Details);
        path.Add("tail", options.Tail);
        path.Add("since", options.Since);
        path.Add("until", options.Until);
        return transport.OpenAsync(HttpMethod.Get, path.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary>Prepares a process in a running container; returns its id.</summary>
    public async Task<string> CreateExecAsync(string container, ExecCreateRequest request, CancellationToken cancellationToken = default)
    {
        RequestBody body = RequestBody.Json(request, ApiJson.Context.ExecCreateRequest);
        IdResponse answer = await transport.ReadAsync(
            HttpMethod.Post, $"/containers/{Segment(container)}/exec", body, ApiJson.Context.IdResponse, cancellationToken);
        return answer.Id;
    }

    /// <summary>Starts a prepared process and connects to its streams.</summary>
    public Task<HijackedStream> StartExecAsync(string exec, ExecStartRequest request, CancellationToken cancellationToken = default) =>
        transport.HijackAsync($"/exec/{Segment(exec)}/start", RequestBody.Json(request, ApiJson.Context.ExecStartRequest), cancellationToken);

    /// <summary>Starts a prepared process without connecting to it.</summary>
    public async Task StartExecDetachedAsync(string exec, CancellationToken cancellationToken = default)
    {
        RequestBody body = RequestBody.Json(new ExecStartRequest { Detach = true }, ApiJson.Context.ExecStartRequest);
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Post, $"/exec/{Segment(exec)}/start", body, cancellationToken);
    }

    /// <summary><c>GET /exec/{id}/json</c>.</summary>
    public Task<ExecInspect> InspectExecAsync(string exec, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Get, $"/exec/{Segment(exec)}/json", RequestBody.None, ApiJson.Context.ExecInspect, cancellationToken);

    /// <summary>Tells an exec session's terminal its size in characters.</summary>
    public Task ResizeExecAsync(string exec, int rows, int columns, CancellationToken cancellationToken = default) =>
        PostAsync($"/exec/{Segment(exec)}/resize?h={rows}&w={columns}", cancellationToken);

    private static async Task IgnoreNotModifiedAsync(Task request)
    {
        try
        {
            await request;
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotModified)
        {
            // Already as asked.
        }
    }
}
