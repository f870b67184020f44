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

    private const int MAP_PRIVATE = 2, MAP_FIXED = 0x10, MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MADV_POPULATE_WRITE = 23, LastField = 51;

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
    public static bool RunsFromDisk => !Files.Paths.ReadLink(Files.Paths.WorkingFolder, "/proc/self/exe"u8).AsSpan().StartsWith("/memfd:"u8);

    // What is mapped of the executable its program headers tell, elf(5): the table of all mappings takes the kernel longer to write down.
    private static bool MapAllAgain(FileDescriptor file, FileDescriptor pages)
    {
        const int AT_PHDR = 3, AT_PHNUM = 5;
        nuint address = getauxval(AT_PHDR);
        var headers = new ReadOnlySpan<ProgramHeader>((void*)address, (int)getauxval(AT_PHNUM));
        nuint page = (nuint)Environment.SystemPageSize;
        if (address == 0 || !TryFindBias(headers, address, file, out nuint bias))
            return false;
        foreach (ref readonly ProgramHeader header in headers)
        {
            if (header.Type != ProgramHeader.PT_LOAD || header.FileLength == 0)
                continue;
            nuint start = (header.Address + bias) & ~(page - 1), end = (header.Address + bias + header.FileLength + page - 1) & ~(page - 1);
            if (!MapAgain(new Mapping(start, end - start, header.Protection, (long)(header.Offset & ~(page - 1))), file, pages))
                return false;
        }

        foreach (ref readonly ProgramHeader header in headers)
        {
            if (header.Type != ProgramHeader.PT_GNU_RELRO)
                continue;
            nuint start = (header.Address + bias) & ~(page - 1), end = (header.Address + bias + header.MemoryLength) & ~(page - 1);
            if (end > start && mprotect((void*)start, end - start, PROT_READ) != 0)
                return false;
        }

        return true;
    }

    // How far from where it was linked to the program lies. False where the file is not what is mapped: a program can be started by way of the dynamic linker.
    private static bool TryFindBias(ReadOnlySpan<ProgramHeader> headers, nuint table, FileDescriptor file, out nuint bias)
    {
        const int HeaderLength = 64, TableOffset = 32; // Elf64_Ehdr, e_phoff
        bias = 0;
        Span<byte> start = stackalloc byte[HeaderLength];
        Span<byte> written = stackalloc byte[headers.Length * sizeof(ProgramHeader)];
        if (Pipes.PlainFile.ReadAt(file, start, 0) != start.Length)
            return false;
        ulong offset = MemoryMarshal.Read<ulong>(start[TableOffset..]);
        if (offset > long.MaxValue || Pipes.PlainFile.ReadAt(file, written, (long)offset) != written.Length || !written.SequenceEqual(MemoryMarshal.AsBytes(headers)))
            return false;
        foreach (ref readonly ProgramHeader header in headers)
        {
            if (header.Type == ProgramHeader.PT_LOAD && offset >= header.Offset && offset - header.Offset < header.FileLength)
            {
                bias = table - (header.Address + (nuint)(offset - header.Offset));
                return true;
            }
        }

        return false;
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
        bool hasCode = (mapping.Protection & PROT_EXEC) != 0; // nobody writes to that
        for (int first = 0; !hasCode && first < count; first += Batch)
        {
            Span<ulong> some = entries[..Math.Min(Batch, count - first)];
            Span<byte> bytes = MemoryMarshal.AsBytes(some);
            if (Pipes.PlainFile.ReadAt(pages, bytes, ((long)mapping.Start / pageSize + first) * sizeof(ulong)) != bytes.Length)
                return Abandon(copy, mapping);
            for (int i = 0, run; i < some.Length; i += Math.Max(run, 1))
            {
                for (run = 0; i + run < some.Length && IsOwn(some[i + run]);)
                    run++;
                if (run == 0)
                    continue;
                if (copy is null)
                    copy = (byte*)mmap(null, mapping.Length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.Number, mapping.Offset);
                if ((nint)copy == -1)
                    return false;
                nuint at = (nuint)(first + i) * (nuint)pageSize, length = (nuint)run * (nuint)pageSize;
                _ = madvise(copy + at, length, MADV_POPULATE_WRITE); // instead of a fault for each page; kernels before 5.14 have those
                Buffer.MemoryCopy((byte*)mapping.Start + at, copy + at, length, length);
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

    // Elf64_Phdr, elf.h
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct ProgramHeader
    {
        public const uint PT_LOAD = 1, PT_GNU_RELRO = 0x6474e552;
        public readonly uint Type, Flags;
        public readonly nuint Offset, Address, PhysicalAddress, FileLength, MemoryLength, Alignment;

        // PF_X, PF_W and PF_R are in the other order.
        public int Protection => (int)(((Flags & 1) << 2) | (Flags & 2) | ((Flags & 4) >> 2));
    }

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

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
    private static partial nuint getauxval(nuint type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* sbrk(nint increment);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nint a, nint b, nint c, nint d);
}
