using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Bpf;

/// <summary>Loads eBPF programs that decide on device access and ties them to cgroups (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE).</summary>
public static unsafe partial class CgroupDeviceProgram
{
    private const int BPF_PROG_LOAD = 5, BPF_PROG_ATTACH = 8, BPF_PROG_TYPE_CGROUP_DEVICE = 15, BPF_CGROUP_DEVICE = 6, BPF_F_ALLOW_MULTI = 2;
    private const int AttributeBytes = 128;
    private const int InstructionBytes = 8;

    /// <summary>
    /// Verifies and loads the program, and attaches it to the cgroup: from now on every access of its members to a device must be allowed by this
    /// program and by those of the cgroups above. It lives as long as the cgroup.
    /// </summary>
    /// <param name="cgroupFolder">A folder of the unified hierarchy.</param>
    /// <param name="instructions">eBPF instructions of eight bytes each.</param>
    /// <exception cref="LinuxException">The verifier refused it, the kernel lacks CONFIG_CGROUP_BPF, or the caller the capabilities.</exception>
    public static void Attach(string cgroupFolder, ReadOnlySpan<byte> instructions)
    {
        using FileDescriptor program = Load(instructions, cgroupFolder);
        using FileDescriptor folder = Files.Paths.OpenFolder(cgroupFolder);
        byte* attributes = stackalloc byte[AttributeBytes];
        new Span<byte>(attributes, AttributeBytes).Clear();
        uint* words = (uint*)attributes;
        words[0] = (uint)folder.Number; // target_fd
        words[1] = (uint)program.Number; // attach_bpf_fd
        words[2] = BPF_CGROUP_DEVICE; // attach_type
        words[3] = BPF_F_ALLOW_MULTI; // attach_flags
        if (syscall(SyscallNumbers.Current.Bpf, BPF_PROG_ATTACH, (nint)attributes, AttributeBytes) < 0)
            throw LinuxException.Last("bpf", $"BPF_PROG_ATTACH to {cgroupFolder}");
    }

    private static FileDescriptor Load(ReadOnlySpan<byte> instructions, string subject)
    {
        byte* attributes = stackalloc byte[AttributeBytes];
        new Span<byte>(attributes, AttributeBytes).Clear();
        fixed (byte* code = instructions, license = "Apache-2.0\0"u8)
        {
            ((uint*)attributes)[0] = BPF_PROG_TYPE_CGROUP_DEVICE; // prog_type
            ((uint*)attributes)[1] = (uint)(instructions.Length / InstructionBytes); // insn_cnt
            ((ulong*)attributes)[1] = (ulong)code; // insns
            ((ulong*)attributes)[2] = (ulong)license; // license
            nint fd = syscall(SyscallNumbers.Current.Bpf, BPF_PROG_LOAD, (nint)attributes, AttributeBytes);
            return fd >= 0 ? new FileDescriptor((int)fd) : throw LinuxException.Last("bpf", $"BPF_PROG_LOAD for {subject}");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c);
}
