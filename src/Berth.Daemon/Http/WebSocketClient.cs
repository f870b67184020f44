using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Berth.Model;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Daemon.Http;

/// <summary>
/// A client attached through a WebSocket (RFC 6455; Engine API, ContainerAttachWebsocket): output comes in messages without docker's frames, whatever stream it is
/// of; what the client sends, text or not, is input. The connection ends with this object.
/// </summary>
internal sealed class WebSocketClient : IAttachedClient, IAsyncDisposable
{
    private const int BufferBytes = 32 << 10;
    private const string Version = "13", KeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, section 1.3
    private const int KeyBytes = 16;
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(2);
    private readonly WebSocket socket;
    private readonly FrameSplitter? frames;
    private readonly WebSocketMessageType kind;
    private readonly CancellationTokenSource ended;
    private readonly CancellationTokenSource receives = new();
    private readonly byte[] buffer = new byte[BufferBytes];
    private Task<ValueWebSocketReceiveResult>? receiving;

    private WebSocketClient(HttpContext context, WebSocket socket, bool isTerminal)
    {
        this.socket = socket;
        frames = isTerminal ? null : new FrameSplitter();
        kind = context.GetApiVersion().IsAtLeast(1, 28) ? WebSocketMessageType.Binary : WebSocketMessageType.Text;
        CancellationToken stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        ended = CancellationTokenSource.CreateLinkedTokenSource(stopping, context.RequestAborted);
        Ended = ended.Token;
    }

    /// <summary>The client's or the daemon's end.</summary>
    public CancellationToken Ended { get; }

    /// <inheritdoc/>
    public bool HasLeft { get; private set; }

    /// <summary>Tells whether the request can be answered by <see cref="TakeAsync"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument: it asks for no WebSocket of version 13.</exception>
    public static void Check(HttpContext context)
    {
        IHeaderDictionary headers = context.Request.Headers;
        IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
        if (upgrade is not { IsUpgradableRequest: true } || !headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase))
        {
            throw new EngineException(ErrorKind.InvalidArgument, "the request does not ask for a WebSocket: \"Connection: Upgrade\" and \"Upgrade: websocket\" are missing");
        }

        if (headers.SecWebSocketVersion.ToString() != Version)
        {
            context.Response.Headers.SecWebSocketVersion = Version;
            throw new EngineException(ErrorKind.InvalidArgument, $"Sec-WebSocket-Version is \"{headers.SecWebSocketVersion}\"; the version spoken here is {Version}");
        }

        if (!Convert.TryFromBase64String(headers.SecWebSocketKey.ToString(), new byte[KeyBytes], out int length) || length != KeyBytes)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Sec-WebSocket-Key must be {KeyBytes} bytes in base64");
        }
    }

    /// <summary>Answers 101 to a request that <see cref="Check"/> let through.</summary>
    public static async Task<WebSocketClient> TakeAsync(HttpContext context, bool isTerminal)
    {
        IHeaderDictionary answer = context.Response.Headers;
        answer.Connection = "Upgrade";
        answer.Upgrade = "websocket";
        answer.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey.ToString());
        Stream stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        return new WebSocketClient(context, WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) }), isTerminal);
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // A receive that is cancelled takes the whole connection with it, and with it the goodbye: only the wait for it is.
            receiving ??= socket.ReceiveAsync(buffer.AsMemory(), receives.Token).AsTask();
            ValueWebSocketReceiveResult result = await receiving.WaitAsync(cancellationToken);
            receiving = null;
            if (result.MessageType == WebSocketMessageType.Close)
            {
                HasLeft = true;
                return [];
            }

            if (result.Count > 0)
            {
                return buffer[..result.Count];
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (frames is null)
        {
            await socket.SendAsync(bytes, kind, endOfMessage: true, cancellationToken);
            return;
        }

        for (FrameSplitter.Stretch next; (next = frames.Next(bytes)).Text.Length > 0; bytes = next.Rest)
        {
            await socket.SendAsync(next.Text, kind, endOfMessage: true, cancellationToken);
        }
    }

    /// <summary>Says goodbye where the client still listens, and ends the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                using var limit = new CancellationTokenSource(LongestGoodbye);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went first.
        }

        await receives.CancelAsync();
        await ((Task)(receiving ?? Task.FromResult(default(ValueWebSocketReceiveResult)))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        socket.Dispose();
        receives.Dispose();
        ended.Dispose();
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "RFC 6455 says SHA-1; nothing is kept secret by it.")]
    private static string Accept(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + KeySuffix)));
}
