using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>
/// Separates this process from the file that it was executed from, so that no process that comes to see its /proc/PID/exe (or runs <c>#!/proc/self/exe</c> in
/// its place) reaches that file: the defence against overwriting a container runtime from inside (CVE-2019-5736). The link leads to an empty sealed file
/// then. The kernel allows that once nothing of the old file is mapped, and tells files apart by their mounts: so all is mapped anew by way of a mount of its own.
/// Needs no second start.
/// </summary>
public static unsafe partial class OwnExecutable
{
    private const int PR_SET_MM = 35, PR_SET_MM_MAP = 14, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4;
    private static FileDescriptor? mount;

    private const int MAP_PRIVATE = 2, MAP_FIXED = 0x10, MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, LastField = 51;

    /// <summary>
    /// Does it. Call it first thing in the program: what another thread writes to its static data meanwhile would be lost.
    /// </summary>
    /// <returns>
    /// False where the kernel does not allow it (needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the user namespace, CONFIG_CHECKPOINT_RESTORE,
    /// anonymous executable memory): the process goes on as it was, and is to run from a <see cref="SealedExecutable"/> instead.
    /// </returns>
    public static bool TryForget()
    {
        try
        {
            using FileDescriptor empty = SealedExecutable.Empty();
            using FileDescriptor other = OpenByOtherMount();
            using FileDescriptor pages = Pipes.PlainFile.OpenRead("/proc/self/pagemap");
            return MapAllAgain(other, pages) && SetExecutable(empty.Number);
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    /// <summary>
    /// Gives back what <see cref="TryForget"/> needed. It makes the kernel wait for all processors, a tenth of a millisecond: best done while the new process
    /// runs already. The end of this process does it too.
    /// </summary>
    public static void Finish()
    {
        mount?.Dispose();
        mount = null;
    }

    /// <summary>Whether /proc/self/exe is the program's file on disk, or a sealed copy in memory.</summary>
    public static bool RunsFromDisk => !Target().AsSpan().StartsWith("/memfd:"u8);

    private static byte[] Target() => Files.Paths.ReadLink(Files.Paths.WorkingFolder, "/proc/self/exe"u8);

    // The mappings of the executable are those whose line in maps ends with its path: "address-address perms offset dev inode   path". All here is done on
    // bytes, as the first use of every string method would bring more pages of the program in than the rest of this takes.
    private static bool MapAllAgain(FileDescriptor file, FileDescriptor pages)
    {
        byte[] target = Target();
        bool any = false;
        ReadOnlySpan<byte> rest = Read("/proc/self/maps");
        while (rest.IndexOf((byte)'\n') is var end and >= 0)
        {
            ReadOnlySpan<byte> line = rest[..end];
            rest = rest[(end + 1)..];
            if (line.Length <= target.Length || !line.EndsWith(target) || line[^(target.Length + 1)] != ' ')
                continue;
            if (!MapAgain(Parse(line), file, pages))
                return false;
            any = true;
        }

        return any;
    }

    private static Mapping Parse(ReadOnlySpan<byte> line)
    {
        ulong start = TakeHex(ref line), end = TakeHex(ref line);
        int protection = (line[0] == 'r' ? PROT_READ : 0) | (line[1] == 'w' ? PROT_WRITE : 0) | (line[2] == 'x' ? PROT_EXEC : 0);
        line = line[5..];
        return new Mapping((nuint)start, (nuint)(end - start), protection, (long)TakeHex(ref line));
    }

    // A number and the character after it.
    private static ulong TakeHex(ref ReadOnlySpan<byte> text)
    {
        if (!Utf8Parser.TryParse(text, out ulong value, out int used, 'x') || used == text.Length)
            throw new LinuxException(Errno.EINVAL, "read", "/proc/self/maps");
        text = text[(used + 1)..];
        return value;
    }

    // The same file, which the kernel takes for another one, as it compares mounts too. Nobody can change it by this mount: it is read-only, and attached nowhere.
    private static FileDescriptor OpenByOtherMount()
    {
        mount = Mounts.MountCalls.Clone(Files.Paths.WorkingFolder, "/proc/self/exe", recursive: false);
        Mounts.MountCalls.SetAttributes(mount, Mounts.MountAttributes.MOUNT_ATTR_RDONLY, default, default, recursive: false);
        return Pipes.PlainFile.OpenRead(Files.Paths.OfDescriptor(mount));
    }

    // Other threads may run this very code: the kernel exchanges a mapping as one step. Pages that were written to since the start are carried over; between
    // their copy and the exchange nothing is written here but the stack.
    private static bool MapAgain(Mapping mapping, FileDescriptor file, FileDescriptor pages)
    {
        const int Batch = 512;
        int pageSize = Environment.SystemPageSize, count = (int)(mapping.Length / (nuint)pageSize);
        Span<ulong> entries = stackalloc ulong[Batch];
        byte* copy = null;
        for (int first = 0; first < count; first += Batch)
        {
            Span<ulong> some = entries[..Math.Min(Batch, count - first)];
            Span<byte> bytes = MemoryMarshal.AsBytes(some);
            if (Pipes.PlainFile.ReadAt(pages, bytes, ((long)mapping.Start / pageSize + first) * sizeof(ulong)) != bytes.Length)
                return Abandon(copy, mapping);
            for (int i = 0; i < some.Length; i++)
            {
                if (!IsOwn(some[i]))
                    continue;
                if (copy is null)
                    copy = (byte*)mmap(null, mapping.Length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.Number, mapping.Offset);
                if ((nint)copy == -1)
                    return false;
                nuint at = (nuint)(first + i) * (nuint)pageSize;
                Buffer.MemoryCopy((byte*)mapping.Start + at, copy + at, pageSize, pageSize);
            }
        }

        if (copy is null)
            return (nint)mmap((void*)mapping.Start, mapping.Length, mapping.Protection, MAP_PRIVATE | MAP_FIXED, file.Number, mapping.Offset) == (nint)mapping.Start;
        bool isWritable = (mapping.Protection & PROT_WRITE) != 0;
        return ((isWritable || mprotect(copy, mapping.Length, mapping.Protection) == 0)
            && (nint)mremap(copy, mapping.Length, mapping.Length, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)mapping.Start) != -1)
            || Abandon(copy, mapping);
    }

    private static bool Abandon(byte* copy, Mapping mapping)
    {
        if (copy is not null)
            _ = munmap(copy, mapping.Length);
        return false;
    }

    // /proc/PID/pagemap (proc_pid_pagemap(5)): present or swapped out, and not a page of the file.
    private static bool IsOwn(ulong entry)
    {
        const ulong Present = 1UL << 63, Swapped = 1UL << 62, OfFile = 1UL << 61;
        return (entry & (Present | Swapped)) != 0 && (entry & OfFile) == 0;
    }

    // PR_SET_MM_EXE_FILE alone would need CAP_SYS_RESOURCE; with the whole table of addresses, which stay as they are, it does not (prctl(2)).
    private static bool SetExecutable(int descriptor)
    {
        Span<ulong> fields = stackalloc ulong[LastField + 1];
        ReadOnlySpan<byte> stat = Read("/proc/self/stat");
        stat = stat[(stat.LastIndexOf((byte)')') + 4)..]; // from field 4 on: 3 is a letter
        for (int number = 4; number <= LastField; number++)
        {
            // Negative ones are not among those that are used.
            int length = stat.IndexOfAny((byte)' ', (byte)'\n');
            if (length < 0)
                return false;
            _ = Utf8Parser.TryParse(stat[..length], out fields[number], out _);
            stat = stat[(length + 1)..];
        }

        var map = new MemoryMap
        {
            StartCode = fields[26], EndCode = fields[27], StartStack = fields[28], StartData = fields[45], EndData = fields[46], StartBreak = fields[47],
            ArgStart = fields[48], ArgEnd = fields[49], EnvStart = fields[50], EnvEnd = fields[51], Break = (ulong)(nint)sbrk(0), ExeDescriptor = (uint)descriptor,
        };
        return prctl(PR_SET_MM, PR_SET_MM_MAP, (nint)(&map), sizeof(MemoryMap), 0) == 0; // without an auxiliary vector, which stays as it is then
    }

    private static ReadOnlySpan<byte> Read(string path)
    {
        using FileDescriptor file = Pipes.PlainFile.OpenRead(path);
        byte[] buffer = new byte[8192];
        int length = 0;
        while (true)
        {
            Errno errno = Pipes.DescriptorIo.TryRead(file.Number, buffer.AsSpan(length), out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", path);
            if (count == 0)
                return buffer.AsSpan(0, length);
            length += count;
            if (length == buffer.Length)
                Array.Resize(ref buffer, length * 2);
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Mapping(nuint Start, nuint Length, int Protection, long Offset);

    // struct prctl_mm_map, linux/prctl.h
    [StructLayout(LayoutKind.Sequential)]
    private struct MemoryMap
    {
        public ulong StartCode, EndCode, StartData, EndData, StartBreak, Break, StartStack, ArgStart, ArgEnd, EnvStart, EnvEnd;
        public byte* Auxiliary;
        public uint AuxiliarySize, ExeDescriptor;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mremap(void* address, nuint oldLength, nuint newLength, int flags, void* target);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* sbrk(nint increment);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nint a, nint b, nint c, nint d);
}
