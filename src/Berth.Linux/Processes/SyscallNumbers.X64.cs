namespace Berth.Linux.Processes;

public sealed partial record SyscallNumbers
{
    // arch/x86/entry/syscalls/syscall_64.tbl
    private static SyscallNumbers X64 => new()
    {
        Bind = 49,
        Bpf = 321,
        Capset = 126,
        Chdir = 80,
        Close = 3,
        Dup3 = 292,
        Execve = 59,
        ExitGroup = 231,
        Faccessat = 269,
        Fchdir = 81,
        Fchownat = 260,
        Getpid = 39,
        Ioctl = 16,
        Keyctl = 250,
        Mkdirat = 258,
        Mknodat = 259,
        Mount = 165,
        Openat = 257,
        PivotRoot = 155,
        Prctl = 157,
        Prlimit64 = 302,
        RtSigaction = 13,
        RtSigprocmask = 14,
        Seccomp = 317,
        Setdomainname = 171,
        Setgroups = 116,
        Sethostname = 170,
        Setns = 308,
        Setresgid = 119,
        Setresuid = 117,
        Setsid = 112,
        Socket = 41,
        Symlinkat = 266,
        Umask = 95,
        Umount2 = 166,
        Unshare = 272,
        Write = 1,
    };
}
