using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Terminal;

namespace Berth.RuntimeHost.CommandLine;

/// <summary>
/// Messages for whoever called: lines as runc's logger writes them, since engines read the last error out of the file that they name by <c>--log</c>.
/// </summary>
internal static class RuntimeLog
{
    private static FileDescriptor? file;
    private static bool json;
    private static bool debug;

    /// <summary>Whether messages for debugging are wanted.</summary>
    public static bool IsDebug => debug;

    /// <summary>Where messages go from now on.</summary>
    /// <exception cref="ArgumentException">An unknown format.</exception>
    /// <exception cref="LinuxException">The file cannot be opened.</exception>
    public static void Configure(string? path, string? format, bool withDebug)
    {
        if (path is { Length: > 0 } and not "/dev/stderr")
            file = PlainFile.OpenAppend(path, 0x1A4); // 0644
        json = format switch { null or "text" => false, "json" => true, _ => throw new ArgumentException($"invalid log-format: {format}") };
        debug = withDebug;
    }

    /// <summary>The failure that ends the program. With a log file it is told on the standard error as well.</summary>
    public static void Error(string message)
    {
        Write("error", message);
        if (file is not null)
            Console(Shorten(message) + "\n");
    }

    public static void Warning(string message) => Write("warning", message);

    public static void Debug(string message)
    {
        if (debug)
            Write("debug", message);
    }

    /// <summary>Writes text to the standard output.</summary>
    /// <exception cref="LinuxException">It cannot be written.</exception>
    public static void Print(string text) => new StandardStream(1).Write(Encoding.UTF8.GetBytes(text));

    internal static string TextLine(DateTime time, string level, string message) =>
        $"time=\"{Rfc3339(time)}\" level={level} msg={(message.All(IsPlain) ? message : Quote(message))}\n";

    internal static string JsonLine(DateTime time, string level, string message)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("level"u8, level);
            writer.WriteString("msg"u8, message);
            writer.WriteString("time"u8, Rfc3339(time));
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    // Names in a configuration may be of any length.
    private static string Shorten(string message)
    {
        const int Most = 8000;
        return message.Length <= Most ? message : $"{message[..(Most / 2)]} ... ({message.Length - Most} characters left out) ... {message[^(Most / 2)..]}";
    }

    // One write(2) per line, so that lines of several processes stay whole.
    private static void Write(string level, string message)
    {
        DateTime now = DateTime.UtcNow;
        message = Shorten(message);
        string line = json ? JsonLine(now, level, message) : TextLine(now, level, message);
        if (file is null)
            Console(line);
        else
            FileData.Write(file, Encoding.UTF8.GetBytes(line));
    }

    // A standard error that is closed or full is no reason to fail: there is nobody to tell.
    private static void Console(string text) => _ = DescriptorIo.TryWrite(2, Encoding.UTF8.GetBytes(text), out _);

    private static string Rfc3339(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '/' or '@' or '^' or '+';

    // As Go's %q.
    private static string Quote(string message)
    {
        var text = new StringBuilder("\"");
        foreach (char c in message)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\t' => text.Append("\\t"),
                '\r' => text.Append("\\r"),
                < ' ' or '\x7f' => text.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => text.Append(c),
            };
        }

        return text.Append('"').ToString();
    }
}
