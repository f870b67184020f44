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
public static class MappedUserNamespace
{
    private const int SIGKILL = 9, LeastDescriptor = 3;

    /// <summary>Makes one. The process that it takes for a moment has ended afterwards.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_SETUID or CAP_SETGID; EINVAL: ranges that overlap, or more than the kernel takes.</exception>
    /// <exception cref="InvalidDataException">/proc is no proc.</exception>
    public static FileDescriptor Create(IReadOnlyList<IdRange> users, IReadOnlyList<IdRange> groups)
    {
        using var plan = new SyscallPlan(shared: true);
        using var handshake = new PlanHandshake(plan, LeastDescriptor);
        handshake.AddPoint("waiting to be killed", 1);
        plan.Call("end", SyscallNumbers.Current.ExitGroup, 0);
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake, NamespaceFlags.CLONE_NEWUSER);
        try
        {
            WriteMap($"/proc/{process.Pid}/uid_map", users);
            WriteMap($"/proc/{process.Pid}/gid_map", groups);
            using FileDescriptor namespaces = ProcFiles.OpenFolder(Paths.OfProcess(process.Pid, "ns"));
            return Paths.Open(namespaces, "user"u8, OpenFlags.O_RDONLY);
        }
        finally
        {
            ChildProcess.Signal(process.PidFd, SIGKILL);
            ProcessSpawner.Reap(process.Pid);
        }
    }

    private static void WriteMap(string path, IReadOnlyList<IdRange> ranges)
    {
        var text = new StringBuilder();
        foreach (IdRange range in ranges)
            text.Append($"{range.Inside} {range.Outside} {range.Count}\n");
        using FileDescriptor file = ProcFiles.Open(path, OpenFlags.O_WRONLY);
        Errno errno = DescriptorIo.TryWrite(file.Number, Encoding.ASCII.GetBytes(text.ToString()), out _);
        if (errno != Errno.None)
            throw new LinuxException(errno, "write", $"{path}: {text.ToString().TrimEnd('\n').Replace("\n", ", ", StringComparison.Ordinal)}");
    }
}
