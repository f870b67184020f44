using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Runtime.Cgroups;

namespace Berth.Benchmarks.Spawn;

/// <summary>
/// Makes the folder, watches the worker, and removes everything at the end, whatever the end was. A watchdog inside the worker would be no use: when a
/// collection waits for a thread that never comes, every managed thread waits.
/// </summary>
internal static class SpawnSupervisor
{
    private const int SilenceLimitMs = 30_000;
    private const int SIGKILL = 9, SIG_SETMASK = 2;

    /// <summary>Runs the benchmark; 0 when every start succeeded.</summary>
    public static int Run(SpawnOptions options)
    {
        string home = Directory.CreateTempSubdirectory("berth-bench-").FullName;
        var bundle = new SpawnBundle(home);
        try
        {
            bundle.Make();
            return Watch(home, options);
        }
        catch (Exception e) when (e is IOException or PlanFailedException)
        {
            Console.Error.WriteLine($"berth-bench: {e.Message}");
            return 1;
        }
        finally
        {
            ContainerCgroup.KillAndRemove(bundle.CgroupsPath);
            Directory.Delete(home, recursive: true);
        }
    }

    private static int Watch(string home, SpawnOptions options)
    {
        (FileDescriptor progress, FileDescriptor write) = Pipe.Create();
        using (progress)
        {
            (int pid, FileDescriptor worker) = Start(home, options, write);
            using (worker)
            {
                void End(PosixSignalContext context)
                {
                    context.Cancel = true;
                    ChildProcess.Signal(worker, SIGKILL);
                }

                using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
                using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
                (int last, bool isHung) = Follow(progress);
                if (isHung)
                {
                    Console.Error.WriteLine($"hung at start {last}: nothing for {SilenceLimitMs / 1000} s");
                    KillWithChildren(pid, worker);
                }

                ProcessEnd end = Reap(worker);
                if (end.Signaled && !isHung)
                    Console.Error.WriteLine($"ended by signal {end.Code} at start {last}");
                return end.ShellCode == 0 ? 0 : 1;
            }
        }
    }

    // The worker is this program; it must not outlive us. Takes the writing end.
    private static (int Pid, FileDescriptor Process) Start(string home, SpawnOptions options, FileDescriptor write)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        using var plan = new SyscallPlan();
        plan.Own(write);
        plan.Call("progress pipe", calls.Dup3, plan.Own(DescriptorIo.Duplicate(write.Number, 10)), SpawnWorker.ProgressNumber, 0);
        plan.Call("PR_SET_PDEATHSIG", calls.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL);
        plan.Call("a session of its own", calls.Setsid); // SIGINT of a terminal is the supervisor's alone
        plan.Call("signals", calls.RtSigprocmask, SIG_SETMASK, plan.Words(0), 0, 8);
        plan.Call("execve", calls.Execve, plan.Text("/proc/self/exe"), plan.Strings(["berth-bench", SpawnWorker.Verb, home, .. options.Arguments]), plan.Strings([]));
        return ProcessSpawner.Spawn(plan);
    }

    // The last start that was begun, and whether the worker went silent in it; otherwise it has ended.
    private static (int Last, bool IsHung) Follow(FileDescriptor progress)
    {
        using var poll = new EventPoll(1);
        poll.Add(progress.Number, PollEvents.In, 0);
        byte[] buffer = new byte[4096]; // numbers are written whole, and this is a multiple of their size
        for (int last = 0; ;)
        {
            if (poll.Wait(SilenceLimitMs) == 0)
                return (last, IsHung: true);
            Errno errno = DescriptorIo.TryRead(progress.Number, buffer, out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", "progress of the worker");
            if (count == 0)
                return (last, IsHung: false);
            last = BinaryPrimitives.ReadInt32LittleEndian(buffer.AsSpan(count - sizeof(int)));
        }
    }

    // A child that hangs before its first steps is in no cgroup yet and does not die with its parent.
    private static void KillWithChildren(int pid, FileDescriptor worker)
    {
        string id = pid.ToString(CultureInfo.InvariantCulture);
        foreach (string child in File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            using FileDescriptor? process = ProcessControl.OpenProcess(int.Parse(child, CultureInfo.InvariantCulture));
            if (process is not null)
                ChildProcess.Signal(process, SIGKILL);
        }

        ChildProcess.Signal(worker, SIGKILL);
    }

    private static ProcessEnd Reap(FileDescriptor worker)
    {
        using var poll = new EventPoll(1);
        poll.Add(worker.Number, PollEvents.In, 0);
        while (true)
        {
            if (ChildProcess.TryReap(worker) is { } end)
                return end;
            poll.Wait(-1);
        }
    }
}
