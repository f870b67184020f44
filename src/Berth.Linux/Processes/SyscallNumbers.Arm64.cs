namespace Berth.Linux.Processes;

public sealed partial record SyscallNumbers
{
    // include/uapi/asm-generic/unistd.h
    private static SyscallNumbers Arm64 => new()
    {
        Bind = 200,
        Bpf = 280,
        Capset = 91,
        Chdir = 49,
        Close = 57,
        Dup3 = 24,
        Execve = 221,
        ExitGroup = 94,
        Faccessat = 48,
        Fchdir = 50,
        Fchownat = 54,
        Getpid = 172,
        Ioctl = 29,
        Keyctl = 219,
        Mkdirat = 34,
        Mknodat = 33,
        Mount = 40,
        Openat = 56,
        PivotRoot = 41,
        Prctl = 167,
        Prlimit64 = 261,
        RtSigaction = 134,
        RtSigprocmask = 135,
        Seccomp = 277,
        Setdomainname = 162,
        Setgroups = 159,
        Sethostname = 161,
        Setns = 268,
        Setresgid = 149,
        Setresuid = 147,
        Setsid = 157,
        Socket = 198,
        Symlinkat = 36,
        Umask = 166,
        Umount2 = 39,
        Unshare = 97,
        Write = 64,
    };
}
