using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A request as it arrived.</summary>
public sealed record SeenRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string? Range => Headers.GetValueOrDefault("range");

    public bool IsBlobOf(string digest) => Method == "GET" && Path.EndsWith("/blobs/" + digest, StringComparison.Ordinal);
}

/// <summary>What is done to an answer on its way; everything that is not said stays as it is.</summary>
public sealed record Fault
{
    /// <summary>The connection is reset after so many bytes of the body.</summary>
    public long? CutAt { get; init; }

    /// <summary>Only so many bytes of the body are sent in a second, in ten pieces.</summary>
    public int? BytesPerSecond { get; init; }

    /// <summary>This status is answered, and the registry not asked.</summary>
    public int? Status { get; init; }

    /// <summary>Headers that the answer gets, in place of those of the same name.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>The body in the place of the registry's.</summary>
    public Func<byte[], byte[]>? Body { get; init; }

    /// <summary>The body goes on for ever.</summary>
    public bool IsEndless { get; init; }
}

/// <summary>A registry in front of another that spoils what passes, and remembers what was asked.</summary>
public sealed class FaultyRegistry : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly HttpClient upstream;
    private readonly ConcurrentQueue<SeenRequest> seen = new();
    private volatile Func<SeenRequest, Fault?> rule = static _ => null;

    public FaultyRegistry(string registry)
    {
        upstream = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = new Uri("http://" + registry) };
        listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Host and port.</summary>
    public string Address => $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture)}";

    public IReadOnlyList<SeenRequest> Seen => [.. seen];

    /// <summary>Spoils what <paramref name="next"/> returns a fault for from now on, and forgets what was asked.</summary>
    public void Spoil(Func<SeenRequest, Fault?> next)
    {
        rule = next;
        seen.Clear();
    }

    public void Dispose()
    {
        stop.Cancel();
        listener.Stop();
        upstream.Dispose();
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptSocketAsync(stop.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using (client)
        {
            try
            {
                await using var stream = new NetworkStream(client);
                await AnswerAsync(client, stream, await ReadAsync(stream));
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or HttpRequestException or ObjectDisposedException)
            {
                // The client's, the test's or the fault's end of it.
            }
        }
    }

    // One request a connection, with a head alone: that is all that a pull sends.
    private static async Task<SeenRequest> ReadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                throw new IOException("no request");
            }

            head.Append((char)one[0]);
        }

        string[] lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = lines[0].Split(' ');
        var headers = lines[1..].Select(static line => line.Split(':', 2)).ToDictionary(static pair => pair[0].ToLowerInvariant(), static pair => pair[1].Trim(), StringComparer.Ordinal);
        return new SeenRequest(first[0], first[1], headers);
    }

    private async Task AnswerAsync(Socket client, NetworkStream stream, SeenRequest request)
    {
        seen.Enqueue(request);
        Fault fault = rule(request) ?? new Fault();
        (int status, Dictionary<string, string> headers, byte[] body) = fault.Status is { } given
            ? (given, [], [])
            : await AskAsync(request);
        body = fault.Body?.Invoke(body) ?? body;
        if (request.Method != "HEAD")
        {
            headers["content-length"] = body.Length.ToString(CultureInfo.InvariantCulture);
        }

        foreach ((string name, string value) in fault.Headers)
        {
            headers[name] = value;
        }

        if (fault.IsEndless)
        {
            headers.Remove("content-length");
        }

        string head = $"HTTP/1.1 {status} Status\r\n{string.Concat(headers.Select(static header => $"{header.Key}: {header.Value}\r\n"))}connection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        if (request.Method == "HEAD")
        {
            return;
        }

        if (fault.CutAt is { } cut && cut < body.Length)
        {
            await stream.WriteAsync(body.AsMemory(0, (int)cut));
            client.LingerState = new LingerOption(true, 0); // a reset
            return;
        }

        int piece = fault.BytesPerSecond / 10 ?? body.Length;
        for (int at = 0; at < body.Length; at += piece)
        {
            await stream.WriteAsync(body.AsMemory(at, Math.Min(piece, body.Length - at)), stop.Token);
            if (fault.BytesPerSecond is not null)
            {
                await Task.Delay(100, stop.Token);
            }
        }

        while (fault.IsEndless)
        {
            await stream.WriteAsync(new byte[64 << 10], stop.Token);
        }
    }

    private async Task<(int Status, Dictionary<string, string> Headers, byte[] Body)> AskAsync(SeenRequest request)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Path);
        foreach ((string name, string value) in request.Headers.Where(static header => header.Key is not ("host" or "connection")))
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage answer = await upstream.SendAsync(message, stop.Token);
        Dictionary<string, string> headers = answer.Headers.Concat(answer.Content.Headers).Where(static header => !header.Key.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            .ToDictionary(static header => header.Key.ToLowerInvariant(), static header => string.Join(", ", header.Value), StringComparer.Ordinal);
        return ((int)answer.StatusCode, headers, await answer.Content.ReadAsByteArrayAsync(stop.Token));
    }
}
