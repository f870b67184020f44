using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>How much memory this process keeps mapped.</summary>
public static unsafe partial class ResidentMemory
{
    private const int MADV_DONTNEED = 4;

    /// <summary>
    /// Unmaps the pages of files (program code and constants) that this process never changed. They stay in the page cache, where the same
    /// program's other processes share them, and come back by themselves, a few at a time, when they are next used. For processes that were busy
    /// once and from then on mostly sleep.
    /// </summary>
    /// <exception cref="LinuxException">/proc/self/smaps cannot be read.</exception>
    public static void DropCleanFilePages()
    {
        Span<byte> text = stackalloc byte[4096];
        using FileDescriptor smaps = Pipes.PlainFile.OpenRead("/proc/self/smaps");
        nuint start = 0, end = 0;
        int kept = 0;
        while (true)
        {
            Errno errno = Pipes.DescriptorIo.TryRead(smaps.Number, text[kept..], out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", "/proc/self/smaps");
            if (count == 0)
                return;

            Span<byte> rest = text[..(kept + count)];
            for (int newline; (newline = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(newline + 1)..])
                HandleLine(rest[..newline], ref start, ref end);
            rest.CopyTo(text);
            kept = rest.Length;
        }
    }

    // A mapping's first line begins with its addresses; a line "Anonymous: 0 kB" further down says that no page of it was ever copied.
    private static void HandleLine(ReadOnlySpan<byte> line, ref nuint start, ref nuint end)
    {
        if (Utf8Parser.TryParse(line, out ulong from, out int length, 'x') && length < line.Length && line[length] == (byte)'-')
        {
            ReadOnlySpan<byte> tail = line[(length + 1)..];
            bool isFile = line.IndexOf((byte)'/') >= 0;
            bool isReadOnly = Utf8Parser.TryParse(tail, out ulong to, out int more, 'x') && tail[more..].StartsWith(" r-"u8);
            (start, end) = isFile && isReadOnly ? ((nuint)from, (nuint)to) : (0, 0);
        }
        else if (start != 0 && line.StartsWith("Anonymous:"u8) && line.IndexOf(" 0 kB"u8) >= 0)
        {
            _ = madvise((void*)start, end - start, MADV_DONTNEED); // refused (locked pages): they just stay
            start = 0;
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
