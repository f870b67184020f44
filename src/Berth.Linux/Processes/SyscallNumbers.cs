using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>
/// Numbers of the system calls that plans are made of, by their kernel names. One table per architecture, chosen once at run time, so that
/// both are always compiled. Calls that one of the architectures lacks (open, mkdir, dup2, ...) are left out: their *at forms exist on both.
/// </summary>
public sealed partial record SyscallNumbers
{
    /// <summary>The numbers of the machine that this process runs on.</summary>
    public static SyscallNumbers Current { get; } = For(RuntimeInformation.ProcessArchitecture);

    public required int Bind { get; init; }
    public required int Bpf { get; init; }
    public required int Capset { get; init; }
    public required int Chdir { get; init; }
    public required int Chroot { get; init; }
    public required int CloneProcess { get; init; }
    public required int Close { get; init; }
    public required int Dup3 { get; init; }
    public required int Execve { get; init; }
    public required int ExitGroup { get; init; }
    public required int Faccessat { get; init; }
    public required int Fchdir { get; init; }
    public required int Fchownat { get; init; }
    public required int Fstatfs { get; init; }
    public required int Getpid { get; init; }
    public required int Ioctl { get; init; }
    public required int IoprioSet { get; init; }
    public required int Keyctl { get; init; }
    public required int Kill { get; init; }
    public required int Lseek { get; init; }
    public required int Mkdirat { get; init; }
    public required int Mknodat { get; init; }
    public required int Mount { get; init; }
    public required int Openat { get; init; }
    public required int Personality { get; init; }
    public required int PivotRoot { get; init; }
    public required int Ppoll { get; init; }
    public required int Prctl { get; init; }
    public required int Prlimit64 { get; init; }
    public required int Read { get; init; }
    public required int RtSigaction { get; init; }
    public required int RtSigprocmask { get; init; }
    public required int SchedSetaffinity { get; init; }
    public required int SchedSetattr { get; init; }
    public required int Seccomp { get; init; }
    public required int Setdomainname { get; init; }
    public required int Setgroups { get; init; }
    public required int Sethostname { get; init; }
    public required int Setns { get; init; }
    public required int Setresgid { get; init; }
    public required int Setresuid { get; init; }
    public required int Setsid { get; init; }
    public required int Setpgid { get; init; }
    public required int Socket { get; init; }
    public required int Statx { get; init; }
    public required int Symlinkat { get; init; }
    public required int Umask { get; init; }
    public required int Umount2 { get; init; }
    public required int Unlinkat { get; init; }
    public required int Unshare { get; init; }
    public required int Wait4 { get; init; }
    public required int Write { get; init; }

    // From 424 on the numbers are the same everywhere (asm-generic/unistd.h).
    public int OpenTree => 428;
    public int MoveMount => 429;
    public int Fsopen => 430;
    public int Fsconfig => 431;
    public int Fsmount => 432;
    public int PidfdOpen => 434;
    public int CloseRange => 436;
    public int Openat2 => 437;
    public int PidfdGetfd => 438;
    public int MountSetattr => 442;

    /// <summary>The table of <paramref name="architecture"/>.</summary>
    /// <exception cref="PlatformNotSupportedException">Neither x86-64 nor arm64.</exception>
    public static SyscallNumbers For(Architecture architecture) => architecture switch
    {
        Architecture.X64 => X64,
        Architecture.Arm64 => Arm64,
        _ => throw new PlatformNotSupportedException($"berth runs on x86-64 and arm64, not on {architecture}"),
    };
}
