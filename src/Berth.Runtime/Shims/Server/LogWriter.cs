using System.Buffers.Text;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims.Server;

/// <summary>
/// Writes a container's log in docker's json-file format, one record per line, and rotates it. A record is at most 16 KiB of output; what
/// exceeds that goes on in further records, of which only the last ends in a newline. Files always end with a whole record.
/// </summary>
internal sealed class LogWriter : IDisposable
{
    /// <summary>The most output bytes in one record, the newline included: docker's copier has a buffer of this size.</summary>
    internal const int MaxRecord = 16 * 1024;

    private const int RecordOverhead = 8 + 64;
    private const int AttributesOffset = 21;
    private const int TimeOffset = 30;
    private const int SuffixBytes = 63;

    private readonly string _path;
    private readonly long _maxBytes;
    private readonly int _maxFiles;
    private readonly PageBuffer _buffer;
    private readonly byte[] _attributes;
    private readonly byte[][] _suffixes;
    private readonly Action _grown;
    private FileDescriptor _file;
    private int _used;
    private long _fileBytes;
    private long _formattedSecond = -1;
    private long _lostBytes;

    /// <param name="buffer">At least 256 KiB; shared by nobody while records are pending.</param>
    /// <param name="grown">Called after the file has grown.</param>
    /// <param name="attributes">What every record carries besides, by name; at most <see cref="ShimConfig.LogAttributesLimit"/> bytes as JSON.</param>
    /// <exception cref="LinuxException">The file cannot be opened.</exception>
    internal LogWriter(string path, long maxBytes, int maxFiles, PageBuffer buffer, Action grown, IReadOnlyDictionary<string, string>? attributes = null)
    {
        _attributes = attributes is { Count: > 0 }
            ? [.. ",\"attrs\":"u8, .. JsonSerializer.SerializeToUtf8Bytes(attributes, ShimJsonContext.Default.IReadOnlyDictionaryStringString)]
            : [];
        _suffixes = [MakeSuffix("stdout"u8), MakeSuffix("stderr"u8)];
        _path = path;
        _maxBytes = maxBytes;
        _maxFiles = Math.Max(maxFiles, 1);
        _buffer = buffer;
        _grown = grown;
        _file = Open();
        EndTornRecord();
    }

    /// <summary>The last failure and how much was lost; null when nothing was.</summary>
    internal string? Error { get; private set; }

    /// <summary>
    /// Takes the whole records at the beginning of <paramref name="output"/> and returns how many bytes they are; the rest (less than
    /// <see cref="MaxRecord"/>) waits for its newline and is given again in front of what follows.
    /// </summary>
    internal int Append(bool isError, ReadOnlySpan<byte> output, DateTime now)
    {
        FormatTime(now);
        byte[] suffix = _suffixes[isError ? 1 : 0];
        int taken = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = output[taken..];
            ReadOnlySpan<byte> line = rest.Length > MaxRecord ? rest[..MaxRecord] : rest;
            int newline = line.IndexOf((byte)'\n');
            if (newline >= 0)
            {
                AddRecord(line[..newline], suffix, newline: true);
                taken += newline + 1;
            }
            else if (line.Length == MaxRecord)
            {
                AddRecord(line, suffix, newline: false);
                taken += MaxRecord;
            }
            else
            {
                return taken;
            }
        }
    }

    /// <summary>Writes what waited for a newline that will not come.</summary>
    internal void AppendUnfinished(bool isError, ReadOnlySpan<byte> output, DateTime now)
    {
        if (output.Length == 0)
            return;
        FormatTime(now);
        AddRecord(output, _suffixes[isError ? 1 : 0], newline: false);
    }

    /// <summary>
    /// Hands all pending records to the kernel. A failure (a full disk) loses them, keeps what is in the file whole, and is told by
    /// <see cref="Error"/>: a container does not stop for its log.
    /// </summary>
    internal void Flush()
    {
        if (_used == 0)
            return;

        ReadOnlySpan<byte> pending = _buffer.Bytes[.._used];
        _used = 0;
        int length = pending.Length;
        while (pending.Length > 0)
        {
            Errno errno = DescriptorIo.TryWrite(_file.Number, pending, out int count);
            if (errno != Errno.None)
            {
                Lose(new LinuxException(errno, "write", _path), length);
                return;
            }

            pending = pending[count..];
        }

        _fileBytes += length;
        _grown();
    }

    /// <summary>Flushes and closes.</summary>
    public void Dispose()
    {
        Flush();
        _file.Dispose();
    }

    private void AddRecord(ReadOnlySpan<byte> content, byte[] suffix, bool newline)
    {
        Span<byte> buffer = _buffer.Bytes;
        if (buffer.Length - _used < (content.Length * JsonEscaper.MaxGrowth) + RecordOverhead + _attributes.Length + JsonEscaper.Slack)
            Flush();

        Span<byte> record = buffer[_used..];
        "{\"log\":\""u8.CopyTo(record);
        int length = 8 + JsonEscaper.Escape(content, record[8..]);
        ReadOnlySpan<byte> end = newline ? suffix : suffix.AsSpan(2);
        end.CopyTo(record[length..]);
        _used += length + end.Length;
        if (_maxBytes > 0 && _fileBytes + _used >= _maxBytes)
            Rotate();
    }

    private void Rotate()
    {
        Flush();
        if (_fileBytes < _maxBytes)
            return; // the disk is full and the records are lost: there is nothing to rotate
        try
        {
            // Removing first and renaming onto free names: a rename over an existing file makes ext4 write the new content out at once.
            if (_maxFiles == 1)
                _ = PlainFile.Unlink(_path);
            else
                _ = PlainFile.Unlink($"{_path}.{_maxFiles - 1}");
            for (int number = _maxFiles - 2; number >= 1; number--)
                _ = PlainFile.Rename($"{_path}.{number}", $"{_path}.{number + 1}");
            if (_maxFiles > 1)
                _ = PlainFile.Rename(_path, $"{_path}.1");

            FileDescriptor next = Open();
            _file.Dispose();
            _file = next;
        }
        catch (LinuxException e)
        {
            // The present file, whatever its name is now, goes on; the next record tries again.
            Error = $"the log was not rotated: {e.Message}";
        }
    }

    private FileDescriptor Open()
    {
        FileDescriptor file = PlainFile.OpenAppend(_path, 0x1A0); // 0640
        _fileBytes = PlainFile.Size(file);
        return file;
    }

    // A file left by a power cut may end in half a record: close that line, so that the next record is one of its own.
    private void EndTornRecord()
    {
        if (_fileBytes == 0)
            return;
        Span<byte> last = stackalloc byte[1];
        using FileDescriptor reader = PlainFile.OpenRead(_path);
        if (PlainFile.ReadAt(reader, last, _fileBytes - 1) == 1 && last[0] != (byte)'\n')
        {
            _buffer.Bytes[0] = (byte)'\n';
            _used = 1;
            Flush();
        }
    }

    private void Lose(LinuxException cause, int bytes)
    {
        _lostBytes += bytes;
        Error = $"{cause.Message}; {_lostBytes} bytes of log were lost";
        try
        {
            PlainFile.SetSize(_file, _fileBytes);
        }
        catch (LinuxException e)
        {
            Error += $"; {e.Message}";
        }
    }

    private void FormatTime(DateTime now)
    {
        long second = now.Ticks / TimeSpan.TicksPerSecond;
        int fraction = (int)(now.Ticks % TimeSpan.TicksPerSecond);
        bool newSecond = second != _formattedSecond;
        _formattedSecond = second;
        foreach (byte[] suffix in _suffixes)
        {
            Span<byte> time = suffix.AsSpan(TimeOffset + _attributes.Length, 30);
            if (newSecond)
                _ = Utf8Formatter.TryFormat(now, time, out _, 'O');
            for (int digit = 26, rest = fraction; digit >= 20; digit--, rest /= 10)
                time[digit] = (byte)('0' + (rest % 10));
            "00Z"u8.CopyTo(time[27..]);
        }
    }

    // \n","stream":"stdout","attrs":{...},"time":"2024-01-01T00:00:00.000000000Z"} and a line feed; used from its third byte when there is no newline.
    private byte[] MakeSuffix(ReadOnlySpan<byte> stream)
    {
        byte[] suffix = new byte[SuffixBytes + _attributes.Length];
        "\\n\",\"stream\":\""u8.CopyTo(suffix);
        stream.CopyTo(suffix.AsSpan(14));
        suffix[AttributesOffset - 1] = (byte)'"';
        _attributes.CopyTo(suffix, AttributesOffset);
        ",\"time\":\"0000-00-00T00:00:00.000000000Z\"}\n"u8.CopyTo(suffix.AsSpan(AttributesOffset + _attributes.Length));
        return suffix;
    }
}
