using Berth.Api;
using Berth.Model;

namespace Berth.Client;

/// <summary>How a client speaks to its engine.</summary>
public sealed record EngineClientOptions
{
    /// <summary>The API version to begin with, such as 1.41.</summary>
    public string ApiVersion { get; init; } = EngineClient.NewestApiVersion;

    /// <summary>
    /// Requests run to their end on the calling thread, and the tasks returned are complete. Saves a short-lived program the start of the thread
    /// pool and of the event loop; do not set it in a server.
    /// </summary>
    public bool BlockingIo { get; init; }

    /// <summary>For an engine on TCP that wants TLS; null for none. The client does not dispose it.</summary>
    public EngineTls? Tls { get; init; }
}

/// <summary>
/// A typed client of the Docker Engine API, for one engine. Methods throw <see cref="EngineException"/> with the daemon's own message when it
/// refuses, and <see cref="EngineConnectionException"/> when it cannot be reached or goes away. Safe for concurrent use.
/// </summary>
public sealed partial class EngineClient : IDisposable
{
    /// <summary>The newest API version that this client speaks; a daemon that is older is spoken to in its own.</summary>
    public const string NewestApiVersion = "1.51";

    private readonly EngineTransport transport;

    /// <param name="endpoint">Where the engine listens; nothing is sent before the first call.</param>
    /// <param name="options">Null for the defaults.</param>
    public EngineClient(EngineEndpoint endpoint, EngineClientOptions? options = null) =>
        transport = new EngineTransport(endpoint, options ?? new EngineClientOptions());

    /// <summary>The API version in use now; final only after the first answer.</summary>
    public string ApiVersion => transport.ApiVersion;

    public void Dispose() => transport.Dispose();

    /// <summary><c>GET /version</c>.</summary>
    public Task<VersionResponse> GetVersionAsync(CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, "/version", RequestBody.None, ApiJson.Context.VersionResponse, cancellationToken);

    /// <summary><c>GET /info</c>.</summary>
    public Task<SystemInfo> GetInfoAsync(CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, "/info", RequestBody.None, ApiJson.Context.SystemInfo, cancellationToken);

    /// <summary>Any GET answer as the daemon wrote it; <paramref name="path"/> begins with a slash and has no version.</summary>
    public Task<byte[]> GetRawAsync(string path, CancellationToken cancellationToken = default) =>
        transport.ReadBytesAsync(HttpMethod.Get, path, RequestBody.None, cancellationToken);

    /// <summary>A connection to the engine on which nothing was said yet, for a program that speaks HTTP itself. Blocks.</summary>
    /// <exception cref="EngineConnectionException">It cannot be reached.</exception>
    public HijackedStream OpenConnection() => transport.OpenConnection();

    private async Task PostAsync(string path, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Post, path, RequestBody.None, cancellationToken);
        await transport.ReadBodyAsync(response, cancellationToken); // frees the connection for the next request
    }

    private static string Segment(string name) => Uri.EscapeDataString(name);

    /// <summary>
    /// An image's name within a path. It has slashes, and servers take an escaped one for a part of the name; a name with <c>.</c> or <c>..</c> between them, which
    /// is none, would be another path, and stays escaped.
    /// </summary>
    public static string ImagePath(string name)
    {
        string escaped = Uri.EscapeDataString(name);
        return name.Split('/').Any(static part => part is "." or "..") ? escaped : escaped.Replace("%2F", "/", StringComparison.Ordinal);
    }
}
