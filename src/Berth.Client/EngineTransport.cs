using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Api;
using Berth.Model;

namespace Berth.Client;

/// <summary>
/// Requests to one engine: versioned paths, errors as <see cref="EngineException"/>, connections that leave HTTP. Connections are kept and used
/// again. An older daemon refuses our API version and names its own: the request is repeated with that, so newer ones never cost a ping.
/// </summary>
internal sealed class EngineTransport : IDisposable
{
    private const string NewestVersionMark = "Maximum supported API version is ";

    private readonly EngineEndpoint endpoint;
    private readonly HttpMessageInvoker http;
    private readonly bool blocking;
    private readonly EngineTls? tls;
    private volatile string version;

    public EngineTransport(EngineEndpoint endpoint, EngineClientOptions options)
    {
        this.endpoint = endpoint;
        version = options.ApiVersion;
        blocking = options.BlockingIo;
        tls = options.Tls;
        http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // Within TLS the requests are plain HTTP to the handler: it would ask for certificates in its own way.
            ConnectCallback = (_, cancellationToken) => EngineConnection.OpenStreamAsync(endpoint, tls, blocking, cancellationToken),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            MaxResponseDrainSize = 0, // an answer that is given up, such as a wait, must not hold anybody up
        });
    }

    /// <summary>The version now in use.</summary>
    public string ApiVersion => version;

    public void Dispose() => http.Dispose();

    /// <summary>Sends a request and checks its status; the caller disposes the answer.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, RequestBody body, CancellationToken cancellationToken)
    {
        while (true)
        {
            string used = version;
            using HttpRequestMessage request = CreateRequest(method, path, body, used);
            HttpResponseMessage response = await SendOnceAsync(request, cancellationToken);
            if ((int)response.StatusCode is < 400 and not 304)
                return response;

            string message = await ReadErrorAsync(response, cancellationToken);
            if (!TryDowngrade(message, used) || body.IsStream)
                throw new EngineException(ErrorStatus.ToKind((int)response.StatusCode), message);
        }
    }

    public async Task<T> ReadAsync<T>(HttpMethod method, string path, RequestBody body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        byte[] bytes = await ReadBytesAsync(method, path, body, cancellationToken);
        return Deserialize(bytes, type);
    }

    public async Task<byte[]> ReadBytesAsync(HttpMethod method, string path, RequestBody body, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(method, path, body, cancellationToken);
        return await ReadBodyAsync(response, cancellationToken);
    }

    /// <summary>Reads the rest of an answer.</summary>
    public async Task<byte[]> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            if (!blocking)
                return await response.Content.ReadAsByteArrayAsync(cancellationToken);

            using var buffer = new MemoryStream((int)Math.Min(response.Content.Headers.ContentLength ?? 4096, 1 << 20));
            response.Content.ReadAsStream(cancellationToken).CopyTo(buffer);
            return buffer.ToArray();
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new EngineConnectionException("the connection to the daemon broke before its answer was complete", exception);
        }
    }

    public static T Deserialize<T>(byte[] bytes, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.Internal, "the daemon's answer is not what the Engine API describes: " + exception.Path, exception);
        }
    }

    /// <summary>Sends a POST that asks to leave HTTP. The connection belongs to the result alone.</summary>
    public async Task<HijackedStream> HijackAsync(string path, RequestBody body, CancellationToken cancellationToken) => blocking
        ? Hijack(path, body, cancellationToken)
        : await Task.Run(() => Hijack(path, body, cancellationToken), cancellationToken);

    /// <summary>A connection on which nothing was said yet.</summary>
    public HijackedStream OpenConnection() => new(EngineConnection.Open(endpoint, tls), ReadOnlyMemory<byte>.Empty, multiplexed: null);

    private HijackedStream Hijack(string path, RequestBody body, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string used = version;
            HijackAnswer answer = HijackHandshake.Run(endpoint, tls, $"/v{used}{path}", body.JsonBytes);
            if (answer.Connection is { } connection)
                return new HijackedStream(connection, answer.Rest, Multiplexed(answer.MediaType));

            if (answer.Status < 400)
                throw new EngineException(ErrorKind.Internal, $"the daemon did not hand over the connection: got status {answer.Status}, wanted 101");

            string message = ErrorMessage(answer.Status, answer.Rest);
            if (!TryDowngrade(message, used))
                throw new EngineException(ErrorStatus.ToKind(answer.Status), message);
        }
    }

    public async Task<ResponseStream> OpenAsync(HttpMethod method, string path, RequestBody body, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await SendAsync(method, path, body, cancellationToken);
        return new ResponseStream(response, response.Content.ReadAsStream(cancellationToken), Multiplexed(response.Content.Headers.ContentType?.MediaType));
    }

    /// <summary>The body of an answer whose bytes are no container's output; the result owns the answer.</summary>
    public static ResponseStream ToStream(HttpResponseMessage response, CancellationToken cancellationToken) =>
        new(response, response.Content.ReadAsStream(cancellationToken), multiplexed: null);

    private bool? Multiplexed(string? mediaType) => mediaType switch
    {
        StreamFraming.MultiplexedMediaType => true,
        StreamFraming.RawMediaType when ApiVersionOrder(version) >= ApiVersionOrder("1.42") => false,
        _ => null,
    };

    private static int ApiVersionOrder(string text)
    {
        int point = text.IndexOf('.');
        return point > 0 && int.TryParse(text.AsSpan(0, point), out int major) && int.TryParse(text.AsSpan(point + 1), out int minor)
            ? (major * 1000) + minor
            : 0;
    }

    /// <summary>Whether a request made with version <paramref name="used"/> is worth repeating; concurrent requests may find the version lowered already.</summary>
    private bool TryDowngrade(string message, string used)
    {
        int at = message.IndexOf(NewestVersionMark, StringComparison.Ordinal);
        if (at < 0)
            return false;

        string newest = message[(at + NewestVersionMark.Length)..].Trim();
        if (ApiVersionOrder(newest) == 0 || ApiVersionOrder(newest) >= ApiVersionOrder(used))
            return false;

        version = newest;
        return true;
    }

    private HttpRequestMessage CreateRequest(HttpMethod method, string path, RequestBody body, string apiVersion)
    {
        var request = new HttpRequestMessage(method, $"http://{endpoint.Host}{(endpoint.Port == 0 ? "" : ":" + endpoint.Port)}/v{apiVersion}{path}");
        request.Headers.TryAddWithoutValidation("User-Agent", "Berth-Client");
        if (body.RegistryAuth is { } credentials)
            request.Headers.TryAddWithoutValidation(RegistryAuth.HeaderName, credentials);

        if (body.RegistryConfig is { } all)
            request.Headers.TryAddWithoutValidation("X-Registry-Config", all);

        request.Content = body.ToContent();
        if (body.IsStream)
            request.Headers.ExpectContinue = true; // a refusal comes before the body then, not as a broken connection in the middle of it

        return request;
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return blocking ? http.Send(request, cancellationToken) : await http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
            {
                if (cause is EngineConnectionException connection)
                    throw connection;
            }

            throw new EngineConnectionException($"the daemon at {endpoint.Text} closed the connection without an answer", exception);
        }
    }

    private async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
            return ErrorMessage((int)response.StatusCode, await ReadBodyAsync(response, cancellationToken));
    }

    private static string ErrorMessage(int status, byte[] body)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, ApiJson.Context.ErrorResponse) is { Message.Length: > 0 } error)
                return error.Message;
        }
        catch (JsonException)
        {
            // Not an engine's answer; its text says more than our complaint about it would.
        }

        string text = Encoding.UTF8.GetString(body).Trim();
        return text.Length > 0 ? text : $"status {status} without a message";
    }
}
