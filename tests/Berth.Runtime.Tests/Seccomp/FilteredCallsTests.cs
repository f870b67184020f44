using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Runtime.Init;
using Berth.Runtime.Seccomp;
using Berth.Runtime.Tests.Host;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>
/// Hundreds of calls made for real under the default profile, by a process that walks a plan: what the profile allows answers as it does without a filter,
/// and the rest as the profile says. Arguments are -1 throughout, which no call can do harm with.
/// </summary>
public sealed class FilteredCallsTests(ITestOutputHelper output)
{
    private const uint Allow = 0x7FFF0000, ErrnoAction = 0x00050000;

    // Left out are calls that would end, stop or share something with the test itself, and those that reach beyond it: kill, sync, vhangup, msgget.
    private static readonly string[] Calls =
    [
        "read", "write", "close", "fstat", "lseek", "pread64", "pwrite64", "readv", "writev", "access", "pipe", "dup", "dup2", "nanosleep", "getpid", "socket",
        "connect", "accept", "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown", "bind", "listen", "getsockname", "getpeername", "socketpair", "setsockopt",
        "getsockopt", "wait4", "tgkill", "uname", "semop", "semctl", "shmat", "fcntl", "flock", "fsync", "fdatasync", "truncate",
        "ftruncate", "getdents64", "getcwd", "chdir", "fchdir", "rename", "mkdir", "rmdir", "creat", "link", "unlink", "symlink", "readlink", "chmod", "fchmod",
        "chown", "fchown", "lchown", "getrlimit", "getrusage", "sysinfo", "times", "getuid", "getgid", "geteuid", "getegid", "getpgid", "setpgid", "getppid",
        "getgroups", "getresuid", "getresgid", "capget", "capset", "rt_sigpending", "utime", "mknod", "statfs", "fstatfs", "getpriority", "sched_getparam",
        "sched_getscheduler", "prctl", "setrlimit", "gettid", "readahead", "setxattr", "getxattr", "listxattr", "removexattr", "sched_getaffinity",
        "epoll_create", "epoll_ctl", "epoll_wait", "timer_create", "mq_open", "mq_unlink", "inotify_add_watch", "openat", "mkdirat", "mknodat", "fchownat",
        "newfstatat", "unlinkat", "renameat", "linkat", "symlinkat", "readlinkat", "fchmodat", "faccessat", "ppoll", "splice", "tee", "vmsplice",
        "sync_file_range", "utimensat", "timerfd_create", "fallocate", "timerfd_settime", "accept4", "signalfd4", "eventfd2", "epoll_create1", "dup3", "pipe2",
        "inotify_init1", "preadv", "pwritev", "recvmmsg", "prlimit64", "name_to_handle_at", "sendmmsg", "sched_setattr", "sched_getattr", "renameat2", "seccomp",
        "memfd_create", "execveat", "copy_file_range", "preadv2", "pwritev2", "statx", "pidfd_open", "close_range", "openat2", "faccessat2", "epoll_pwait2",
        "landlock_create_ruleset", "ptrace", "process_vm_readv", "pidfd_send_signal",
        "mount", "umount2", "pivot_root", "swapon", "swapoff", "reboot", "sethostname", "setdomainname", "init_module", "delete_module", "quotactl", "acct",
        "settimeofday", "kexec_load", "add_key", "request_key", "keyctl", "unshare", "setns", "open_by_handle_at", "perf_event_open", "fanotify_init",
        "finit_module", "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
        "fspick", "mount_setattr", "clone3", "iopl", "ioperm", "syslog", "clock_settime", "move_pages", "mbind", "set_mempolicy", "lookup_dcookie", "personality",
        "fanotify_mark", "kexec_file_load", "quotactl_fd", "file_setattr",
    ];

    [Fact]
    public void Attack12_CallsAnswerAsTheProfileSays()
    {
        var spec = DefaultProfile.Create(DefaultProfileTests.Capabilities("docker"), RuntimeInformation.ProcessArchitecture, Environment.OSVersion.Version);
        SeccompFilter filter = SeccompFilter.Compile(spec)!;
        var interpreter = new BpfInterpreter(filter.Program);
        (SyscallAbi abi, uint audit) = RuntimeInformation.ProcessArchitecture == Architecture.X64
            ? (SyscallAbi.X86_64, BpfInterpreter.X86_64) : (SyscallAbi.Arm64, BpfInterpreter.Arm64);
        SyscallNumbers calls = SyscallNumbers.Current;

        using var plan = new SyscallPlan();
        plan.Call("no_new_privs", calls.Prctl, ProcessControl.PR_SET_NO_NEW_PRIVS, 1);
        filter.Add(plan);
        int allowed = 0, refused = 0;
        foreach (string name in Calls)
        {
            int number = SyscallTable.Number(SyscallTable.Find(name), abi);
            if (number < 0)
                continue; // arm64 has only the newer of several forms
            uint verdict = interpreter.Run(audit, (uint)number, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);
            bool isAllowed = verdict == Allow;
            if (isAllowed)
                allowed++;
            else
                refused++;
            Assert.True(isAllowed || (verdict & 0xFFFF0000) == ErrnoAction, $"{name}: {verdict:x}");
            Errno wanted = isAllowed ? Bare(name, number) : (Errno)(verdict & 0xFFFF);
            AddExpecting(plan, name, number, wanted);
        }

        plan.Call("exit", calls.ExitGroup, 0);
        Run(plan);
        output.WriteLine($"{allowed} calls allowed, {refused} refused");
        Assert.True(allowed + refused > 100 && refused > 40);
    }

    [Fact]
    public void AListenerIsLeftInTheRegister()
    {
        SeccompFilter filter = SeccompFilter.Compile(new()
        {
            DefaultAction = "SCMP_ACT_ALLOW", ListenerPath = "/run/agent.sock", Flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
            Syscalls = [new() { Names = ["getppid"], Action = "SCMP_ACT_NOTIFY" }],
        })!;
        Assert.True(filter.HasListener);
        SyscallNumbers calls = SyscallNumbers.Current;
        using var plan = new SyscallPlan();
        PlanRegister listener = plan.NewRegister();
        plan.Set(listener, int.MaxValue);
        plan.Call("no_new_privs", calls.Prctl, ProcessControl.PR_SET_NO_NEW_PRIVS, 1);
        filter.Add(plan, listener);
        plan.Call("the listener", calls.Close, listener);
        plan.Call("exit", calls.ExitGroup, 0);
        Run(plan);
        using var another = new SyscallPlan();
        Assert.Throws<InvalidOperationException>(() => filter.Add(another));
    }

    internal static void Run(SyscallPlan plan)
    {
        (_, FileDescriptor process) = ProcessSpawner.Spawn(plan);
        using (process)
            Assert.Equal(0, TestBundle.Wait(process));
    }

    private static void AddExpecting(SyscallPlan plan, string name, int number, Errno wanted)
    {
        if (wanted == Errno.None)
        {
            plan.Call($"{name} succeeds without a filter", number, -1, -1, -1, -1, -1, -1);
            return;
        }

        PlanLabel next = plan.NewLabel();
        plan.Call($"{name}, which should answer {wanted}", number, -1, -1, -1, -1, -1, -1).Tolerating(wanted).OnError(next);
        plan.Fail($"{name}, which should answer {wanted}, succeeds", wanted);
        plan.Mark(next);
    }

    private static Errno Bare(string name, int number)
    {
        using var plan = new SyscallPlan();
        plan.Call(name, number, -1, -1, -1, -1, -1, -1);
        plan.Call("exit", SyscallNumbers.Current.ExitGroup, 0);
        try
        {
            Run(plan);
            return Errno.None;
        }
        catch (PlanFailedException e)
        {
            return e.Errno;
        }
    }
}
