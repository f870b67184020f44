namespace Berth.Engine.Logs;

/// <summary>Which entries of a log are wanted.</summary>
public sealed record LogQuery
{
    public bool Stdout { get; init; } = true;
    public bool Stderr { get; init; } = true;

    /// <summary>Only the last so many entries; null is all.</summary>
    public int? Tail { get; init; }

    /// <summary>Not older than this.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Not newer than this.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Goes on while the container runs.</summary>
    public bool Follow { get; init; }
}

/// <summary>One entry: a line with its newline, or a piece of one.</summary>
/// <param name="IsStderr">Which stream it came from.</param>
/// <param name="Time">As the log has it, RFC 3339 with nanoseconds.</param>
/// <param name="Text">UTF-8 bytes.</param>
public readonly record struct LogEntry(bool IsStderr, string Time, byte[] Text);
