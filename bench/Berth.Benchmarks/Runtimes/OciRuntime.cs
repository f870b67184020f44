using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Benchmarks.Runtimes;

/// <summary>An OCI runtime's command line.</summary>
/// <param name="name">What it is called in messages.</param>
/// <param name="path">The program.</param>
/// <param name="home">A folder for what it writes to its standard error.</param>
internal sealed class OciRuntime(string name, string path, string home) : IDisposable
{
    private readonly FileDescriptor executable = Paths.Open(path, OpenFlags.O_PATH);
    private readonly EventPoll ends = new(1);
    private readonly string[] environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR=/run"];

    /// <summary>Runs it to its end.</summary>
    /// <returns>From before posix_spawn(3) until it has been reaped.</returns>
    /// <exception cref="IOException">It failed.</exception>
    public TimeSpan Expect(params ReadOnlySpan<string> arguments)
    {
        long begin = Stopwatch.GetTimestamp();
        ProcessEnd end = Invoke(arguments);
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        return end.ShellCode == 0
            ? time
            : throw new IOException($"{name} {string.Join(' ', arguments)} ended with status {end.ShellCode}: {File.ReadAllText(home + "/errors")}");
    }

    /// <summary>Runs it to whatever end.</summary>
    public ProcessEnd Invoke(params ReadOnlySpan<string> arguments)
    {
        using FileDescriptor nothing = PlainFile.OpenNull();
        int pid = DetachedProcess.Start(executable, [path, .. arguments], environment, nothing, home + "/errors");
        using FileDescriptor? process = ProcessControl.OpenProcess(pid);
        if (process is not null)
            ends.Add(process.Number, PollEvents.In, 0);
        while (true)
        {
            if (ChildProcess.TryReap(pid) is { } end)
                return end;
            ends.Wait(-1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ends.Dispose();
        executable.Dispose();
    }
}
