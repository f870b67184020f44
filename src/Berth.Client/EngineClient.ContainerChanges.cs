using System.Globalization;
using Berth.Api;

namespace Berth.Client;

/// <summary>An image made of a container.</summary>
public sealed record CommitOptions
{
    public string? Repository { get; init; }
    public string? Tag { get; init; }
    public string? Comment { get; init; }
    public string? Author { get; init; }

    /// <summary>Dockerfile instructions such as <c>ENV A=b</c>.</summary>
    public IReadOnlyList<string> Changes { get; init; } = [];

    /// <summary>Whether the container stands still meanwhile.</summary>
    public bool Pause { get; init; } = true;
}

public sealed partial class EngineClient
{
    /// <summary>Freezes a container's processes.</summary>
    public Task PauseContainerAsync(string container, CancellationToken cancellationToken = default) =>
        PostAsync($"/containers/{Segment(container)}/pause", cancellationToken);

    /// <summary>Lets a paused container go on.</summary>
    public Task UnpauseContainerAsync(string container, CancellationToken cancellationToken = default) =>
        PostAsync($"/containers/{Segment(container)}/unpause", cancellationToken);

    /// <summary>Stops a container if it runs, and starts it.</summary>
    /// <param name="timeoutSeconds">Seconds before SIGKILL; null for the container's own.</param>
    public Task RestartContainerAsync(string container, string? signal, int? timeoutSeconds, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/restart");
        path.Add("signal", signal);
        path.Add("t", timeoutSeconds?.ToString(CultureInfo.InvariantCulture));
        return PostAsync(path.ToString(), cancellationToken);
    }

    /// <summary>Gives a container another name.</summary>
    public Task RenameContainerAsync(string container, string name, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/rename");
        path.Add("name", name);
        return PostAsync(path.ToString(), cancellationToken);
    }

    /// <summary>The processes of a running container, as ps with these arguments shows them.</summary>
    public Task<ContainerTopResponse> TopContainerAsync(string container, string arguments, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/containers/{Segment(container)}/top");
        path.Add("ps_args", arguments);
        return transport.ReadAsync(HttpMethod.Get, path.ToString(), RequestBody.None, ApiJson.Context.ContainerTopResponse, cancellationToken);
    }

    /// <summary>What a container uses, measured twice a second apart; all zero for one that does not run.</summary>
    public Task<ContainerStats> GetContainerStatsAsync(string container, CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, $"/containers/{Segment(container)}/stats?stream=0", RequestBody.None, ApiJson.Context.ContainerStats, cancellationToken);

    /// <summary>The same once a second, a document per line, until the container is removed.</summary>
    public Task<ResponseStream> OpenContainerStatsAsync(string container, CancellationToken cancellationToken = default) =>
        transport.OpenAsync(HttpMethod.Get, $"/containers/{Segment(container)}/stats?stream=1", RequestBody.None, cancellationToken);

    /// <summary>Changes a container's limits and restart policy; <paramref name="changes"/> is the JSON of the members to change. Returns the answer's JSON.</summary>
    public Task<byte[]> UpdateContainerAsync(string container, byte[] changes, CancellationToken cancellationToken = default) =>
        transport.ReadBytesAsync(HttpMethod.Post, $"/containers/{Segment(container)}/update", RequestBody.RawJson(changes), cancellationToken);

    /// <summary>Makes an image of what a container has changed; returns the image's id.</summary>
    public async Task<string> CommitContainerAsync(string container, CommitOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/commit");
        path.Add("container", container);
        path.Add("repo", options.Repository);
        path.Add("tag", options.Tag);
        path.Add("comment", options.Comment);
        path.Add("author", options.Author);
        foreach (string change in options.Changes)
            path.Add("changes", change);

        path.Add("pause", options.Pause ? "1" : "0");
        RequestBody body = RequestBody.RawJson("null"u8.ToArray());
        IdResponse answer = await transport.ReadAsync(HttpMethod.Post, path.ToString(), body, ApiJson.Context.IdResponse, cancellationToken);
        return answer.Id;
    }

    /// <summary>A container's root file system as a tar archive.</summary>
    public Task<ResponseStream> ExportContainerAsync(string container, CancellationToken cancellationToken = default) =>
        transport.OpenAsync(HttpMethod.Get, $"/containers/{Segment(container)}/export", RequestBody.None, cancellationToken);

    /// <summary>Any POST without a body, for its answer as the daemon wrote it (the prune operations).</summary>
    public Task<byte[]> PostRawAsync(string path, IReadOnlyList<KeyValuePair<string, string>> filters, CancellationToken cancellationToken = default)
    {
        var query = new QueryString(path);
        query.Add("filters", filters);
        return transport.ReadBytesAsync(HttpMethod.Post, query.ToString(), RequestBody.None, cancellationToken);
    }

    /// <summary>What happens from now on, or happened between two times (seconds since 1970), one JSON document per line.</summary>
    public Task<ResponseStream> OpenEventsAsync(
        string? since, string? until, IReadOnlyList<KeyValuePair<string, string>> filters, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/events");
        path.Add("since", since);
        path.Add("until", until);
        path.Add("filters", filters);
        return transport.OpenAsync(HttpMethod.Get, path.ToString(), RequestBody.None, cancellationToken);
    }
}
