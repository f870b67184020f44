using System.Diagnostics;
using System.Text;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;

namespace Berth.Runtime.Tests.Shims;

[Collection("shims")]
public sealed class ShimTests : IAsyncLifetime
{
    private readonly ShimHarness _harness = new();

    private static CancellationToken Soon => ShimHarness.Soon;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Fact]
    public async Task OutputReachesAttachmentAndLogAndTheStatusIsKept()
    {
        _harness.Write("echo out; echo err >&2; exit 7");
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdout | AttachStreams.Stderr, Soon);
        ProcessStarted started = await shim.StartAsync(Soon);
        Assert.True(started.Pid > 1);
        Assert.Equal(("out\n", "err\n"), await ShimHarness.ReadAsync(stream));
        Assert.Equal(7, ExitStatusFile.TryRead(_harness.Config.ExitFile)?.Code); // durable before the stream ended
        ExitStatus? exit = await shim.Exited.WaitAsync(Soon);
        Assert.Equal(7, exit?.Code);
        Assert.Equal(exit, ExitStatusFile.TryRead(_harness.Config.ExitFile));
        await shim.Closed.WaitAsync(Soon);
        Assert.False(File.Exists(_harness.Config.SocketPath));
        Assert.Equal("err\nout\n", string.Concat(_harness.ReadLog().Split('\n', StringSplitOptions.RemoveEmptyEntries).Order().Select(static line => line + "\n")));
    }

    [Fact]
    public async Task OutputWithoutEndOfLineIsThere()
    {
        (string output, ExitStatus? exit) = await _harness.RunAsync("echo -n no newline");
        Assert.Equal(("no newline", 0), (output, exit?.Code));
        Assert.Equal("no newline", _harness.ReadLog());
    }

    [Fact]
    public async Task AStartThatFailsSaysWhyAndLeavesNothing()
    {
        _harness.Write(["nosuchcommand"]);
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdout, Soon);
        ShimException e = await Assert.ThrowsAsync<ShimException>(() => shim.StartAsync(Soon));
        Assert.Equal(StartFailure.CommandNotFound, e.StartFailure);
        Assert.Contains("executable file not found in $PATH", e.Message, StringComparison.Ordinal);
        Assert.Equal("", await ShimHarness.ReadPlainAsync(stream));
        await shim.Closed.WaitAsync(Soon);
        Assert.False(File.Exists(_harness.Config.SocketPath));
        Assert.Null(ExitStatusFile.TryRead(_harness.Config.ExitFile));
    }

    [Fact]
    public async Task ASignalIs128AndItsNumber()
    {
        _harness.Write(["sleep", "100"]);
        Shim shim = await _harness.PrepareAsync();
        await shim.StartAsync(Soon);
        await shim.KillAsync(null, 9, Soon);
        Assert.Equal(137, (await shim.Exited.WaitAsync(Soon))?.Code);
    }

    [Fact]
    public async Task InputGoesInAndItsEndEndsIt()
    {
        _harness.Write("cat; echo done", config => config with { OpenStdin = true, StdinOnce = true });
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdin | AttachStreams.Stdout, Soon);
        byte[] input = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200_000).Select(static number => $"{number}\n")));
        Task writing = Task.Run(async () =>
        {
            await stream.Stream.WriteAsync(input, Soon);
            stream.CloseInput();
        });
        await shim.StartAsync(Soon);
        string output = (await ShimHarness.ReadAsync(stream)).Out;
        await writing;
        Assert.Equal(Encoding.ASCII.GetString(input) + "done\n", output);
        Assert.Equal(output, _harness.ReadLog());
    }

    [Fact]
    public async Task WithoutStdinOnceAnAttachmentMayEndAndAnotherGoOn()
    {
        _harness.Write("read a; echo $a; read b; echo $b", config => config with { OpenStdin = true });
        Shim shim = await _harness.PrepareAsync();
        await shim.StartAsync(Soon);
        await using (ShimStream first = await shim.AttachAsync(null, AttachStreams.Stdin, Soon))
            await first.Stream.WriteAsync("one\n"u8.ToArray(), Soon);
        await ShimHarness.EventuallyAsync(() => _harness.ReadLog() == "one\n", "the first line");
        await using ShimStream second = await shim.AttachAsync(null, AttachStreams.Stdin | AttachStreams.Stdout, Soon);
        await second.Stream.WriteAsync("two\n"u8.ToArray(), Soon);
        Assert.Equal("two\n", (await ShimHarness.ReadAsync(second)).Out);
        Assert.Equal(0, (await shim.Exited.WaitAsync(Soon))?.Code);
    }

    [Fact]
    public async Task ATerminalHasItsSizeAndCanBeResized()
    {
        _harness.Write("trap 'stty size; exit 3' WINCH; stty size; while true; do usleep 10000; done", config => config with { OpenStdin = true }, terminal: true);
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdin | AttachStreams.Stdout, Soon);
        await shim.StartAsync(Soon);
        byte[] buffer = new byte["24 80\r\n".Length];
        await stream.Stream.ReadExactlyAsync(buffer, Soon); // the kernel hands out a line and its end in one piece or two
        Assert.Equal("24 80\r\n", Encoding.ASCII.GetString(buffer));
        await shim.ResizeAsync(null, 50, 132, Soon);
        Assert.Equal("50 132\r\n", await ShimHarness.ReadPlainAsync(stream));
        Assert.Equal(3, (await shim.Exited.WaitAsync(Soon))?.Code);
        Assert.Equal("24 80\r\n50 132\r\n", _harness.ReadLog());
    }

    [Fact]
    public async Task ExecSessions()
    {
        _harness.Write(["sleep", "100"]);
        Shim shim = await _harness.PrepareAsync();
        var ended = new List<(string, ExitStatus)>();
        shim.ExecExited = (id, status) => ended.Add((id, status));
        await shim.StartAsync(Soon);

        await shim.CreateExecAsync("one", ShimHarness.Exec("cat; echo err >&2; exit 5", openStdin: true), Soon);
        await using ShimStream stream = await shim.AttachAsync("one", AttachStreams.Stdin | AttachStreams.Stdout | AttachStreams.Stderr, Soon);
        Assert.True((await shim.StartExecAsync("one", Soon)).Pid > 1);
        await stream.Stream.WriteAsync("hello\n"u8.ToArray(), Soon);
        stream.CloseInput();
        Assert.Equal(("hello\n", "err\n"), await ShimHarness.ReadAsync(stream));
        ExecState state = Assert.Single((await shim.GetStateAsync(Soon)).Execs);
        Assert.Equal(("one", false, 5), (state.Id, state.Running, state.Exit?.Code));
        Assert.Equal(("one", 5), (Assert.Single(ended).Item1, ended[0].Item2.Code));

        await shim.CreateExecAsync("bad", ShimHarness.Exec("") with { Process = new() { Args = ["nosuch"], Env = ["PATH=/bin"] } }, Soon);
        Assert.Equal(ShimFailure.CommandNotFound, (await Assert.ThrowsAsync<ShimException>(() => shim.StartExecAsync("bad", Soon))).Failure);
        Assert.Equal(ShimFailure.NotFound, (await Assert.ThrowsAsync<ShimException>(() => shim.StartExecAsync("bad", Soon))).Failure);

        await shim.CreateExecAsync("tty", ShimHarness.Exec("stty size; usleep 200000; stty size", terminal: true), Soon);
        await using ShimStream terminal = await shim.AttachAsync("tty", AttachStreams.Stdout, Soon);
        await shim.StartExecAsync("tty", Soon);
        await shim.ResizeAsync("tty", 33, 44, Soon);
        Assert.EndsWith("33 44\r\n", await ShimHarness.ReadPlainAsync(terminal), StringComparison.Ordinal);

        await shim.CreateExecAsync("killed", ShimHarness.Exec("sleep 100"), Soon);
        await shim.StartExecAsync("killed", Soon);
        await shim.KillAsync("killed", 15, Soon);
        await ShimHarness.EventuallyAsync(() => ended.Count == 3, "the killed session's end");
        Assert.Equal(143, ended[2].Item2.Code);
        Assert.Equal("", _harness.ReadLog());
    }

    [Fact]
    public async Task AnExecSessionWhoseChildKeepsItsOutputEndsSoonAfterItself()
    {
        _harness.Write(["sleep", "100"]);
        Shim shim = await _harness.PrepareAsync();
        await shim.StartAsync(Soon);
        await shim.CreateExecAsync("x", ShimHarness.Exec("sleep 60 & echo started"), Soon);
        await using ShimStream stream = await shim.AttachAsync("x", AttachStreams.Stdout, Soon);
        var watch = Stopwatch.StartNew();
        await shim.StartExecAsync("x", Soon);
        Assert.Equal("started\n", (await ShimHarness.ReadAsync(stream)).Out);
        Assert.InRange(watch.ElapsedMilliseconds, 400, 5000);
    }

    [Fact]
    public async Task Attack29_ASlowReaderSlowsTheProcessGrowsNoMemoryAndLosesNothing()
    {
        _harness.Write("seq 1 2000000", config => config with { LogMaxBytes = 0 });
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream slow = await shim.AttachAsync(null, AttachStreams.Stdout, Soon);
        await shim.StartAsync(Soon);
        int shimPid = ParentOf((await shim.GetStateAsync(Soon)).Pid);
        await Task.Delay(500);
        Assert.False(shim.Exited.IsCompleted);
        Assert.InRange(AnonymousKiB(shimPid), 1, 6000);
        string output = (await ShimHarness.ReadAsync(slow)).Out;
        Assert.Equal(string.Concat(Enumerable.Range(1, 2_000_000).Select(static number => $"{number}\n")), output);
        Assert.Equal(0, (await shim.Exited.WaitAsync(Soon))?.Code);
        Assert.Equal(output, _harness.ReadLog());
    }

    [Fact]
    public async Task Attack29_AReaderThatGoesAwayFreesTheProcess()
    {
        _harness.Write("seq 1 2000000");
        Shim shim = await _harness.PrepareAsync();
        ShimStream stuck = await shim.AttachAsync(null, AttachStreams.Stdout, Soon);
        await shim.StartAsync(Soon);
        await Task.Delay(200);
        Assert.False(shim.Exited.IsCompleted);
        await stuck.DisposeAsync();
        Assert.Equal(0, (await shim.Exited.WaitAsync(Soon))?.Code);
        Assert.EndsWith("\n2000000\n", _harness.ReadLog(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attack27_TheDaemonsEndIsNotTheContainers()
    {
        _harness.Write("read a; echo got $a; exit 4", config => config with { OpenStdin = true });
        Shim first = await _harness.PrepareAsync();
        ProcessStarted started = await first.StartAsync(Soon);
        await first.DisposeAsync(); // what the kernel does to a killed daemon's descriptors
        Assert.Null(await first.Exited);

        Shim? second = await _harness.Launcher.ConnectAsync(_harness.Config.SocketPath, Soon);
        Assert.NotNull(second);
        ShimState state = await second.GetStateAsync(Soon);
        Assert.Equal((_harness.Config.Id, started.Pid, started.At, null), (state.Id, state.Pid, state.StartedAt, state.Exit));
        await using ShimStream stream = await second.AttachAsync(null, AttachStreams.Stdin | AttachStreams.Stdout, Soon);
        await stream.Stream.WriteAsync("it\n"u8.ToArray(), Soon);
        Assert.Equal("got it\n", (await ShimHarness.ReadAsync(stream)).Out);
        Assert.Equal(4, (await second.Exited.WaitAsync(Soon))?.Code);
        await second.DisposeAsync();
        Assert.Null(await _harness.Launcher.ConnectAsync(_harness.Config.SocketPath, Soon));
    }

    [Fact]
    public async Task Attack27_APreparedShimEndsWithItsDaemon()
    {
        _harness.Write("echo never");
        Shim shim = await _harness.PrepareAsync();
        Assert.True(File.Exists(_harness.Config.SocketPath));
        await shim.DisposeAsync();
        await ShimHarness.EventuallyAsync(() => !File.Exists(_harness.Config.SocketPath), "the socket is removed");
        Assert.False(File.Exists(_harness.Config.ExitFile));
    }

    [Fact]
    public async Task FollowersAreToldOfGrowthAndOfTheEnd()
    {
        _harness.Write("read a; echo one; read a; echo two", config => config with { OpenStdin = true });
        Shim shim = await _harness.PrepareAsync();
        await using ShimStream follower = await shim.FollowLogAsync(Soon);
        await shim.StartAsync(Soon);
        await using ShimStream input = await shim.AttachAsync(null, AttachStreams.Stdin, Soon);
        byte[] buffer = new byte[16];
        foreach (string expected in new[] { "one\n", "one\ntwo\n" })
        {
            await input.Stream.WriteAsync("\n"u8.ToArray(), Soon);
            Assert.Equal(1, await follower.Stream.ReadAsync(buffer, Soon));
            Assert.Equal(expected, _harness.ReadLog());
        }

        Assert.Equal(0, await follower.Stream.ReadAsync(buffer, Soon));
    }

    [Fact]
    public async Task Attack13_TheSocketIsItsOwnersAlone()
    {
        _harness.Write(["sleep", "100"]);
        Shim shim = await _harness.PrepareAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_harness.Config.SocketPath));
        Assert.DoesNotContain(File.ReadLines("/proc/net/unix"), line => line.Contains("@berth", StringComparison.Ordinal));
        await shim.StartAsync(Soon);
    }

    [Fact]
    public async Task ASocketPathThatIsTooLongIsAClearError()
    {
        _harness.Write("true", config => config with { SocketPath = "/tmp/" + new string('x', 120) });
        ShimException e = await Assert.ThrowsAsync<ShimException>(_harness.PrepareAsync);
        Assert.Contains("(125 bytes; a socket path has 1 to 107)", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attack01_ShimsRunFromASealedCopy()
    {
        _harness.Write(["sleep", "100"]);
        Shim shim = await _harness.PrepareAsync();
        int pid = ParentOf((await shim.StartAsync(Soon)).Pid);
        Assert.StartsWith("/memfd:berth-runtime", new FileInfo($"/proc/{pid}/exe").LinkTarget, StringComparison.Ordinal);
        Assert.ThrowsAny<IOException>(() => File.OpenWrite($"/proc/{pid}/exe").Dispose());
    }

    [Fact]
    public async Task AWarmShimIsUsedAndReplaced()
    {
        await using var harness = new ShimHarness(keepWarm: true);
        for (int i = 0; i < 3; i++)
        {
            (string output, ExitStatus? exit) = await harness.RunAsync($"echo {i}");
            Assert.Equal(($"{i}\n", 0), (output, exit?.Code));
            await Task.Delay(100);
        }
    }

    private static int ParentOf(int pid) =>
        int.Parse(File.ReadLines($"/proc/{pid}/status").First(static line => line.StartsWith("PPid:", StringComparison.Ordinal))[5..]);

    private static int AnonymousKiB(int pid) =>
        int.Parse(File.ReadLines($"/proc/{pid}/status").First(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal))[8..^2]);
}
