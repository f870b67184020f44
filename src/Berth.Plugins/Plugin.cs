using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Berth.Model;

namespace Berth.Plugins;

/// <summary>How much a caller waits for a plugin that cannot be reached.</summary>
public enum PluginPatience
{
    /// <summary>There is one, and it may be starting: it is looked for, and connecting is tried again, for <see cref="PluginOptions.ConnectTime"/>.</summary>
    Full,

    /// <summary>As <see cref="Full"/> when something tells of it; a name that nobody has is told at once, as it may be a user's mistake.</summary>
    Connect,

    /// <summary>One attempt, and <see cref="PluginOptions.EndAnswerTime"/> for the answer, for what must not hold up others: the end of a container.</summary>
    None,
}

/// <summary>A plugin that has been found and has said what it is. Safe for concurrent use.</summary>
public sealed class Plugin : IDisposable
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);

    private readonly Lock sync = new();
    private readonly PluginOptions options;
    private readonly PluginDirectory directory;
    private PluginTransport transport;

    internal Plugin(string name, PluginAddress address, PluginOptions options, PluginDirectory directory)
    {
        Name = name;
        this.options = options;
        this.directory = directory;
        transport = new PluginTransport(name, address);
    }

    public string Name { get; }

    /// <summary>What it said it is, such as <c>NetworkDriver</c>.</summary>
    public IReadOnlyList<string> Implements { get; internal set; } = [];

    /// <summary>Calls the plugin.</summary>
    /// <exception cref="EngineException">Each with the plugin's name. Unavailable: it cannot be reached, or does not answer in time; Internal: it answered with an error, or with
    /// what is no answer to this call.</exception>
    public async Task<TAnswer> CallAsync<TRequest, TAnswer>(PluginCall<TRequest, TAnswer> call, TRequest request, PluginPatience patience, CancellationToken cancellationToken)
    {
        byte[] body = call.Request is null ? [] : JsonSerializer.SerializeToUtf8Bytes(request, call.Request);
        byte[] answer = await SendAsync(call.Method, body, patience, cancellationToken);
        try
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException($"wanted an object, got {document.RootElement.ValueKind}");
            }

            // Network plugins say Err, address plugins Error.
            if (ErrorIn(document.RootElement) is { } error)
            {
                throw Failure(ErrorKind.Internal, call.Method, error);
            }

            return document.RootElement.Deserialize(call.Answer) ?? throw new JsonException("wanted an object, got null");
        }
        catch (Exception exception) when (IsNotTheProtocol(exception))
        {
            throw Failure(ErrorKind.Internal, call.Method, $"the answer is not what the protocol has: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => transport.Dispose();

    private async Task<byte[]> SendAsync(string method, byte[] body, PluginPatience patience, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan delay = FirstDelay;
        while (true)
        {
            try
            {
                return await SendOnceAsync(method, body, patience == PluginPatience.None ? options.EndAnswerTime : options.AnswerTime, cancellationToken);
            }
            catch (HttpRequestException exception) when (exception.InnerException is SocketException && exception.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
            {
                // Nothing was sent yet, so nothing is done twice.
                if (patience == PluginPatience.None || Stopwatch.GetElapsedTime(start) + delay > options.ConnectTime)
                {
                    throw Failure(ErrorKind.Unavailable, method, $"it cannot be reached at {transport.Address}: {exception.InnerException.Message}; is it running?", exception);
                }
            }
            catch (HttpRequestException exception)
            {
                throw Failure(ErrorKind.Unavailable, method, $"the connection to {transport.Address} failed: {(exception.InnerException ?? exception).Message}", exception);
            }
            catch (IOException exception)
            {
                throw Failure(ErrorKind.Unavailable, method, $"its answer ended early: {exception.Message}", exception);
            }

            await Task.Delay(delay, cancellationToken);
            delay *= 2;
            Follow();
        }
    }

    private async Task<byte[]> SendOnceAsync(string method, byte[] body, TimeSpan longest, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        try
        {
            using HttpResponseMessage response = await transport.SendAsync(method, body, limit.Token);
            byte[] answer = await ReadAsync(method, response, limit.Token);
            return response.StatusCode == HttpStatusCode.OK ? answer : throw Failure(ErrorKind.Internal, method, ErrorOf(response.StatusCode, answer));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failure(ErrorKind.Unavailable, method, $"no answer within {longest.TotalSeconds:0.#} s");
        }
    }

    private async Task<byte[]> ReadAsync(string method, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var answer = new MemoryStream();
        byte[] block = new byte[4096];
        while (await stream.ReadAsync(block, cancellationToken) is > 0 and var count)
        {
            if (answer.Length + count > options.MaxAnswer)
            {
                throw Failure(ErrorKind.Internal, method, $"the answer has more than {options.MaxAnswer} bytes");
            }

            answer.Write(block, 0, count);
        }

        return answer.ToArray();
    }

    // A plugin that was started again may listen somewhere else.
    private void Follow()
    {
        PluginAddress? found = directory.Find(Name);
        lock (sync)
        {
            if (found is not null && found != transport.Address)
            {
                // The former is not disposed: another call may be on it, and it holds nothing when that is over.
                transport = new PluginTransport(Name, found);
            }
        }
    }

    private static string ErrorOf(HttpStatusCode status, byte[] answer)
    {
        const int longest = 500;
        try
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement.ValueKind == JsonValueKind.Object && ErrorIn(document.RootElement) is { } error)
            {
                return error;
            }
        }
        catch (Exception exception) when (IsNotTheProtocol(exception))
        {
            // Plugins of old answer with text.
        }

        string text = Encoding.UTF8.GetString(answer.AsSpan(0, Math.Min(answer.Length, longest))).Trim();
        return text.Length > 0 ? text : $"it answered with the status {(int)status}";
    }

    // Texts that are no UTF-8, or half a character, are told by the second one.
    private static bool IsNotTheProtocol(Exception exception) => exception is JsonException or InvalidOperationException;

    private static string? ErrorIn(JsonElement answer)
    {
        foreach (JsonProperty member in answer.EnumerateObject())
        {
            if ((member.Name.Equals("Err", StringComparison.OrdinalIgnoreCase) || member.Name.Equals("Error", StringComparison.OrdinalIgnoreCase))
                && member.Value.ValueKind == JsonValueKind.String && member.Value.GetString() is { Length: > 0 } text)
            {
                return text;
            }
        }

        return null;
    }

    private EngineException Failure(ErrorKind kind, string method, string what, Exception? inner = null) => new(kind, $"plugin \"{Name}\": {method}: {what}", inner);
}
