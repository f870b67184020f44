using System.Text.Json;
using Berth.Api;

namespace Berth.Client;

/// <summary>What to fetch from a registry.</summary>
public sealed record ImagePullOptions
{
    /// <summary>The repository with its registry, such as <c>docker.io/library/busybox</c>.</summary>
    public required string Repository { get; init; }

    /// <summary>A tag or a digest; null for all tags.</summary>
    public string? Tag { get; init; }

    /// <summary><c>os[/architecture[/variant]]</c>; null for the daemon's own.</summary>
    public string? Platform { get; init; }

    /// <summary>Null for none.</summary>
    public RegistryAuth? Auth { get; init; }
}

/// <summary>What to send to a registry.</summary>
public sealed record ImagePushOptions
{
    /// <inheritdoc cref="ImagePullOptions.Repository"/>
    public required string Repository { get; init; }

    /// <summary>Null for all tags.</summary>
    public string? Tag { get; init; }

    /// <summary>The one platform of an index to send; null for everything. Engines older than API 1.46 do not know of it.</summary>
    public DistributionPlatform? Platform { get; init; }

    /// <summary>Null for none.</summary>
    public RegistryAuth? Auth { get; init; }
}

/// <summary>A search for repositories.</summary>
public sealed record ImageSearchOptions
{
    /// <summary>What to look for; it may begin with a registry.</summary>
    public required string Term { get; init; }

    /// <summary>How many at most; 0 for the registry's choice.</summary>
    public int Limit { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Filters { get; init; } = [];

    /// <summary>Null for none.</summary>
    public RegistryAuth? Auth { get; init; }
}

public sealed partial class EngineClient
{
    /// <summary>
    /// Fetches an image from its registry (<c>POST /images/create</c>). <paramref name="progress"/> gets each step; one with an error is the last, and nothing is thrown for it.
    /// </summary>
    public async Task PullImageAsync(ImagePullOptions options, Action<JsonMessage> progress, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/create");
        path.Add("fromImage", options.Repository);
        path.Add("platform", options.Platform);
        path.Add("tag", options.Tag);
        using ResponseStream response = await transport.OpenAsync(HttpMethod.Post, path.ToString(), RequestBody.None.With(options.Auth), cancellationToken);
        ReadMessages(response, progress);
    }

    /// <summary>Sends an image to its registry (<c>POST /images/{name}/push</c>); <paramref name="progress"/> as with a pull.</summary>
    public async Task PushImageAsync(ImagePushOptions options, Action<JsonMessage> progress, CancellationToken cancellationToken = default)
    {
        var path = new QueryString($"/images/{options.Repository}/push"); // repositories consist of what needs no escapes
        path.Add("platform", options.Platform is null ? null : JsonSerializer.Serialize(options.Platform, ApiJson.Context.DistributionPlatform));
        path.Add("tag", options.Tag);
        using ResponseStream response = await transport.OpenAsync(HttpMethod.Post, path.ToString(), RequestBody.None.With(options.Auth), cancellationToken);
        ReadMessages(response, progress);
    }

    /// <summary>Tries credentials (<c>POST /auth</c>).</summary>
    /// <exception cref="Model.EngineException"><see cref="Model.ErrorKind.Unauthorized"/>: the registry does not take them.</exception>
    public Task<AuthResponse> LoginAsync(RegistryAuth auth, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Post, "/auth", RequestBody.Json(auth, ApiJson.Context.RegistryAuth), ApiJson.Context.AuthResponse, cancellationToken);

    /// <summary>Looks for repositories in a registry (<c>GET /images/search</c>).</summary>
    public Task<List<ImageSearchHit>> SearchImagesAsync(ImageSearchOptions options, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/images/search");
        path.Add("filters", options.Filters);
        if (options.Limit > 0)
            path.Add("limit", options.Limit.ToString(System.Globalization.CultureInfo.InvariantCulture));

        path.Add("term", options.Term);
        return transport.ReadAsync(HttpMethod.Get, path.ToString(), RequestBody.None.With(options.Auth), ApiJson.Context.ListImageSearchHit, cancellationToken);
    }

    /// <summary>What a registry has under a name (<c>GET /distribution/{name}/json</c>).</summary>
    public Task<DistributionInspect> GetDistributionAsync(string name, RegistryAuth? auth, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Get, $"/distribution/{name}/json", RequestBody.None.With(auth), ApiJson.Context.DistributionInspect, cancellationToken);
}
