using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Runtime.Host;

namespace Berth.Benchmarks.Spawn;

/// <summary>
/// Starts the processes, all from its main thread, and says on descriptor 3 which one comes next: four bytes, its number. A process of its own, as one
/// that hangs in a start can neither watch itself nor clean up.
/// </summary>
internal sealed class SpawnWorker : IDisposable
{
    /// <summary>The hidden verb; after it come the folder of <see cref="SpawnBundle"/> and the options.</summary>
    public const string Verb = "spawn-worker";

    /// <summary>Where the progress goes.</summary>
    public const int ProgressNumber = 3;

    private const int ShownFailures = 5;

    private readonly SpawnBundle bundle;
    private readonly SpawnOptions options;
    private readonly EventPoll ends = new(1);
    private readonly FileDescriptor nothing = PlainFile.OpenNull();
    private readonly Figures starts = new("start (until execve)");
    private readonly Figures lives = new("start to end (reaped)");
    private int failures;

    private SpawnWorker(string home, SpawnOptions options)
    {
        bundle = new SpawnBundle(home);
        this.options = options;
    }

    /// <summary>Runs them all and prints the figures; 1 when a start failed.</summary>
    public static int Run(string home, SpawnOptions options)
    {
        DescriptorIo.SetCloseOnExec(ProgressNumber);
        using var worker = new SpawnWorker(home, options);
        worker.Run();
        return worker.failures == 0 ? 0 : 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ends.Dispose();
        nothing.Dispose();
    }

    private void Run()
    {
        var clock = Stopwatch.StartNew();
        using GcPressure? pressure = options.GcPressure ? new GcPressure() : null;
        for (int number = 0; number < options.Count; number++)
        {
            Tell(number);
            try
            {
                if (options.Plain)
                    StartPlain();
                else
                    StartContainer(number);
            }
            catch (Exception e) when (e is ContainerStartException or IOException)
            {
                if (failures++ < ShownFailures)
                    Console.Error.WriteLine($"start {number} failed: {e.Message}");
            }
        }

        string collections = pressure is null ? "no pressure" : $"{pressure.Collections} collections";
        string seconds = clock.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture);
        Console.WriteLine($"{options.Count - failures} of {options.Count} {(options.Plain ? "plain starts" : "container starts")}, {failures} failures, {collections}, {seconds} s");
        Console.WriteLine(starts);
        Console.WriteLine(lives);
    }

    private void StartContainer(int number)
    {
        ContainerStart start = bundle.NewStart(number);
        try
        {
            long begin = Stopwatch.GetTimestamp();
            using RunningContainer container = ContainerLauncher.Start(start, new ProcessStdio(nothing.Number, nothing.Number, nothing.Number));
            TimeSpan started = Stopwatch.GetElapsedTime(begin);
            AwaitEnd(container.PidFd);
            Count(started, Stopwatch.GetElapsedTime(begin));
            container.RemoveCgroup();
        }
        finally
        {
            bundle.RemoveLayer(number);
        }
    }

    private void StartPlain()
    {
        const int SIG_SETMASK = 2;
        long begin = Stopwatch.GetTimestamp();
        using var plan = new SyscallPlan();
        plan.Call("signals", SyscallNumbers.Current.RtSigprocmask, SIG_SETMASK, plan.Words(0), 0, 8);
        plan.Call("execve", SyscallNumbers.Current.Execve, plan.Text(bundle.Busybox), plan.Strings(["true"]), plan.Strings([]));
        (_, FileDescriptor process) = ProcessSpawner.Spawn(plan);
        using (process)
        {
            TimeSpan started = Stopwatch.GetElapsedTime(begin);
            AwaitEnd(process);
            Count(started, Stopwatch.GetElapsedTime(begin));
        }
    }

    // Only those that did their work are counted.
    private void Count(TimeSpan start, TimeSpan life)
    {
        starts.Add(start);
        lives.Add(life);
    }

    private void AwaitEnd(FileDescriptor process)
    {
        ends.Add(process.Number, PollEvents.In, 0);
        ProcessEnd? end;
        while ((end = ChildProcess.TryReap(process)) is null)
            ends.Wait(-1);
        ends.Remove(process.Number);
        if (end.Value.ShellCode != 0)
            throw new IOException($"busybox's 'true' ended with status {end.Value.ShellCode}, not 0");
    }

    private static void Tell(int number)
    {
        Span<byte> text = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(text, number);
        if (DescriptorIo.TryWrite(ProgressNumber, text, out _) is not Errno.None and var errno)
            throw new LinuxException(errno, "write", "progress to the supervisor");
    }
}
