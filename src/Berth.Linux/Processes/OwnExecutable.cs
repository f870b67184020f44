using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

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
    private const int MAP_PRIVATE = 2, MAP_FIXED = 0x10, MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2;

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
            if (ReadMap() is not { Count: > 0 } mappings)
                return false;
            using FileDescriptor pages = Pipes.PlainFile.OpenRead("/proc/self/pagemap");
            foreach (Mapping mapping in mappings)
            {
                if (!MapAgain(mapping, other, pages))
                    return false;
            }

            return SetExecutable(empty.Number);
        }
        catch (LinuxException)
        {
            return false;
        }
    }

    /// <summary>Whether /proc/self/exe is the program's file on disk, or a sealed copy in memory.</summary>
    public static bool RunsFromDisk => !Target().StartsWith("/memfd:", StringComparison.Ordinal);

    private static string Target() => Encoding.UTF8.GetString(Files.Paths.ReadLink(Files.Paths.WorkingFolder, "/proc/self/exe"u8));

    // The mappings of the executable: all of one device and inode, that of the code which runs here.
    private static List<Mapping> ReadMap()
    {
        List<Mapping> mappings = [];
        string target = Target();
        foreach (string line in ReadProc("/proc/self/maps").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // address perms offset dev inode path
            string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 6 || parts[5] != target)
                continue;
            int dash = parts[0].IndexOf('-', StringComparison.Ordinal);
            nuint start = nuint.Parse(parts[0].AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            nuint end = nuint.Parse(parts[0].AsSpan(dash + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            int protection = (parts[1][0] == 'r' ? PROT_READ : 0) | (parts[1][1] == 'w' ? PROT_WRITE : 0) | (parts[1][2] == 'x' ? PROT_EXEC : 0);
            long offset = long.Parse(parts[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            mappings.Add(new Mapping(start, end - start, protection, offset));
        }

        return mappings;
    }

    // The same file, which the kernel takes for another one, as it compares mounts too. Nobody can change it by this mount: it is attached nowhere.
    private static FileDescriptor OpenByOtherMount()
    {
        using FileDescriptor mount = Mounts.MountCalls.Clone(Files.Paths.WorkingFolder, "/proc/self/exe", recursive: false);
        return Pipes.PlainFile.OpenRead($"/proc/self/fd/{mount.Number}");
    }

    // Other threads may run this very code: the kernel exchanges a mapping as one step. Pages that were written to since the start are carried over; between
    // their copy and the exchange nothing is written here but the stack.
    private static bool MapAgain(Mapping mapping, FileDescriptor file, FileDescriptor pages)
    {
        int pageSize = Environment.SystemPageSize;
        var entries = new ulong[(int)mapping.Length / pageSize];
        Span<byte> bytes = MemoryMarshal.AsBytes(entries.AsSpan());
        if (Pipes.PlainFile.ReadAt(pages, bytes, (long)mapping.Start / pageSize * sizeof(ulong)) != bytes.Length)
            return false;
        if (Array.FindIndex(entries, IsOwn) < 0)
            return (nint)mmap((void*)mapping.Start, mapping.Length, mapping.Protection, MAP_PRIVATE | MAP_FIXED, file.Number, mapping.Offset) == (nint)mapping.Start;

        byte* copy = (byte*)mmap(null, mapping.Length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.Number, mapping.Offset);
        if ((nint)copy == -1)
            return false;
        for (int i = 0; i < entries.Length; i++)
        {
            if (IsOwn(entries[i]))
                Buffer.MemoryCopy((byte*)mapping.Start + (i * pageSize), copy + (i * pageSize), pageSize, pageSize);
        }

        if (mprotect(copy, mapping.Length, mapping.Protection) == 0
            && (nint)mremap(copy, mapping.Length, mapping.Length, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)mapping.Start) != -1)
            return true;
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
        string stat = ReadProc("/proc/self/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // from field 3 on
        byte[] vector = ReadBytes("/proc/self/auxv");
        fixed (byte* auxiliary = vector)
        {
            var map = new MemoryMap
            {
                StartCode = Field(26), EndCode = Field(27), StartStack = Field(28), StartData = Field(45), EndData = Field(46), StartBreak = Field(47),
                ArgStart = Field(48), ArgEnd = Field(49), EnvStart = Field(50), EnvEnd = Field(51), Break = (ulong)(nint)sbrk(0),
                Auxiliary = auxiliary, AuxiliarySize = (uint)vector.Length, ExeDescriptor = (uint)descriptor,
            };
            return prctl(PR_SET_MM, PR_SET_MM_MAP, (nint)(&map), sizeof(MemoryMap), 0) == 0;
        }

        ulong Field(int number) => ulong.Parse(fields[number - 3], CultureInfo.InvariantCulture);
    }

    private static string ReadProc(string path) => Encoding.UTF8.GetString(ReadBytes(path));

    private static byte[] ReadBytes(string path)
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
                return buffer[..length];
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
