using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Runtime.Shims;
using Microsoft.Win32.SafeHandles;

namespace Berth.Engine.Logs;

/// <summary>Reads a container's json-file log across its rotated files, and follows it while the container runs.</summary>
public sealed class LogReader
{
    private const int ChunkSize = 128 << 10;
    private readonly Container container;

    internal LogReader(Container container) => this.container = container;

    /// <summary>Whether the container has a terminal: its log then is one stream, sent as plain bytes.</summary>
    public bool IsTerminal => container.Record.Config.Tty;

    /// <summary>What every entry carries besides, by name.</summary>
    public IReadOnlyDictionary<string, string> Attributes => LogAttributes.Of(container.Record.Config);

    /// <summary>The entries in the order they were written, in batches; a batch ends where the reader would have to wait.</summary>
    /// <exception cref="EngineException">Internal when the log holds something that is not an entry.</exception>
    public async IAsyncEnumerable<IReadOnlyList<LogEntry>> ReadAsync(LogQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // The subscription comes before the first read, so that nothing written in between is waited for.
        await using ShimStream? growth = query.Follow ? await SubscribeAsync(cancellationToken) : null;
        using var cursor = new LogCursor(container.LogPath);
        cursor.Open(query.Tail);
        var lines = new LineBuffer();
        var batch = new List<LogEntry>();
        bool isLast = growth is null;
        byte[] signal = new byte[64];
        while (true)
        {
            for (int read; (read = cursor.Read(lines.Space(ChunkSize))) > 0;)
            {
                lines.Advance(read);
                bool isPast = Collect(lines, query, batch);
                if (batch.Count > 0)
                {
                    yield return batch;
                    batch = [];
                }

                if (isPast)
                {
                    yield break;
                }
            }

            if (isLast)
            {
                yield break;
            }

            // The end of the subscription is the end of the container; one more pass takes what came before it.
            isLast = await WaitAsync(growth!, signal, query.Until, cancellationToken) == 0;
        }
    }

    private static async Task<int> WaitAsync(ShimStream growth, byte[] signal, DateTimeOffset? until, CancellationToken cancellationToken)
    {
        try
        {
            if (until is not { } end)
            {
                return await growth.Stream.ReadAsync(signal, cancellationToken);
            }

            TimeSpan left = end - DateTimeOffset.UtcNow;
            using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limited.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            return await growth.Stream.ReadAsync(signal, limited.Token);
        }
        catch (IOException)
        {
            return 0;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
    }

    private async Task<ShimStream?> SubscribeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await container.RunningShim.FollowLogAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is EngineException { Kind: ErrorKind.Conflict } or System.Net.Sockets.SocketException
            or ShimException { Failure: ShimFailure.ConnectionLost or ShimFailure.WrongState })
        {
            return null; // it has ended: what is written is all there is
        }
    }

    // True when an entry newer than the query's end was met.
    private static bool Collect(LineBuffer lines, LogQuery query, List<LogEntry> batch)
    {
        while (lines.TryTake(out ReadOnlySpan<byte> line))
        {
            LogEntry entry = Parse(line);
            if (query.Since is not null || query.Until is not null)
            {
                DateTimeOffset time = DateTimeOffset.Parse(entry.Time, CultureInfo.InvariantCulture);
                if (time < query.Since)
                {
                    continue;
                }

                if (time > query.Until)
                {
                    return true;
                }
            }

            if (entry.IsStderr ? query.Stderr : query.Stdout)
            {
                batch.Add(entry);
            }
        }

        return false;
    }

    private static LogEntry Parse(ReadOnlySpan<byte> line)
    {
        byte[]? text = null;
        bool isStderr = false;
        string time = "";
        try
        {
            var reader = new Utf8JsonReader(line);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                bool isLog = reader.ValueTextEquals("log"u8);
                bool isStream = reader.ValueTextEquals("stream"u8);
                bool isTime = reader.ValueTextEquals("time"u8);
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    reader.Skip(); // the attributes are the container's
                    continue;
                }

                if (isLog)
                {
                    text = Unescape(ref reader);
                }
                else if (isStream)
                {
                    isStderr = reader.ValueTextEquals("stderr"u8);
                }
                else if (isTime)
                {
                    time = reader.GetString() ?? "";
                }
            }
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.Internal, "the container's log holds a line that is not an entry: " + exception.Message, exception);
        }

        return new LogEntry(isStderr, time, text ?? []);
    }

    private static byte[] Unescape(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            return reader.ValueSpan.ToArray();
        }

        byte[] buffer = new byte[reader.ValueSpan.Length];
        int length = reader.CopyString(buffer);
        return buffer.AsSpan(0, length).ToArray();
    }
}
