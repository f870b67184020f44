using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>An answer of the API.</summary>
public sealed record Reply(HttpStatusCode Status, string Text)
{
    /// <summary>The body as JSON.</summary>
    public JsonNode Json => JsonNode.Parse(Text) ?? throw new InvalidOperationException($"the answer is JSON null (status {Status})");

    /// <summary>The message of an error; fails when the body is not docker's error form.</summary>
    public string Message
    {
        get
        {
            string? message = null;
            try
            {
                message = JsonNode.Parse(Text)?["message"]?.GetValue<string>();
            }
            catch (System.Text.Json.JsonException)
            {
                // Shown below.
            }

            Assert.True(!string.IsNullOrEmpty(message), $"status {(int)Status} without a JSON message: {Text}");
            return message!; // just asserted
        }
    }

    public Reply Expect(HttpStatusCode status)
    {
        Assert.True(Status == status, $"status {(int)Status}, wanted {(int)status}: {Text}");
        return this;
    }

    public void ExpectOneOf(params HttpStatusCode[] wanted) => Assert.True(wanted.Contains(Status), $"status {(int)Status}, wanted {string.Join(" or ", wanted)}: {Text}");
}

/// <summary>The API spoken directly.</summary>
public sealed class EngineHttp : IDisposable
{
    private readonly string socketPath;
    private readonly HttpClient client;

    public EngineHttp(string socketPath)
    {
        this.socketPath = socketPath;
        client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) => new NetworkStream(await ConnectAsync(cancellationToken), ownsSocket: true),
        })
        {
            BaseAddress = new Uri("http://berth"),
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    public Task<Reply> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public Task<Reply> PostAsync(string path, JsonNode? body = null) =>
        SendAsync(HttpMethod.Post, path, body is null ? null : Json(body.ToJsonString()));

    public Task<Reply> PostTextAsync(string path, string body) => SendAsync(HttpMethod.Post, path, Json(body));

    public Task<Reply> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null);

    /// <summary>Sends a tar archive as an image with this name.</summary>
    public Task<Reply> ImportAsync(Stream archive, string repository, string tag = "latest")
    {
        var content = new StreamContent(archive);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        return SendAsync(HttpMethod.Post, $"/images/create?fromSrc=-&repo={repository}&tag={tag}", content);
    }

    public async Task<Reply> SendAsync(HttpMethod method, string path, HttpContent? content)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using HttpResponseMessage response = await client.SendAsync(request);
        return new Reply(response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async Task<byte[]> GetBytesAsync(string path)
    {
        using HttpResponseMessage response = await client.GetAsync(path);
        byte[] bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: status {(int)response.StatusCode}: {Encoding.UTF8.GetString(bytes)}");
        return bytes;
    }

    /// <summary>Makes a container of busybox with this command and returns its id.</summary>
    public async Task<string> CreateAsync(string name, string[] command, bool tty = false)
    {
        Reply reply = (await PostAsync($"/containers/create?name={name}", Request(command, tty))).Expect(HttpStatusCode.Created);
        return reply.Json["Id"]!.GetValue<string>(); // a created answer has an id
    }

    public static JsonObject Request(string[] command, bool tty = false) => new()
    {
        ["Image"] = "busybox",
        ["Cmd"] = new JsonArray([.. command.Select(static word => (JsonNode)word)]),
        ["Tty"] = tty,
        ["HostConfig"] = new JsonObject { ["NetworkMode"] = "none" },
    };

    /// <summary>Bytes sent as they are; the answer until the daemon closes or the timeout passes.</summary>
    public async Task<string> RawAsync(byte[] bytes, bool closeSending = false, int seconds = 10)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        using Socket socket = await ConnectAsync(limit.Token);
        var answer = new StringBuilder();
        byte[] buffer = new byte[8192];
        try
        {
            await socket.SendAsync(bytes, limit.Token);
            if (closeSending)
            {
                socket.Shutdown(SocketShutdown.Send);
            }

            for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) > 0;)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // What came until here is the answer.
        }

        return answer.ToString();
    }

    /// <summary>A connection to the daemon's socket.</summary>
    public async Task<Socket> ConnectAsync(CancellationToken cancellationToken = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => client.Dispose();

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");
}
