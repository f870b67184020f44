using System.Text.Json;
using Berth.Engine.Logs;
using Berth.Storage;
using Microsoft.Win32.SafeHandles;

namespace Berth.Engine.Events;

/// <summary>
/// The last events on the disk: <c>events/current</c> and <c>events/previous</c>, a line of JSON for each. An event is in the kernel's hands when
/// <see cref="Append"/> returns, so a killed daemon loses none; a power cut may lose the last seconds. Not safe for concurrent use.
/// </summary>
internal sealed class EventRing : IDisposable
{
    /// <summary>Bytes after which the current file becomes the previous one.</summary>
    public const long MaxFileBytes = 1 << 20;

    private const int ChunkSize = 64 << 10;
    private readonly string currentPath;
    private readonly string previousPath;
    private readonly long maxFileBytes;
    private SafeFileHandle current;
    private SafeFileHandle? previous;
    private long length;

    private EventRing(string folder, long maxBytes)
    {
        currentPath = Path.Combine(folder, "current");
        previousPath = Path.Combine(folder, "previous");
        maxFileBytes = maxBytes;
        current = OpenCurrent();
        previous = File.Exists(previousPath) ? File.OpenHandle(previousPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete) : null;
    }

    /// <summary>When the last event was, 0 without one.</summary>
    public long LastTime { get; private set; }

    /// <summary>Opens or makes the files; a line that a power cut left half written is cut off.</summary>
    /// <exception cref="IOException">They cannot be made or read.</exception>
    public static EventRing Open(string folder, long maxFileBytes = MaxFileBytes)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var ring = new EventRing(folder, maxFileBytes);
        try
        {
            ring.FindEnd();
            return ring;
        }
        catch
        {
            ring.Dispose();
            throw;
        }
    }

    /// <summary>Adds an event.</summary>
    /// <exception cref="IOException">The disk refused; nothing of the event is there.</exception>
    public void Append(EngineEvent item)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(item, EventJsonContext.Default.EngineEvent);
        byte[] line = new byte[json.Length + 1];
        json.CopyTo(line, 0);
        line[^1] = (byte)'\n';
        if (length > 0 && length + line.Length > maxFileBytes)
        {
            Rotate();
        }

        try
        {
            RandomAccess.Write(current, line, length);
        }
        catch (IOException)
        {
            RandomAccess.SetLength(current, length);
            throw;
        }

        length += line.Length;
        LastTime = item.TimeNano;
        FailPoint.Reach(FailPoints.EventAppended);
    }

    /// <summary>What is there at this moment, to be read later and elsewhere while the ring goes on.</summary>
    public EventHistory Snapshot() => new(Reopen(previousPath, previous), Reopen(currentPath, current), length);

    public void Dispose()
    {
        current.Dispose();
        previous?.Dispose();
    }

    private static SafeFileHandle? Reopen(string path, SafeFileHandle? handle) =>
        handle is null ? null : File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private SafeFileHandle OpenCurrent()
    {
        SafeFileHandle handle = File.OpenHandle(currentPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return handle;
    }

    private void Rotate()
    {
        File.Move(currentPath, previousPath, overwrite: true);
        FailPoint.Reach(FailPoints.EventFileMoved);
        previous?.Dispose();
        previous = current;
        current = OpenCurrent();
        length = 0;
    }

    private void FindEnd()
    {
        long end = RandomAccess.GetLength(current);
        byte[] buffer = new byte[ChunkSize];
        while (end > 0)
        {
            int count = (int)Math.Min(buffer.Length, end);
            RandomAccess.Read(current, buffer.AsSpan(0, count), end - count);
            int newline = buffer.AsSpan(0, count).LastIndexOf((byte)'\n');
            if (newline >= 0)
            {
                end -= count - newline - 1;
                break;
            }

            end -= count;
        }

        RandomAccess.SetLength(current, end);
        length = end;
        using EventHistory history = Snapshot();
        foreach (EngineEvent item in history.Read())
        {
            LastTime = Math.Max(LastTime, item.TimeNano);
        }
    }
}

/// <summary>The events that were in the ring at one moment.</summary>
internal sealed class EventHistory(SafeFileHandle? previous, SafeFileHandle? current, long currentLength) : IDisposable
{
    private const int ChunkSize = 64 << 10;

    /// <summary>Oldest first; lines that are no events, which only a damaged disk makes, are passed over.</summary>
    public IEnumerable<EngineEvent> Read()
    {
        IEnumerable<EngineEvent> older = previous is null ? [] : ReadFile(previous, RandomAccess.GetLength(previous));
        return current is null ? older : older.Concat(ReadFile(current, currentLength));
    }

    public void Dispose()
    {
        previous?.Dispose();
        current?.Dispose();
    }

    private static IEnumerable<EngineEvent> ReadFile(SafeFileHandle file, long end)
    {
        var lines = new LineBuffer();
        for (long position = 0; position < end;)
        {
            int read = RandomAccess.Read(file, lines.Space(ChunkSize)[..(int)Math.Min(ChunkSize, end - position)], position);
            if (read == 0)
            {
                yield break;
            }

            position += read;
            lines.Advance(read);
            while (TakeEvent(lines, out EngineEvent? item))
            {
                if (item is not null)
                {
                    yield return item;
                }
            }
        }
    }

    private static bool TakeEvent(LineBuffer lines, out EngineEvent? item)
    {
        item = null;
        if (!lines.TryTake(out ReadOnlySpan<byte> line))
        {
            return false;
        }

        try
        {
            item = JsonSerializer.Deserialize(line, EventJsonContext.Default.EngineEvent);
        }
        catch (JsonException)
        {
            // Passed over, as said above.
        }

        return true;
    }
}
