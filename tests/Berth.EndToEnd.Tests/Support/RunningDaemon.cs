using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A berthd with roots and a socket of its own. It can be killed and started again on the same roots.</summary>
public sealed class RunningDaemon : IAsyncDisposable
{
    private readonly FileSystemWatcher? watcher;
    private readonly ConcurrentDictionary<string, bool> containers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, string> children = new();
    private Process? process;
    private string? berthd;

    private readonly string? secondHost;
    private string[] options;
    private readonly bool hasOwnNetwork;

    // Another daemon on the same roots enters the namespace of the one before, which this file keeps.
    private const string InNamespace = """
        if [ ! -e "$NETNS" ]; then touch "$NETNS"; unshare --net="$NETNS" ip link set lo up || exit 1; fi
        exec nsenter --net="$NETNS" "$0" "$@" >>"$LOG" 2>&1 </dev/null
        """;

    private RunningDaemon(string home, string? secondHost, string[] options)
    {
        // A bridge of the machine's is made only where a test is about it, and then within a namespace of its own.
        this.options = options.Contains("--bridge") || options.Contains(OwnNetwork) ? [.. options.Where(static option => option != OwnNetwork)] : ["--bridge", "none", .. options];
        hasOwnNetwork = options.Contains(OwnNetwork);
        Home = home;
        this.secondHost = secondHost;
        Directory.CreateDirectory(Path.Combine(DataRoot, "containers"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        watcher = new FileSystemWatcher(Path.Combine(DataRoot, "containers")) { NotifyFilter = NotifyFilters.DirectoryName };
        watcher.Created += (_, made) => containers[Path.GetFileName(made.FullPath)] = true;
        watcher.EnableRaisingEvents = true;
        Api = new EngineHttp(SocketPath);
    }

    /// <summary>Among a daemon's options: it runs in a network namespace that ends with it and its containers, so that the machine's links and rules are left alone.</summary>
    public const string OwnNetwork = "--own-network";

    /// <summary>What the next incarnation of a daemon with <see cref="OwnNetwork"/>, which stays so, is told in place of what it was told so far.</summary>
    public void Tell(params string[] newOptions) => options = hasOwnNetwork ? newOptions : throw new InvalidOperationException("it could make a bridge of the machine's");

    /// <summary>The folder that holds everything of this daemon; short, since sockets' paths are.</summary>
    public string Home { get; }
    public string DataRoot => Path.Combine(Home, "data");
    public string ExecRoot => Path.Combine(Home, "exec");
    public string SocketPath => Path.Combine(Home, "berth.sock");

    /// <summary>The network namespace of a daemon with <see cref="OwnNetwork"/>, for <c>nsenter --net=</c>.</summary>
    public string NamespacePath => Path.Combine(Home, "netns");
    public string LogPath => Path.Combine(Home, "berthd.log");
    public string Host => "unix://" + SocketPath;
    public EngineHttp Api { get; }
    public bool IsRunning => process is not null;
    public int Pid => process?.Id ?? throw new InvalidOperationException("the daemon is not running");

    /// <summary>Ids of all containers that this daemon ever had.</summary>
    public IReadOnlyCollection<string> Containers => [.. containers.Keys];
    public string Log => File.Exists(LogPath) ? File.ReadAllText(LogPath) : "";

    /// <summary>Starts a daemon on fresh roots with the image <c>busybox:latest</c>; with <paramref name="secondHost"/> it listens there too.</summary>
    public static async Task<RunningDaemon> CreateAsync(string? secondHost = null, params string[] options)
    {
        return await BeginAsync(new RunningDaemon(Directory.CreateTempSubdirectory("be-").FullName, secondHost, options));
    }

    /// <summary>The same with a daemon that can be told to kill itself at a marked step.</summary>
    public static Task<RunningDaemon> CreateToFailAsync(params string[] options) =>
        BeginAsync(new RunningDaemon(Directory.CreateTempSubdirectory("be-").FullName, null, options) { berthd = Binaries.FailPointBerthd });

    private static async Task<RunningDaemon> BeginAsync(RunningDaemon daemon)
    {
        try
        {
            await daemon.StartAsync();
            Reply reply = await daemon.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar), "busybox");
            reply.Expect(HttpStatusCode.OK);
            Assert.Contains("sha256:", reply.Text, StringComparison.Ordinal);
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>One of the command line clients, pointed at this daemon.</summary>
    public Cli Client(string name)
    {
        string config = Path.Combine(Home, "docker");
        Directory.CreateDirectory(config);
        string program = name == Clients.Docker ? Binaries.Docker ?? throw new InvalidOperationException("there is no docker CLI in PATH") : Binaries.Berth;
        return new Cli(program, Host, config);
    }

    /// <summary>
    /// Starts the daemon and waits for its first answer; how long that took, without the time that its longest waiting thread was ready to run while the
    /// machine ran something else.
    /// </summary>
    /// <param name="failAt">The marked step at which it shall kill itself; only a daemon with fail points does.</param>
    public async Task<TimeSpan> StartAsync(string? failAt = null)
    {
        // The shell opens the log and becomes the daemon: same process id.
        var info = new ProcessStartInfo("/bin/sh", ["-c", hasOwnNetwork ? InNamespace : "exec \"$0\" \"$@\" >>\"$LOG\" 2>&1 </dev/null", berthd ?? Binaries.Berthd, "--data-root", DataRoot, "--exec-root", ExecRoot, "-H", Host, .. secondHost is null ? Array.Empty<string>() : ["-H", secondHost], .. options]);
        info.Environment["LOG"] = LogPath;
        info.Environment["NETNS"] = NamespacePath;
        if (failAt is not null)
        {
            info.Environment["BERTH_FAIL_AT"] = failAt;
        }

        var clock = Stopwatch.StartNew();
        process = Process.Start(info) ?? throw new InvalidOperationException("sh did not start");
        while (!await AnswersAsync())
        {
            Assert.False(process.HasExited, $"berthd ended while it started:\n{Log}");
            Assert.True(clock.Elapsed.TotalSeconds < 20, $"berthd does not answer:\n{Log}");
            await Task.Delay(5);
        }

        return clock.Elapsed - LongestWaitForProcessor(process.Id);
    }

    /// <summary>SIGKILL, as a crash.</summary>
    public async Task KillAsync()
    {
        Process running = process ?? throw new InvalidOperationException("the daemon is not running");
        RememberChildren(running.Id);
        running.Kill();
        await running.WaitForExitAsync();
        running.Dispose();
        process = null;
    }

    /// <summary>
    /// Waits until the daemon, started to fail, has killed itself while <paramref name="operation"/> is under way; whether the operation was answered before.
    /// </summary>
    public async Task<bool> DiesOfAsync(Func<Task> operation)
    {
        Process running = process ?? throw new InvalidOperationException("the daemon is not running");
        RememberChildren(running.Id);
        bool isAnswered = true;
        try
        {
            await operation();
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            isAnswered = false; // as a client sees a daemon's death
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await running.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"the step was not come by; answered: {isAnswered}\n{Log}");
        }

        Assert.Equal(128 + 9, running.ExitCode);
        running.Dispose();
        process = null;
        return isAnswered;
    }

    /// <summary>SIGTERM, as an administrator does; the exit status.</summary>
    public async Task<int> StopAsync()
    {
        Process running = process ?? throw new InvalidOperationException("the daemon is not running");
        RememberChildren(running.Id);
        Signal(running.Id, "TERM");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await running.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            running.Kill();
            await running.WaitForExitAsync();
            Assert.Fail($"berthd did not end within 20 s of SIGTERM:\n{Log}");
        }

        int status = running.ExitCode;
        running.Dispose();
        process = null;
        return status;
    }

    /// <summary>Has what the daemon, which was stopped, left in the kernel for its networks removed.</summary>
    public async Task PurgeAsync()
    {
        await using var session = new CliSession(new ProcessStartInfo(Binaries.Berthd, ["--purge", "--data-root", DataRoot, "--exec-root", ExecRoot])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
        session.CloseInput();
        (await session.WaitAsync()).Expect();
    }

    /// <summary>Sends a signal to a process that this daemon started.</summary>
    public static void Signal(int pid, string signal)
    {
        using Process kill = Process.Start("/bin/kill", ["-s", signal, pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Removes every container, then every image.</summary>
    public async Task RemoveEverythingAsync()
    {
        foreach (var container in (await Api.GetAsync("/containers/json?all=1")).Expect(HttpStatusCode.OK).Json.AsArray())
        {
            Reply reply = await Api.DeleteAsync($"/containers/{container!["Id"]}?force=1"); // a list has no nulls
            Assert.True(reply.Status is HttpStatusCode.NoContent or HttpStatusCode.NotFound, $"rm -f: {(int)reply.Status} {reply.Text}");
        }

        (await Api.PostAsync("/build/prune?all=1")).Expect(HttpStatusCode.OK);
        foreach (var image in (await Api.GetAsync("/images/json")).Expect(HttpStatusCode.OK).Json.AsArray())
        {
            (await Api.DeleteAsync($"/images/{image!["Id"]}?force=1")).Expect(HttpStatusCode.OK); // a list has no nulls
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            await KillAsync();
        }

        foreach (int pid in Leftovers.Processes(this))
        {
            Signal(pid, "KILL");
        }

        Leftovers.Thaw(this);

        if (File.Exists(NamespacePath))
        {
            using Process unmount = Process.Start("/bin/umount", [NamespacePath]);
            await unmount.WaitForExitAsync();
        }

        watcher?.Dispose();
        Api.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    /// <summary>Whether a process was a child (a shim, idle or not) of one of this daemon's past incarnations when that ended.</summary>
    public bool WasChild(int pid) => children.TryGetValue(pid, out string? birth) && birth == ParentAndBirth(pid)?.Birth;

    private void RememberChildren(int parent)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int pid) && ParentAndBirth(pid) is { } found && found.Parent == parent)
            {
                children[pid] = found.Birth;
            }
        }
    }

    // Fields 4 and 22 of proc_pid_stat(5); a process id alone may be another process's by now.
    private static (int Parent, string Birth)? ParentAndBirth(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (int.Parse(fields[1], CultureInfo.InvariantCulture), fields[19]);
        }
        catch (IOException)
        {
            return null; // it has ended
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return (await Api.GetAsync("/_ping")).Status == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    // The second number of schedstat: nanoseconds in a run queue (the kernel's Documentation/scheduler/sched-stats).
    private static TimeSpan LongestWaitForProcessor(int pid)
    {
        long longest = 0;
        foreach (string task in Directory.GetDirectories($"/proc/{pid}/task"))
        {
            try
            {
                if (File.ReadAllText(task + "/schedstat").Split(' ') is [_, var wait, ..])
                {
                    longest = Math.Max(longest, long.Parse(wait, System.Globalization.CultureInfo.InvariantCulture));
                }
            }
            catch (IOException)
            {
                // That thread has ended, or the kernel does not count.
            }
        }

        return TimeSpan.FromTicks(longest / 100);
    }
}
