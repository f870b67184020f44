using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Linux.Namespaces;

/// <summary>A range of ids of a user namespace: <paramref name="Count"/> of them, from <paramref name="Inside"/> in it and <paramref name="Outside"/> in ours.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct IdRange(uint Inside, uint Outside, uint Count);

/// <summary>User namespaces that no process lives in: they stand for a mapping of ids, as mount_setattr(2) wants it.</summary>
public static unsafe partial class MappedUserNamespace
{
    private const int CLONE_PIDFD = 0x1000, SIGCHLD = 17, SIGKILL = 9, SIG_BLOCK = 0, SIG_SETMASK = 2, StackSize = 64 << 10;

    /// <summary>Makes one. The process that it takes for a moment has ended afterwards.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_SETUID or CAP_SETGID; EINVAL: ranges that overlap, or more than the kernel takes.</exception>
    public static FileDescriptor Create(IReadOnlyList<IdRange> users, IReadOnlyList<IdRange> groups)
    {
        (int pid, FileDescriptor process) = StartPaused();
        using (process)
        {
            try
            {
                WriteMap($"/proc/{pid}/uid_map", users);
                WriteMap($"/proc/{pid}/gid_map", groups);
                return Paths.Open($"/proc/{pid}/ns/user", OpenFlags.O_RDONLY);
            }
            finally
            {
                ChildProcess.Signal(process, SIGKILL);
                while (waitpid(pid, null, 0) < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR)
                {
                }
            }
        }
    }

    private static (int Pid, FileDescriptor PidFd) StartPaused()
    {
        byte* stack = (byte*)NativeMemory.AlignedAlloc(StackSize, 16);
        nint* calls = stackalloc nint[2] { SyscallNumbers.Current.Prctl, SyscallNumbers.Current.Ppoll };
        try
        {
            ulong all = ulong.MaxValue, before = 0;
            int mask = SyscallNumbers.Current.RtSigprocmask, pidFd = -1;
            _ = RawCalls.syscall(mask, SIG_BLOCK, (nint)(&all), (nint)(&before), 8, 0, 0);
            int pid = clone(&Pause, stack + StackSize, (int)NamespaceFlags.CLONE_NEWUSER | CLONE_PIDFD | SIGCHLD, calls, &pidFd, null, null);
            int error = Marshal.GetLastPInvokeError();
            _ = RawCalls.syscall(mask, SIG_SETMASK, (nint)(&before), 0, 8, 0, 0);
            return pid > 0 ? (pid, new FileDescriptor(pidFd)) : throw new LinuxException((Errno)error, "clone", "CLONE_NEWUSER");
        }
        finally
        {
            NativeMemory.AlignedFree(stack);
        }
    }

    // Runs in a copy of this process. Managed code there may wait for ever for a garbage collection that the copy was made in the middle of;
    // waiting is all that it is for.
    [UnmanagedCallersOnly]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Pause(void* argument)
    {
        nint* calls = (nint*)argument;
        _ = RawCalls.syscall(calls[0], ProcessControl.PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
        while (true)
            _ = RawCalls.syscall(calls[1], 0, 0, 0, 0, 0, 0);
    }

    private static void WriteMap(string path, IReadOnlyList<IdRange> ranges)
    {
        var text = new StringBuilder();
        foreach (IdRange range in ranges)
            text.Append($"{range.Inside} {range.Outside} {range.Count}\n");
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_WRONLY);
        Errno errno = DescriptorIo.TryWrite(file.Number, Encoding.ASCII.GetBytes(text.ToString()), out _);
        if (errno != Errno.None)
            throw new LinuxException(errno, "write", $"{path}: {text.ToString().TrimEnd('\n').Replace("\n", ", ", StringComparison.Ordinal)}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clone(
        delegate* unmanaged<void*, int> function, void* stack, int flags, void* argument, int* pidFd, void* tls, int* childTid);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int pid, int* status, int options);
}
