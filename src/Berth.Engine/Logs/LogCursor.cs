using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Berth.Engine.Logs;

/// <summary>
/// A reading position in a log that is being rotated: <c>x.log</c> becomes <c>x.log.1</c>, that <c>x.log.2</c>, and the oldest goes. The open
/// descriptor stays with its file whatever it is called, so the next file is found from the name it has by then.
/// </summary>
internal sealed class LogCursor : IDisposable
{
    private const int BackwardChunk = 64 << 10;
    private readonly string path;
    private SafeFileHandle? handle;
    private long position;

    public LogCursor(string path) => this.path = path;

    /// <summary>Goes to the beginning of the last <paramref name="tail"/> lines, or of everything.</summary>
    public void Open(int? tail)
    {
        int oldest = Oldest();
        if (tail is not { } lines)
        {
            Switch(oldest);
            return;
        }

        for (int index = 0; ; index++)
        {
            Switch(index);
            long length = handle is null ? 0 : RandomAccess.GetLength(handle);
            position = length;
            (long found, int missing) = handle is null ? (0, lines) : FindBack(handle, length, lines);
            position = found;
            if (missing == 0 || index >= oldest)
            {
                return;
            }

            lines = missing;
        }
    }

    /// <summary>Reads on, over the border to a newer file where this one has ended; 0 at the end of all that is written.</summary>
    public int Read(Span<byte> buffer)
    {
        while (true)
        {
            if (handle is null)
            {
                Switch(0);
                if (handle is null)
                {
                    return 0;
                }
            }

            int read = RandomAccess.Read(handle, buffer, position);
            if (read > 0)
            {
                position += read;
                return read;
            }

            int index = Index();
            if (index == 0)
            {
                return 0;
            }

            // Rotated while or before it was read to its end: what was appended before the rotation has been read above only if no byte
            // came since, so look once more before leaving it.
            read = RandomAccess.Read(handle, buffer, position);
            if (read > 0)
            {
                position += read;
                return read;
            }

            Switch(index < 0 ? Oldest() : index - 1);
        }
    }

    public void Dispose() => handle?.Dispose();

    private string Name(int index) => index == 0 ? path : path + "." + index.ToString(CultureInfo.InvariantCulture);

    private int Oldest()
    {
        int index = 0;
        while (File.Exists(Name(index + 1)))
        {
            index++;
        }

        return index;
    }

    private void Switch(int index)
    {
        handle?.Dispose();
        handle = null;
        position = 0;
        try
        {
            handle = File.OpenHandle(Name(index), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            // Not written yet, or rotated away this moment; the caller looks again.
        }
        catch (DirectoryNotFoundException)
        {
            // The container was removed.
        }
    }

    // Which of the rotated files the open one is by now; -1 when it has been deleted.
    private int Index()
    {
        // Only the last part counts: the kernel's path is without the symbolic links that the folder was reached over.
        string? target = Path.GetFileName(File.ResolveLinkTarget($"/proc/self/fd/{handle!.DangerousGetHandle()}", returnFinalTarget: false)?.FullName);
        string name = Path.GetFileName(path);
        if (target == name)
        {
            return 0;
        }

        return target is not null && target.StartsWith(name + ".", StringComparison.Ordinal)
            && int.TryParse(target.AsSpan(name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index : -1;
    }

    // Where the last so many lines begin, and how many more there would have to be.
    private static (long Position, int Missing) FindBack(SafeFileHandle file, long length, int lines)
    {
        if (lines == 0)
        {
            return (length, 0);
        }

        byte[] buffer = new byte[BackwardChunk];
        int seen = 0;
        for (long end = length; end > 0;)
        {
            int count = (int)Math.Min(buffer.Length, end);
            end -= count;
            RandomAccess.Read(file, buffer.AsSpan(0, count), end);
            for (int i = count - 1; i >= 0; i--)
            {
                if (buffer[i] == '\n' && end + i + 1 < length && ++seen == lines)
                {
                    return (end + i + 1, 0);
                }
            }
        }

        return (0, length == 0 ? lines : lines - seen - 1);
    }
}
