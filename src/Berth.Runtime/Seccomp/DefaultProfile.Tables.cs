namespace Berth.Runtime.Seccomp;

/// <content>The calls, by the reason for which they may be made.</content>
public static partial class DefaultProfile
{
    // Left out, and so refused to all without the capability named below: loading kernel code, swapping, mounting, namespaces,
    // the kernel's log and clocks, keyrings (not confined by namespaces), bpf, perf, userfaultfd, io_uring, kexec, quotas.
    private static readonly string[][] Everyone =
    [
        // Starting, ending, awaiting and naming processes and threads; nothing here reaches beyond the container's own.
        [
            "execve", "execveat", "exit", "exit_group", "fork", "vfork", "wait4", "waitid", "waitpid", "getpid", "getppid", "gettid",
            "getpgid", "getpgrp", "getsid", "setpgid", "setsid", "set_tid_address", "set_robust_list", "get_robust_list", "rseq",
            "restart_syscall", "prctl", "seccomp", "membarrier", "pidfd_open", "get_thread_area", "set_thread_area", "uretprobe",
        ],

        // Signals; the kernel checks the receiver.
        [
            "kill", "tkill", "tgkill", "pause", "alarm", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
            "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaltstack", "signalfd",
            "signalfd4", "sigprocmask", "sigreturn", "pidfd_send_signal",
        ],

        // Scheduling and priorities: raising them needs CAP_SYS_NICE, which the kernel checks.
        [
            "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max", "sched_get_priority_min",
            "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
            "sched_setparam", "sched_setscheduler", "sched_yield", "getpriority", "setpriority", "ioprio_get", "ioprio_set", "getcpu",
        ],

        // Limits and accounting of the caller.
        [
            "getrlimit", "setrlimit", "ugetrlimit", "prlimit64", "getrusage", "times", "sysinfo", "uname", "umask",
        ],

        // Identity; changing it needs CAP_SETUID or CAP_SETGID.
        [
            "getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32", "getegid", "getegid32", "getresuid", "getresuid32",
            "getresgid", "getresgid32", "getgroups", "getgroups32", "setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32",
            "setregid", "setregid32", "setresuid", "setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid",
            "setfsgid32", "setgroups", "setgroups32", "capget", "capset",
        ],

        // The caller's own memory.
        [
            "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock", "mlock2", "mlockall", "munlock",
            "munlockall", "remap_file_pages", "pkey_alloc", "pkey_free", "pkey_mprotect", "memfd_create", "memfd_secret", "mseal",
            "map_shadow_stack", "process_mrelease",
        ],

        // Waiting on memory words.
        [
            "futex", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futex_requeue",
        ],

        // Reading clocks, and setting them only through calls that check CAP_SYS_TIME themselves.
        [
            "time", "gettimeofday", "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep",
            "clock_nanosleep_time64", "nanosleep", "adjtimex", "clock_adjtime", "clock_adjtime64",
        ],

        // Timers.
        [
            "getitimer", "setitimer", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
            "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
            "timerfd_settime64",
        ],

        // Opening files and naming them in the tree; permissions and the mount namespace are the limit.
        [
            "open", "openat", "openat2", "creat", "close", "close_range", "dup", "dup2", "dup3", "access", "faccessat", "faccessat2",
            "chdir", "fchdir", "getcwd", "getdents", "getdents64", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rename",
            "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "readlink", "readlinkat", "name_to_handle_at",
        ],

        // Reading and writing by descriptor.
        [
            "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "_llseek",
            "sendfile", "sendfile64", "splice", "tee", "vmsplice", "copy_file_range", "readahead", "fadvise64", "fadvise64_64", "ioctl",
            "fcntl", "fcntl64", "flock", "pipe", "pipe2", "cachestat",
        ],

        // Making writes durable and sizing files.
        [
            "sync", "syncfs", "fsync", "fdatasync", "sync_file_range", "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate",
        ],

        // What files and file systems are.
        [
            "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "fstatat64", "newfstatat", "statx", "statfs", "statfs64", "fstatfs",
            "fstatfs64", "statmount", "listmount",
        ],

        // Owner, mode and times of files.
        [
            "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "fchown", "fchown32", "fchownat", "lchown", "lchown32", "utime",
            "utimes", "utimensat", "utimensat_time64", "futimesat",
        ],

        // Extended attributes; the trusted and security ones need capabilities.
        [
            "getxattr", "getxattrat", "lgetxattr", "fgetxattr", "setxattr", "setxattrat", "lsetxattr", "fsetxattr", "listxattr",
            "listxattrat", "llistxattr", "flistxattr", "removexattr", "removexattrat", "lremovexattr", "fremovexattr",
        ],

        // Notification about files; marking what an fanotify group of the caller's watches gives nothing that it lacked.
        [
            "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "fanotify_mark",
        ],

        // Waiting for several descriptors.
        [
            "select", "_newselect", "pselect6", "pselect6_time64", "poll", "ppoll", "ppoll_time64", "epoll_create", "epoll_create1",
            "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_wait_old", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2",
        ],

        // The old asynchronous I/O. Not io_uring: its operations pass by every filter.
        [
            "io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents", "io_pgetevents", "io_pgetevents_time64",
        ],

        // Sockets once they exist; which may be made is decided by family. socketcall's arguments lie in memory, out of a filter's sight.
        [
            "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
            "socketpair", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64",
            "socketcall",
        ],

        // System V and POSIX message queues, semaphores, shared memory; the IPC namespace is the limit.
        [
            "ipc", "msgget", "msgctl", "msgsnd", "msgrcv", "semget", "semctl", "semop", "semtimedop", "semtimedop_time64", "shmget",
            "shmctl", "shmat", "shmdt", "mq_open", "mq_unlink", "mq_notify", "mq_getsetattr", "mq_timedsend", "mq_timedsend_time64",
            "mq_timedreceive", "mq_timedreceive_time64",
        ],

        // A process may only take rights from itself by these.
        [
            "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
        ],

        // Random bytes.
        [
            "getrandom",
        ],
    ];

    // Looking into other processes of the same container; before Linux 4.8 a tracer could change a call after the filter had seen it.
    private static readonly string[] Tracing = ["process_vm_readv", "process_vm_writev", "ptrace"];

    // Segment registers and descriptor tables of the calling thread.
    private static readonly string[] X86Only = ["arch_prctl", "modify_ldt"];

    // Variants with another argument order, and 32-bit ARM's private calls.
    private static readonly string[] ArmOnly =
    [
        "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls",
    ];

    // What a capability is good for only together with its calls.
    private static readonly (string Capability, string[] Calls)[] ByCapability =
    [
        ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
        ("CAP_SYS_ADMIN",
        [
            "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "lsm_get_self_attr",
            "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl",
            "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare",
        ]),
        ("CAP_SYS_BOOT", ["reboot"]),
        ("CAP_SYS_CHROOT", ["chroot"]),
        ("CAP_SYS_MODULE", ["delete_module", "init_module", "finit_module"]),
        ("CAP_SYS_PACCT", ["acct"]),
        ("CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"]),
        ("CAP_SYS_RAWIO", ["iopl", "ioperm"]),
        ("CAP_SYS_TIME", ["settimeofday", "stime", "clock_settime", "clock_settime64"]),
        ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
        ("CAP_SYS_NICE", ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
        ("CAP_SYSLOG", ["syslog"]),
        ("CAP_BPF", ["bpf"]),
        ("CAP_PERFMON", ["perf_event_open"]),
    ];
}
