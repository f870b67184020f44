namespace Berth.Registry.Transport;

/// <summary>One request to a registry, as often as it has to be sent.</summary>
internal sealed record RegistryCall(HttpMethod Method, Uri Uri, string Subject)
{
    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>The first and the last byte wanted; the last may be missing.</summary>
    public (long First, long? Last)? Range { get; init; }

    /// <summary>Makes the body anew for every attempt.</summary>
    public Func<HttpContent>? Content { get; init; }

    /// <summary>What a token has to be good for.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Whether it is sent again after a failure that may pass.</summary>
    public bool IsRetried { get; init; } = true;
}

/// <summary>The head of an answer, with its body still to be read.</summary>
internal sealed class RegistryAnswer(HttpResponseMessage message, Uri uri) : IDisposable
{
    public HttpResponseMessage Message { get; } = message;

    /// <summary>Where it came from in the end.</summary>
    public Uri Uri { get; } = uri;

    public int Status => (int)Message.StatusCode;

    public bool IsSuccess => Message.IsSuccessStatusCode;

    public string? Header(string name) =>
        Message.Headers.TryGetValues(name, out IEnumerable<string>? values) || Message.Content.Headers.TryGetValues(name, out values) ? values.FirstOrDefault() : null;

    public Task<Stream> OpenAsync(CancellationToken cancellationToken) => Message.Content.ReadAsStreamAsync(cancellationToken);

    public void Dispose() => Message.Dispose();
}
