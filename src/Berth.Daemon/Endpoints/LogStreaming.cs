using System.Buffers;
using System.Text;
using Berth.Api;
using Berth.Engine.Logs;
using Berth.Runtime.Shims;

namespace Berth.Daemon.Endpoints;

/// <summary>Writes log entries as the API streams them: framed by stream, or plain for a terminal's container.</summary>
internal static class LogStreaming
{
    /// <summary>All entries so far of the streams that an attachment wants.</summary>
    public static LogQuery AttachQuery(AttachStreams streams) =>
        new() { Stdout = streams.HasFlag(AttachStreams.Stdout), Stderr = streams.HasFlag(AttachStreams.Stderr) };

    /// <param name="reader">The log.</param>
    /// <param name="query">Which entries.</param>
    /// <param name="hasTimestamps">Whether each entry begins with its time.</param>
    /// <param name="write">Takes each batch.</param>
    /// <param name="cancellationToken">The client's end.</param>
    /// <param name="hasDetails">Whether each entry begins with the log's extra attributes, <c>name=value</c> in percent encoding and separated by commas.</param>
    public static async Task CopyAsync(
        LogReader reader, LogQuery query, bool hasTimestamps, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellationToken, bool hasDetails = false)
    {
        var buffer = new ArrayBufferWriter<byte>(64 << 10);
        byte[] details = hasDetails
            ? Encoding.ASCII.GetBytes(string.Join(',', reader.Attributes.Select(static pair => $"{Escape(pair.Key)}={Escape(pair.Value)}")) + " ")
            : [];
        await foreach (IReadOnlyList<LogEntry> batch in reader.ReadAsync(query, cancellationToken))
        {
            foreach (LogEntry entry in batch)
            {
                int prefix = (hasTimestamps ? entry.Time.Length + 1 : 0) + details.Length;
                if (!reader.IsTerminal)
                {
                    StreamFraming.WriteHeader(buffer.GetSpan(StreamFraming.HeaderLength), entry.IsStderr ? StreamKind.Stderr : StreamKind.Stdout, prefix + entry.Text.Length);
                    buffer.Advance(StreamFraming.HeaderLength);
                }

                if (hasTimestamps)
                {
                    Encoding.ASCII.GetBytes(entry.Time, buffer);
                    buffer.Write(" "u8);
                }

                buffer.Write(details);
                buffer.Write(entry.Text);
            }

            await write(buffer.WrittenMemory, cancellationToken);
            buffer.ResetWrittenCount();
        }
    }

    // As a query's values are: of the ASCII signs "-", "_", "." and "~" stay, and a space is a plus.
    internal static string Escape(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);
}
