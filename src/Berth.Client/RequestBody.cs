using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Api;

namespace Berth.Client;

/// <summary>What a request carries: nothing, JSON that can be sent again, or a stream that cannot.</summary>
internal readonly record struct RequestBody
{
    private readonly byte[]? json;
    private readonly Stream? stream;
    private readonly Action<Stream>? write;
    private readonly string? mediaType;
    private readonly long? length;

    private RequestBody(byte[]? json, Stream? stream, Action<Stream>? write, string? mediaType, long? length = null)
    {
        this.length = length;
        this.json = json;
        this.stream = stream;
        this.write = write;
        this.mediaType = mediaType;
    }

    public static RequestBody None => default;

    /// <summary>The value of the header X-Registry-Auth; null for none.</summary>
    public string? RegistryAuth { get; private init; }

    /// <summary>The value of the header X-Registry-Config; null for none.</summary>
    public string? RegistryConfig { get; private init; }

    public bool IsStream => stream is not null || write is not null;

    /// <summary>The JSON document; null when there is none.</summary>
    public byte[]? JsonBytes => json;

    public static RequestBody Json<T>(T value, JsonTypeInfo<T> type) => new(JsonSerializer.SerializeToUtf8Bytes(value, type), null, null, null);

    /// <summary>A document that is JSON already.</summary>
    public static RequestBody RawJson(byte[] json) => new(json, null, null, null);

    public static RequestBody Of(Stream stream, string mediaType = "text/plain") => new(null, stream, null, mediaType);

    /// <summary>What a function writes, once: <paramref name="length"/> bytes where that is known before.</summary>
    public static RequestBody Of(Action<Stream> write, string mediaType, long? length) => new(null, null, write, mediaType, length);

    /// <summary>The same with credentials for a registry; those of nobody are sent as well, as the stock client does.</summary>
    public RequestBody With(RegistryAuth? auth) => this with { RegistryAuth = Encode(auth ?? new RegistryAuth()) };

    /// <summary>The same with credentials for several registries, by key.</summary>
    public RequestBody WithAll(IReadOnlyDictionary<string, RegistryAuth> auths) =>
        this with { RegistryConfig = Encode(JsonSerializer.SerializeToUtf8Bytes(new(auths), ApiJson.Context.DictionaryStringRegistryAuth)) };

    private static string Encode(RegistryAuth auth) => Encode(JsonSerializer.SerializeToUtf8Bytes(auth, ApiJson.Context.RegistryAuth));

    private static string Encode(byte[] json) => Convert.ToBase64String(json).Replace('+', '-').Replace('/', '_');

    public HttpContent? ToContent()
    {
        if (stream is not null || write is not null)
        {
            HttpContent content = write is null ? new StreamContent(stream!, 1 << 18) : new WrittenContent(write, length); // one of both is set
            content.Headers.ContentType = new MediaTypeHeaderValue(mediaType ?? "text/plain");
            return content;
        }

        if (json is null)
            return null;

        var body = new ByteArrayContent(json);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return body;
    }

    private sealed class WrittenContent(Action<Stream> write, long? known) : HttpContent
    {
        protected override void SerializeToStream(Stream stream, TransportContext? context, CancellationToken cancellationToken) => write(stream);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => Task.Run(() => write(stream));

        protected override bool TryComputeLength(out long length)
        {
            length = known ?? -1;
            return known is not null;
        }
    }
}
