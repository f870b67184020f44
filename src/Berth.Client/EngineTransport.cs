using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
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
    private volatile string version;

    public EngineTransport(EngineEndpoint endpoint, string apiVersion)
    {
        this.endpoint = endpoint;
        version = apiVersion;
        http = CreateInvoker(async (_, cancellationToken) => new NetworkStream(await endpoint.ConnectAsync(cancellationToken), ownsSocket: true));
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
            HttpResponseMessage response = await SendAsync(http, request, cancellationToken);
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
    public static async Task<byte[]> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            return await response.Content.ReadAsByteArrayAsync(cancellationToken);
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
    public async Task<HijackedStream> HijackAsync(string path, RequestBody body, CancellationToken cancellationToken)
    {
        while (true)
        {
            string used = version;
            Socket? socket = null;
            HttpMessageInvoker own = CreateInvoker(async (_, token) =>
            {
                socket = await endpoint.ConnectAsync(token);
                return new NetworkStream(socket, ownsSocket: true);
            });
            bool handedOver = false;
            try
            {
                using HttpRequestMessage request = CreateRequest(HttpMethod.Post, path, body, used);
                request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
                request.Headers.TryAddWithoutValidation("Upgrade", "tcp");
                HttpResponseMessage response = await SendAsync(own, request, cancellationToken);
                if ((int)response.StatusCode is >= 200 and < 300)
                    throw new EngineException(ErrorKind.Internal, "the daemon answered, but did not hand over the connection (wanted status 101)");

                if (response.StatusCode == HttpStatusCode.SwitchingProtocols)
                {
                    handedOver = true;
                    return new HijackedStream(socket!, response.Content.ReadAsStream(cancellationToken), Multiplexed(response), own); // connected, since it answered
                }

                string message = await ReadErrorAsync(response, cancellationToken);
                if (!TryDowngrade(message, used))
                    throw new EngineException(ErrorStatus.ToKind((int)response.StatusCode), message);
            }
            finally
            {
                if (!handedOver)
                    own.Dispose();
            }
        }
    }

    public async Task<ResponseStream> OpenAsync(HttpMethod method, string path, RequestBody body, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await SendAsync(method, path, body, cancellationToken);
        return new ResponseStream(response, await response.Content.ReadAsStreamAsync(cancellationToken), Multiplexed(response));
    }

    private bool? Multiplexed(HttpResponseMessage response) => response.Content.Headers.ContentType?.MediaType switch
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
        request.Content = body.ToContent();
        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMessageInvoker invoker, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await invoker.SendAsync(request, cancellationToken);
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

    private static async Task<string> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
        {
            byte[] bytes = await ReadBodyAsync(response, cancellationToken);
            try
            {
                if (JsonSerializer.Deserialize(bytes, ApiJson.Context.ErrorResponse) is { Message.Length: > 0 } error)
                    return error.Message;
            }
            catch (JsonException)
            {
                // Not an engine's answer; its text says more than our complaint about it would.
            }

            string text = Encoding.UTF8.GetString(bytes).Trim();
            return text.Length > 0 ? text : $"status {(int)response.StatusCode} without a message";
        }
    }

    private static HttpMessageInvoker CreateInvoker(Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> connect) =>
        new(new SocketsHttpHandler
        {
            ConnectCallback = connect,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
        });
}

/// <summary>What a request carries: nothing, JSON that can be sent again, or a stream that cannot.</summary>
internal readonly struct RequestBody
{
    private readonly byte[]? json;
    private readonly Stream? stream;

    private RequestBody(byte[]? json, Stream? stream)
    {
        this.json = json;
        this.stream = stream;
    }

    public static RequestBody None => default;

    public bool IsStream => stream is not null;

    public static RequestBody Json<T>(T value, JsonTypeInfo<T> type) => new(JsonSerializer.SerializeToUtf8Bytes(value, type), null);

    public static RequestBody Of(Stream stream) => new(null, stream);

    public HttpContent? ToContent()
    {
        if (stream is not null)
        {
            var content = new StreamContent(stream, 1 << 18);
            content.Headers.ContentType = new MediaTypeHeaderValue("text/plain");
            return content;
        }

        if (json is null)
            return null;

        var body = new ByteArrayContent(json);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return body;
    }
}
