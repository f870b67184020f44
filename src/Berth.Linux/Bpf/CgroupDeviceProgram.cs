using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Bpf;

/// <summary>Loads eBPF programs that decide on device access and ties them to cgroups (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE).</summary>
public static unsafe partial class CgroupDeviceProgram
{
    private const int BPF_PROG_LOAD = 5, BPF_PROG_ATTACH = 8, BPF_PROG_DETACH = 9, BPF_PROG_GET_FD_BY_ID = 13, BPF_OBJ_GET_INFO_BY_FD = 15, BPF_PROG_QUERY = 16;
    private const int BPF_PROG_TYPE_CGROUP_DEVICE = 15, BPF_CGROUP_DEVICE = 6, BPF_F_ALLOW_MULTI = 2, BPF_F_REPLACE = 4;
    private const int AttributeBytes = 128, InstructionBytes = 8, MaxPrograms = 64;

    // struct bpf_prog_info: where its name is, and how much of it is read.
    private const int InfoNameOffset = 64, InfoBytes = 80, NameBytes = 16;

    /// <summary>By this name a program of ours is told from those of others (systemd's, for one) on the same cgroup.</summary>
    private static ReadOnlySpan<byte> OwnName => "berth_devices\0\0\0"u8;

    /// <summary>
    /// Verifies and loads the program, and attaches it to the cgroup: from now on every access of its members to a device must be allowed by this
    /// program, by those that others attached, and by those of the cgroups above. One that this method attached before is replaced, at once where the
    /// kernel can (Linux 5.6); before that both decide for a moment. It lives as long as the cgroup.
    /// </summary>
    /// <param name="cgroupFolder">A folder of the unified hierarchy.</param>
    /// <param name="instructions">eBPF instructions of eight bytes each.</param>
    /// <exception cref="LinuxException">The verifier refused it, the kernel lacks CONFIG_CGROUP_BPF, or the caller the capabilities.</exception>
    public static void Attach(string cgroupFolder, ReadOnlySpan<byte> instructions)
    {
        using FileDescriptor program = Load(instructions, cgroupFolder);
        using FileDescriptor folder = Files.Paths.OpenFolder(cgroupFolder);
        List<FileDescriptor> previous = Own(folder, cgroupFolder);
        try
        {
            if (previous.Count == 1 && TryAttach(folder, program, previous[0]))
                return;
            if (!TryAttach(folder, program, replaced: null))
                throw LinuxException.Last("bpf", $"BPF_PROG_ATTACH to {cgroupFolder}");
            foreach (FileDescriptor old in previous)
                Detach(folder, old, cgroupFolder);
        }
        finally
        {
            foreach (FileDescriptor old in previous)
                old.Dispose();
        }
    }

    /// <summary>Takes away what <see cref="Attach"/> attached; nothing there is fine.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Detach(string cgroupFolder)
    {
        using FileDescriptor folder = Files.Paths.OpenFolder(cgroupFolder);
        foreach (FileDescriptor program in Own(folder, cgroupFolder))
        {
            using (program)
                Detach(folder, program, cgroupFolder);
        }
    }

    /// <summary>How many programs decide on the devices of the cgroup itself, whoever attached them.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static int Count(string cgroupFolder)
    {
        using FileDescriptor folder = Files.Paths.OpenFolder(cgroupFolder);
        uint* ids = stackalloc uint[MaxPrograms];
        return Query(folder, ids, cgroupFolder);
    }

    private static bool TryAttach(FileDescriptor folder, FileDescriptor program, FileDescriptor? replaced)
    {
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
        words[0] = (uint)folder.Number; // target_fd
        words[1] = (uint)program.Number; // attach_bpf_fd
        words[2] = BPF_CGROUP_DEVICE; // attach_type
        words[3] = BPF_F_ALLOW_MULTI | (replaced is null ? 0u : BPF_F_REPLACE); // attach_flags
        words[4] = replaced is null ? 0 : (uint)replaced.Number; // replace_bpf_fd
        return Bpf(BPF_PROG_ATTACH, words) >= 0;
    }

    private static void Detach(FileDescriptor folder, FileDescriptor program, string cgroupFolder)
    {
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
        words[0] = (uint)folder.Number;
        words[1] = (uint)program.Number;
        words[2] = BPF_CGROUP_DEVICE;
        if (Bpf(BPF_PROG_DETACH, words) < 0)
            throw LinuxException.Last("bpf", $"BPF_PROG_DETACH from {cgroupFolder}");
    }

    private static List<FileDescriptor> Own(FileDescriptor folder, string cgroupFolder)
    {
        uint* ids = stackalloc uint[MaxPrograms];
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        var found = new List<FileDescriptor>();
        int count = Query(folder, ids, cgroupFolder);
        for (int i = 0; i < count; i++)
        {
            new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
            words[0] = ids[i];
            nint fd = Bpf(BPF_PROG_GET_FD_BY_ID, words);
            if (fd < 0)
                continue; // detached meanwhile, or (without CAP_SYS_ADMIN) not for us to see
            var program = new FileDescriptor((int)fd);
            if (IsOwn(program))
                found.Add(program);
            else
                program.Dispose();
        }

        return found;
    }

    private static int Query(FileDescriptor folder, uint* ids, string cgroupFolder)
    {
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
        words[0] = (uint)folder.Number; // target_fd
        words[1] = BPF_CGROUP_DEVICE; // attach_type
        ((ulong*)words)[2] = (ulong)ids; // prog_ids
        words[6] = MaxPrograms; // prog_cnt
        return Bpf(BPF_PROG_QUERY, words) < 0 ? throw LinuxException.Last("bpf", $"BPF_PROG_QUERY of {cgroupFolder}") : (int)words[6];
    }

    private static bool IsOwn(FileDescriptor program)
    {
        byte* info = stackalloc byte[InfoBytes];
        new Span<byte>(info, InfoBytes).Clear();
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
        words[0] = (uint)program.Number; // bpf_fd
        words[1] = InfoBytes; // info_len
        ((ulong*)words)[1] = (ulong)info;
        return Bpf(BPF_OBJ_GET_INFO_BY_FD, words) >= 0 && new ReadOnlySpan<byte>(info + InfoNameOffset, NameBytes).SequenceEqual(OwnName);
    }

    private static FileDescriptor Load(ReadOnlySpan<byte> instructions, string subject)
    {
        uint* words = stackalloc uint[AttributeBytes / sizeof(uint)];
        new Span<uint>(words, AttributeBytes / sizeof(uint)).Clear();
        fixed (byte* code = instructions, license = "Apache-2.0\0"u8)
        {
            words[0] = BPF_PROG_TYPE_CGROUP_DEVICE; // prog_type
            words[1] = (uint)(instructions.Length / InstructionBytes); // insn_cnt
            ((ulong*)words)[1] = (ulong)code; // insns
            ((ulong*)words)[2] = (ulong)license; // license
            OwnName.CopyTo(new Span<byte>((byte*)words + 48, NameBytes)); // prog_name
            nint fd = Bpf(BPF_PROG_LOAD, words);
            return fd >= 0 ? new FileDescriptor((int)fd) : throw LinuxException.Last("bpf", $"BPF_PROG_LOAD for {subject}");
        }
    }

    private static nint Bpf(int command, uint* attributes) => syscall(SyscallNumbers.Current.Bpf, command, (nint)attributes, AttributeBytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c);
}
