namespace Berth.Registry.Transport;

/// <summary>One request to a registry, as often as it has to be sent.</summary>
/// <param name="Method">HTTP's.</param>
/// <param name="Uri">Where it goes first.</param>
/// <param name="Subject">Begins the message of a failure: what is asked for, with registry, repository and tag or digest.</param>
internal sealed record RegistryCall(HttpMethod Method, Uri Uri, string Subject)
{
    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>The first and the last byte wanted; the last may be missing.</summary>
    public (long First, long? Last)? Range { get; init; }

    /// <summary>Makes the body anew for every attempt.</summary>
    public Func<HttpContent>? Content { get; init; }

    /// <summary>What a token has to be good for.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>How often it is sent before a failure that may pass counts; null: as the options say.</summary>
    public int? Attempts { get; init; }
}

/// <summary>The head of an answer, with its body still to be read.</summary>
internal sealed class RegistryAnswer(HttpResponseMessage message, TimeSpan stallLimit) : IDisposable
{
    public HttpResponseMessage Message { get; } = message;

    /// <summary>Where it came from in the end.</summary>
    public Uri Uri => Message.RequestMessage!.RequestUri!; // set by the handler

    public int Status => (int)Message.StatusCode;

    public bool IsSuccess => Message.IsSuccessStatusCode;

    public long? Length => Message.Content.Headers.ContentLength;

    public string? MediaType => Message.Content.Headers.ContentType?.MediaType;

    public string? Header(string name) =>
        Message.Headers.TryGetValues(name, out IEnumerable<string>? values) || Message.Content.Headers.TryGetValues(name, out values) ? values.FirstOrDefault() : null;

    /// <summary>The body; a read of it that brings nothing for too long fails with a <see cref="TimeoutException"/>, one that breaks with an <see cref="IOException"/>.</summary>
    public async Task<Stream> OpenAsync(CancellationToken cancellationToken) => new StallStream(await Message.Content.ReadAsStreamAsync(cancellationToken), stallLimit);

    public void Dispose() => Message.Dispose();
}

/// <summary>A request that got no answer.</summary>
internal sealed class UnreachableException(Uri uri, Exception cause) : Exception(cause.Message, cause)
{
    public Uri Uri { get; } = uri;
}
