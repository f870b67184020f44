using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Berth.Model;

namespace Berth.Dockerfile;

/// <summary>Lines of a file, counted from 1, both inclusive. The default value is no line at all.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct SourceRange(int First, int Last)
{
    /// <summary>Whether it is no line at all.</summary>
    public bool IsNone => First == 0;
}

/// <summary>One line: its text without the line feed, and whether one ends it. <c>Error</c> says why it cannot be part of an instruction.</summary>
internal sealed record SourceLine(string Text, bool IsEnded, string? Error);

/// <summary>A file's lines, kept for the instructions' positions and for showing an error where it is.</summary>
public sealed class DockerfileSource
{
    private const int MaxShown = 20;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private DockerfileSource(string name, SourceLine[] lines)
    {
        Name = name;
        Lines = lines;
    }

    /// <summary>The file's name, as errors show it.</summary>
    public string Name { get; }

    internal SourceLine[] Lines { get; }

    /// <summary>Splits a file into lines. A byte order mark is left out; what is not UTF-8 is an error only where an instruction holds it.</summary>
    /// <exception cref="DockerfileException">The file is empty, or beyond a limit.</exception>
    public static DockerfileSource Read(ReadOnlySpan<byte> bytes, string name = "Dockerfile", DockerfileLimits? limits = null)
    {
        limits ??= DockerfileLimits.Default;
        if (bytes.IsEmpty)
        {
            throw new DockerfileException(DockerfileErrorKind.Structure, $"the Dockerfile ({name}) cannot be empty");
        }

        if (bytes.Length > limits.MaxFileBytes)
        {
            throw new DockerfileException(DockerfileErrorKind.Syntax, $"{name} has {bytes.Length} bytes, at most {limits.MaxFileBytes} are allowed");
        }

        if (bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        }

        var lines = new List<SourceLine>();
        while (!bytes.IsEmpty)
        {
            int end = bytes.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? bytes : bytes[..end];
            if (line.Length > limits.MaxLineBytes)
            {
                throw new DockerfileException(DockerfileErrorKind.Syntax,
                    $"dockerfile line greater than max allowed size of {limits.MaxLineBytes}", new SourceRange(lines.Count + 1, lines.Count + 1));
            }

            lines.Add(Decode(line, end >= 0));
            bytes = end < 0 ? [] : bytes[(end + 1)..];
        }

        return new DockerfileSource(name, [.. lines]);
    }

    /// <summary>The lines of <paramref name="range"/> and two around them, numbered, the offending ones marked; nothing for no line. Printable.</summary>
    public string Excerpt(SourceRange range)
    {
        if (range.IsNone || range.First > Lines.Length)
        {
            return "";
        }

        const string Rule = "--------------------\n";
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{PrintableText.Of(Name)}:{range.First}\n").Append(Rule);
        int last = Math.Min(range.Last + 2, Lines.Length);
        int shown = 0;
        for (int line = Math.Max(1, range.First - 2); line <= last; line++)
        {
            if (++shown > MaxShown)
            {
                text.Append("     | ...\n");
                break;
            }

            string mark = line >= range.First && line <= range.Last ? ">>> " : "    ";
            text.Append(string.Create(CultureInfo.InvariantCulture, $"{line,4} | {mark}{PrintableText.Of(Lines[line - 1].Text)}").TrimEnd()).Append('\n');
        }

        return text.Append(Rule).ToString();
    }

    private static SourceLine Decode(ReadOnlySpan<byte> line, bool isEnded)
    {
        try
        {
            string text = Strict.GetString(line);
            return new SourceLine(text, isEnded, text.Contains('\0', StringComparison.Ordinal) ? "contains a NUL character" : null);
        }
        catch (DecoderFallbackException)
        {
            return new SourceLine(Encoding.UTF8.GetString(line), isEnded, "is not UTF-8");
        }
    }
}
