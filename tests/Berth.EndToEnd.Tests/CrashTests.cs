using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Berth.EndToEnd.Tests;

/// <summary>
/// The daemon is killed at random moments while containers start, log, exec and stop. Attack27 of the project's list. The rounds are as many as fit
/// into a minute, or BERTH_CRASH_ROUNDS.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class CrashTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(1);
    private RunningDaemon? running;

    private RunningDaemon Daemon => running ?? throw new InvalidOperationException("the daemon was not started");

    public async Task InitializeAsync() => running = await RunningDaemon.CreateAsync();

    public async Task DisposeAsync()
    {
        if (running is not null)
        {
            await running.DisposeAsync();
        }
    }

    [Fact]
    public async Task Attack27_KillingTheDaemonLosesNothing()
    {
        int? rounds = int.TryParse(Environment.GetEnvironmentVariable("BERTH_CRASH_ROUNDS"), CultureInfo.InvariantCulture, out int wanted) ? wanted : null;
        var clock = Stopwatch.StartNew();
        int round = 0;
        var starts = new List<TimeSpan>();
        while (rounds is { } count ? round < count : clock.Elapsed < TimeSpan.FromSeconds(50))
        {
            starts.AddRange(await RoundAsync(++round));
        }

        starts.Sort();
        output.WriteLine($"{round} rounds, {starts.Count} starts: median {starts[starts.Count / 2]}, slowest {starts[^1]}");
        Assert.InRange(starts[^1], TimeSpan.Zero, StartLimit); // every one
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
        Assert.Equal(0, await Daemon.StopAsync());
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true);
    }

    [Fact]
    public async Task AContainerRunsOnAndTheNextDaemonKnowsIt()
    {
        string id = await Daemon.Api.CreateAsync("steady", ["sh", "-c", "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; exit 23"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        for (int i = 0; i < 5; i++)
        {
            await Daemon.KillAsync();
            Assert.True(Directory.Exists($"/proc/{pid}"), "the container runs without a daemon");
            Assert.InRange(await Daemon.StartAsync(), TimeSpan.Zero, StartLimit);
            Assert.Equal(pid, await PidAsync(id));
        }

        await Daemon.KillAsync();
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{pid}"), "the container ends while there is no daemon");
        await Daemon.StartAsync();
        Assert.Equal(23, await WaitAsync(id));
        Assert.Equal(string.Concat(Enumerable.Range(0, 40).Select(static i => $"line {i}\n")), await LogAsync(id));
        Assert.Equal("exited", (await StateAsync(id)).Status);
    }

    [Fact]
    public async Task AnAttachedClientIsCutOffButTheContainerIsNot()
    {
        Cli cli = Daemon.Client(Clients.Berth);
        await using CliSession client = cli.Start("run", "--network", "none", "--name", "attached", "busybox", "sh", "-c", "echo one; sleep 1; echo two; exit 4");
        await client.ExpectAsync("one");
        await Daemon.KillAsync();
        Assert.NotEqual(0, (await client.WaitAsync()).ExitCode);
        await Daemon.StartAsync();
        Assert.Equal(4, await WaitAsync("attached"));
        Assert.Equal("one\ntwo\n", await LogAsync("attached"));
    }

    /// <summary>Without its shim nobody could reap or log the container: its processes end, and the daemon says so.</summary>
    [Fact]
    public async Task KillingAShimEndsItsContainer()
    {
        string id = await Daemon.Api.CreateAsync("shimless", ["sh", "-c", "sleep 1000 & sleep 1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        Task<Reply> wait = Daemon.Api.PostAsync($"/containers/{id}/wait");
        await Task.Delay(200);
        RunningDaemon.Signal(ParentOf(pid), "KILL");
        await Poll.UntilAsync(async () => (await StateAsync(id)).Status == "exited", "the container is known to have ended");
        Assert.Null((await wait).Json["Error"]); // clients take one for a start that failed
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{pid}"), "the container's process is gone");
        Assert.NotEqual(0, (await StateAsync(id)).ExitCode);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("running", (await StateAsync(id)).Status);
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    /// <summary>A shim that does not answer keeps the daemon from nothing, and what was let go on for it stands still again as soon as it does.</summary>
    [Fact]
    public async Task APausedContainerWhoseShimIsSilentStaysPaused()
    {
        string id = await Daemon.Api.CreateAsync("silent", ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        (await Daemon.Api.PostAsync($"/containers/{id}/pause")).Expect(HttpStatusCode.NoContent);
        int shim = ParentOf(await PidAsync(id));
        await Daemon.KillAsync();
        RunningDaemon.Signal(shim, "STOP");
        try
        {
            await Daemon.StartAsync();
        }
        finally
        {
            RunningDaemon.Signal(shim, "CONT");
        }

        await Poll.UntilAsync(async () => (await StateAsync(id)).Status == "paused", "the container is found, and paused again");
        (await Daemon.Api.PostAsync($"/containers/{id}/unpause")).Expect(HttpStatusCode.NoContent);
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    /// <summary>A stopped shim hears nothing, whoever stopped it: rm -f does not wait for it, and neither does the next daemon's.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AContainerWhoseShimIsStoppedCanBeRemoved(bool restarts)
    {
        string id = await Daemon.Api.CreateAsync("stopped", ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        int shim = ParentOf(pid);
        RunningDaemon.Signal(shim, "STOP");
        if (restarts)
        {
            await Daemon.KillAsync();
            await Daemon.StartAsync();
        }

        (await Daemon.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{pid}") && !Directory.Exists($"/proc/{shim}"), "process and shim are gone, and reaped by whom they were left to");
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: false, isRunning: true);
    }

    /// <summary>A daemon that has not heard of a container's shim yet can kill the container all the same, and knows the end as soon as the shim tells it.</summary>
    [Fact]
    public async Task AContainerWhoseShimIsSilentCanBeKilled()
    {
        string id = await Daemon.Api.CreateAsync("unheard", ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        int shim = ParentOf(pid);
        RunningDaemon.Signal(shim, "STOP");
        try
        {
            await Daemon.KillAsync();
            await Daemon.StartAsync();
            Reply refused = await Daemon.Api.PostAsync($"/containers/{id}/kill?signal=TERM");
            refused.Expect(HttpStatusCode.Conflict);
            Assert.Contains("its shim, which would send the signal, has not answered", refused.Message, StringComparison.Ordinal);
            (await Daemon.Api.PostAsync($"/containers/{id}/kill")).Expect(HttpStatusCode.NoContent);
            await Poll.UntilAsync(() => File.ReadLines($"/proc/{pid}/status").Any(static line => line.StartsWith("State:\tZ", StringComparison.Ordinal)), "the process has ended, and waits for its shim");
        }
        finally
        {
            RunningDaemon.Signal(shim, "CONT");
        }

        await Poll.UntilAsync(async () => await StateAsync(id) == ("exited", 137), "the end is known");
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    /// <summary>Shim and daemon killed together: the next daemon finds what they left and takes it away.</summary>
    [Fact]
    public async Task KillingShimAndDaemonLeavesNothingRunning()
    {
        string id = await Daemon.Api.CreateAsync("both", ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        int shim = ParentOf(pid);
        await Daemon.KillAsync();
        RunningDaemon.Signal(shim, "KILL");
        await Daemon.StartAsync();
        await Poll.UntilAsync(async () => (await StateAsync(id)).Status == "exited", "the container is known to have ended");
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{pid}"), "the container's process is gone");
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    /// <summary>A shim that ends between its greeting and its answer, as one does whose container ends while the daemon starts, is one that has ended.</summary>
    [Fact]
    public async Task AShimThatEndsWhileItIsAskedIsNotWaitedFor()
    {
        (string id, int pid, Socket listener) = await ReplaceShimAsync("ending");
        Task<Socket> greeted = GreetOnceAsync(listener);
        Task ended = greeted.ContinueWith(static task => task.Result.Dispose(), TaskScheduler.Default);
        await Daemon.StartAsync();
        await ended;
        await AssertCanRunAgainAsync(id, pid);
    }

    /// <summary>One that greets and then says nothing keeps the daemon from nothing; its container is looked at when it answers or, as here, ends.</summary>
    [Fact]
    public async Task AShimThatOnlyGreetsIsNotWaitedFor()
    {
        (string id, int pid, Socket listener) = await ReplaceShimAsync("greeting");
        Task<Socket> greeted = GreetOnceAsync(listener);
        TimeSpan start = await Daemon.StartAsync();
        Assert.InRange(start, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(15));
        using Socket connection = await greeted;
        string other = await Daemon.Api.CreateAsync("other", ["true"]);
        (await Daemon.Api.PostAsync($"/containers/{other}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("running", (await StateAsync(id)).Status);
        connection.Dispose();
        await Poll.UntilAsync(async () => (await StateAsync(id)).Status == "exited", "the container is known to have ended");
        await AssertCanRunAgainAsync(id, pid);
    }

    // A running container is left without daemon and shim, and the listener in the shim's place.
    private async Task<(string Id, int Pid, Socket Listener)> ReplaceShimAsync(string name)
    {
        string id = await Daemon.Api.CreateAsync(name, ["sleep", "1000"]);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int pid = await PidAsync(id);
        int shim = ParentOf(pid);
        string path = Directory.EnumerateFiles(Daemon.ExecRoot, id[..32] + ".sock", SearchOption.AllDirectories).Single();
        await Daemon.KillAsync();
        RunningDaemon.Signal(shim, "KILL");
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{shim}"), "the shim is gone");
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return (id, pid, listener);
    }

    private async Task AssertCanRunAgainAsync(string id, int pid)
    {
        (await Daemon.Api.PostAsync($"/containers/{id}/restart?t=1")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("running", (await StateAsync(id)).Status);
        Assert.False(Directory.Exists($"/proc/{pid}"));
        await Daemon.RemoveEverythingAsync();
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: true, isRunning: true);
    }

    // One side of docs/flows/shim-protocol.md: Hello (12 bytes of header, 2 of version) is answered by Ok. Ends with the header of the request that follows.
    private static async Task<Socket> GreetOnceAsync(Socket listener)
    {
        const byte Ok = 100;
        byte[] header = new byte[12], hello = new byte[14];
        Socket connection = await listener.AcceptAsync();
        listener.Dispose();
        await using var stream = new NetworkStream(connection);
        await stream.ReadExactlyAsync(hello);
        hello.AsSpan(8, 4).CopyTo(header.AsSpan(8)); // the request's number
        header[4] = Ok;
        await stream.WriteAsync(header);
        await stream.ReadExactlyAsync(header);
        return connection;
    }

    // A few containers live their lives while the daemon is killed two or three times; afterwards each is asked for.
    private async Task<List<TimeSpan>> RoundAsync(int round)
    {
        var random = new Random(round);
        var work = new CrashWorkload(Daemon, round);
        Task all = work.RunAsync();
        var starts = new List<TimeSpan>();
        while (!all.IsCompleted)
        {
            await Task.WhenAny(all, Task.Delay(random.Next(10, 700)));
            await Daemon.KillAsync();
            await Task.Delay(random.Next(0, 60));
            starts.Add(await Daemon.StartAsync());
        }

        await all;
        await work.VerifyAsync();
        foreach (string id in work.Ids)
        {
            (await Daemon.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        }

        Reply left = (await Daemon.Api.GetAsync("/containers/json?all=1")).Expect(HttpStatusCode.OK);
        Assert.Empty(left.Json.AsArray());
        await Leftovers.AssertNoneAsync(Daemon, imagesToo: false, isRunning: true);
        return starts;
    }

    private static int ParentOf(int pid)
    {
        string line = File.ReadLines($"/proc/{pid}/status").First(static line => line.StartsWith("PPid:", StringComparison.Ordinal));
        return int.Parse(line.AsSpan(5), CultureInfo.InvariantCulture);
    }

    private async Task<(string Status, int ExitCode)> StateAsync(string id)
    {
        var state = (await Daemon.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json["State"]!; // docker's member
        return (state["Status"]!.GetValue<string>(), state["ExitCode"]!.GetValue<int>()); // as above
    }

    private async Task<int> PidAsync(string id) =>
        (await Daemon.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json["State"]!["Pid"]!.GetValue<int>(); // docker's members

    private async Task<int> WaitAsync(string id) =>
        (await Daemon.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK).Json["StatusCode"]!.GetValue<int>(); // docker's member

    private async Task<string> LogAsync(string id) => Multiplexed.Text(await Daemon.Api.GetBytesAsync($"/containers/{id}/logs?stdout=1&stderr=1"));
}
