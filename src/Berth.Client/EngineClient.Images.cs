using System.Text.Json;
using Berth.Api;

namespace Berth.Client;

/// <summary>What a list of images shows.</summary>
public sealed record ImageListOptions
{
    public bool All { get; init; }
    public bool Digests { get; init; }
    public bool SharedSize { get; init; }

    /// <summary>Whether each image's manifests are told; engines older than API 1.47 do not know of it.</summary>
    public bool Manifests { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Filters { get; init; } = [];
}

/// <summary>An image made from a root file system.</summary>
public sealed record ImageImportOptions
{
    /// <summary>A URL that the daemon fetches; <c>-</c> for the request's body.</summary>
    public string Source { get; init; } = "-";

    public string? Repository { get; init; }
    public string? Tag { get; init; }
    public string? Message { get; init; }
    public string? Platform { get; init; }

    /// <summary>Dockerfile instructions such as <c>CMD ["/bin/sh"]</c>.</summary>
    public IReadOnlyList<string> Changes { get; init; } = [];
}

public sealed partial class EngineClient
{
    /// <summary><c>GET /images/json</c>.</summary>
    public Task<List<ImageSummary>> ListImagesAsync(ImageListOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/json");
        path.Add("all", options.All);
        path.Add("digests", options.Digests);
        path.Add("shared-size", options.SharedSize);
        path.Add("manifests", options.Manifests);
        path.Add("filters", options.Filters);
        return transport.ReadAsync(HttpMethod.Get, path.ToString(), RequestBody.None, ApiJson.Context.ListImageSummary, cancellationToken);
    }

    /// <summary><c>GET /images/{name}/json</c>.</summary>
    public Task<ImageInspect> InspectImageAsync(string image, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Get, $"/images/{ImagePath(image)}/json", RequestBody.None, ApiJson.Context.ImageInspect, cancellationToken);

    /// <summary>Gives an image another name.</summary>
    public Task TagImageAsync(string image, string repository, string? tag, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/images/{ImagePath(image)}/tag");
        path.Add("repo", repository);
        path.Add("tag", tag);
        return PostAsync(path.ToString(), cancellationToken);
    }

    /// <summary>Removes a name, and the image with its last one; returns what was done, in order.</summary>
    public Task<List<ImageDeleteItem>> RemoveImageAsync(
        string image, bool force, bool noPrune, IReadOnlyList<string> platforms, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/images/{ImagePath(image)}");
        path.Add("force", force);
        path.Add("noprune", noPrune);
        foreach (string platform in platforms)
            path.Add("platforms", platform);

        return transport.ReadAsync(HttpMethod.Delete, path.ToString(), RequestBody.None, ApiJson.Context.ListImageDeleteItem, cancellationToken);
    }

    /// <summary>Makes an image of a tar archive; <paramref name="archive"/> is read to its end unless the daemon fetches the source itself.</summary>
    public async Task ImportImageAsync(ImageImportOptions options, Stream? archive, Action<JsonMessage> progress, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/create");
        path.Add("fromSrc", options.Source);
        path.Add("repo", options.Repository);
        path.Add("tag", options.Tag);
        path.Add("message", options.Message);
        path.Add("platform", options.Platform);
        foreach (string change in options.Changes)
            path.Add("changes", change);

        if (archive is not null)
            await SettleVersionAsync(cancellationToken);

        using ResponseStream response = await transport.OpenAsync(
            HttpMethod.Post, path.ToString(), archive is null ? RequestBody.None : RequestBody.Of(archive), cancellationToken);
        ReadMessages(response, progress);
    }

    /// <summary>A body that is a stream cannot be sent twice, so an older daemon must be known before; ours is met at the first try.</summary>
    private async Task SettleVersionAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Get, "/_ping", RequestBody.None, cancellationToken);
        await transport.ReadBodyAsync(response, cancellationToken);
    }

    private static void ReadMessages(ResponseStream response, Action<JsonMessage> progress) => response.ReadLines(line =>
    {
        JsonMessage? message;
        try
        {
            message = JsonSerializer.Deserialize(line, ApiJson.Context.JsonMessage);
        }
        catch (JsonException exception)
        {
            throw new EngineConnectionException("the daemon's progress report is not JSON", exception);
        }

        if (message is not null)
            progress(message);
    });
}
