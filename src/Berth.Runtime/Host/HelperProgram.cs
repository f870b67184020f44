using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Namespaces;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Runtime.Init;

namespace Berth.Runtime.Host;

/// <summary>A program of the host that is run to its end: hooks, newuidmap. It has three descriptors and no others, and all signals at their defaults.</summary>
internal sealed record HelperProgram
{
    private const int MaxOutput = 16 << 10, SIGKILL = 9;

    /// <summary>Absolute.</summary>
    public required string Path { get; init; }

    /// <summary>With the name that it goes by.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>All of it.</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    /// <summary>Where it starts, on the host.</summary>
    public string WorkingFolder { get; init; } = "/";

    /// <summary>What its standard input holds.</summary>
    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>When it is killed; null: never.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The process whose namespaces it runs in; null: the caller's.</summary>
    public (int Pid, FileDescriptor PidFd)? NamespacesOf { get; init; }

    /// <summary>Runs it.</summary>
    /// <returns>How it ended (null: killed, as its time was up), and what it wrote to its outputs, as far as fits 16 KiB.</returns>
    /// <exception cref="PlanFailedException">It could not be started.</exception>
    /// <exception cref="LinuxException">The host refused.</exception>
    public (ProcessEnd? End, string Output) Run()
    {
        using FileDescriptor input = MemoryFile.Create("stdin");
        FileData.Write(input, Input.Span);
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            FileDescriptor pidFd;
            using (write)
                pidFd = Start(input, write);
            using (pidFd)
                return Wait(pidFd, read);
        }
    }

    private FileDescriptor Start(FileDescriptor input, FileDescriptor output)
    {
        using var plan = new SyscallPlan();
        SyscallNumbers calls = SyscallNumbers.Current;
        int stdin = plan.Own(DescriptorIo.Duplicate(input.Number, 3)), stdout = plan.Own(DescriptorIo.Duplicate(output.Number, 3));
        var differing = NamespaceFlags.None;
        if (NamespacesOf is { } target)
        {
            differing = NamespaceCalls.Differing(target.Pid);
            NamespaceFlags join = differing & ~(NamespaceFlags.CLONE_NEWPID | NamespaceFlags.CLONE_NEWTIME);
            if (join != NamespaceFlags.None)
                plan.Call("joining the container's namespaces", calls.Setns, target.PidFd.Number, (nint)join);
            if (differing.HasFlag(NamespaceFlags.CLONE_NEWUSER))
                NamespacePlan.AddBecomeRoot(plan, forbidInspection: true);
        }

        const int SEEK_SET = 0, SIG_SETMASK = 2;
        plan.Call("starting at the input's beginning", calls.Lseek, stdin, 0, SEEK_SET);
        plan.Call("connecting the streams", calls.Dup3, stdin, 0, 0);
        plan.Call("connecting the streams", calls.Dup3, stdout, 1, 0);
        plan.Call("connecting the streams", calls.Dup3, stdout, 2, 0);
        plan.Call("closing descriptors", calls.CloseRange, 3, int.MaxValue, 0);
        plan.Call($"entering {WorkingFolder}", calls.Chdir, plan.Text(WorkingFolder));
        plan.Call("unblocking signals", calls.RtSigprocmask, SIG_SETMASK, plan.Words(0), 0, 8);
        plan.Call($"executing {Path}", calls.Execve, plan.Text(Path), plan.Strings(Arguments), plan.Strings(Environment));
        if (NamespacesOf is not { } process || !differing.HasFlag(NamespaceFlags.CLONE_NEWPID))
            return ProcessSpawner.Spawn(plan).PidFd;
        return NamespaceCalls.WithPidNamespaceOf(process.PidFd, () => ProcessSpawner.Spawn(plan)).PidFd;
    }

    private (ProcessEnd? End, string Output) Wait(FileDescriptor pidFd, FileDescriptor read)
    {
        DescriptorIo.SetNonBlocking(read.Number);
        long? end = Timeout is { } timeout ? System.Environment.TickCount64 + (long)timeout.TotalMilliseconds : null;
        var output = new StringBuilder();
        bool open = true, late = false;
        while (true)
        {
            int left = end is { } at && !late ? (int)Math.Clamp(at - System.Environment.TickCount64, 0, int.MaxValue) : -1;
            (bool hasOutput, bool hasEnded) = DescriptorPoll.WaitReadable(open ? read.Number : -1, pidFd.Number, left);
            if (hasOutput)
                open = Drain(read, output);
            if (hasEnded)
            {
                // What it has left running may hold the pipe open: nobody waits for that.
                ProcessEnd? how = ChildProcess.TryReap(pidFd);
                if (open)
                    Drain(read, output);
                return (late ? null : how, output.ToString());
            }

            if (!hasOutput && !late)
            {
                late = true;
                ChildProcess.Signal(pidFd, SIGKILL);
            }
        }
    }

    // False at the end.
    private static bool Drain(FileDescriptor read, StringBuilder output)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (true)
        {
            Errno errno = DescriptorIo.TryRead(read.Number, buffer, out int count);
            if (errno == Errno.EAGAIN)
                return true;
            if (errno != Errno.None || count == 0)
                return false;
            if (output.Length < MaxOutput)
                output.Append(Encoding.UTF8.GetString(buffer[..count]));
        }
    }
}
