using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>How much memory this process keeps mapped.</summary>
public static unsafe partial class ResidentMemory
{
    private const int MADV_DONTNEED = 4;
    private const int MaxMappings = 32;

    /// <summary>
    /// Unmaps the pages of files (program code and constants) that this process never changed. They stay in the page cache, where the same
    /// program's other processes share them, and come back by themselves, a few at a time, when they are next used. For processes that were busy
    /// once and from then on mostly sleep.
    /// </summary>
    /// <exception cref="LinuxException">/proc/self/smaps cannot be read.</exception>
    public static void DropCleanFilePages()
    {
        // First all are found, then all are dropped: what runs in between would come back at once.
        Span<Mapping> found = stackalloc Mapping[MaxMappings];
        int count = Find(found);
        foreach (Mapping mapping in found[..count])
            _ = madvise((void*)mapping.Start, mapping.Length, MADV_DONTNEED); // refused (locked pages): they just stay
    }

    private static int Find(Span<Mapping> found)
    {
        Span<byte> text = stackalloc byte[4096];
        using FileDescriptor smaps = Pipes.PlainFile.OpenRead("/proc/self/smaps");
        Mapping present = default;
        int kept = 0, mappings = 0;
        while (true)
        {
            Errno errno = Pipes.DescriptorIo.TryRead(smaps.Number, text[kept..], out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", "/proc/self/smaps");
            if (count == 0)
                return mappings;

            Span<byte> rest = text[..(kept + count)];
            for (int newline; (newline = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(newline + 1)..])
            {
                if (IsDroppable(rest[..newline], ref present) && mappings < found.Length)
                    found[mappings++] = present;
            }

            rest.CopyTo(text);
            kept = rest.Length;
        }
    }

    // A mapping's first line begins with its addresses; a line "Anonymous: 0 kB" further down says that no page of it was ever copied.
    private static bool IsDroppable(ReadOnlySpan<byte> line, ref Mapping present)
    {
        if (Utf8Parser.TryParse(line, out ulong from, out int length, 'x') && length < line.Length && line[length] == (byte)'-')
        {
            ReadOnlySpan<byte> tail = line[(length + 1)..];
            bool isReadOnly = Utf8Parser.TryParse(tail, out ulong to, out int more, 'x') && tail[more..].StartsWith(" r-"u8);
            present = isReadOnly && line.IndexOf((byte)'/') >= 0 ? new Mapping((nuint)from, (nuint)(to - from)) : default;
            return false;
        }

        return present.Length != 0 && line.StartsWith("Anonymous:"u8) && line.IndexOf(" 0 kB"u8) >= 0;
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Mapping(nuint Start, nuint Length);
}
