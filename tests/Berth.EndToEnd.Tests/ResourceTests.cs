using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Memory, and behaviour under load.</summary>
[Collection(AloneCollection.Name)]
public sealed class ResourceTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const long IdleDaemonLimit = 30 << 10;
    private const long UsedDaemonLimit = 32 << 10;
    private const long ContainerLimit = 4 << 10;

    // Longer than the daemon waits before it gives memory back: two of its intervals of three seconds, and the collection.
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(7);

    [Fact]
    public async Task AnIdleDaemonIsSmall()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync();
        await daemon.KillAsync();
        await daemon.StartAsync();
        await Task.Delay(500);
        Assert.InRange(ProcessMemory.ResidentKilobytes(daemon.Pid), 1, IdleDaemonLimit);
        await daemon.RemoveEverythingAsync();
        await daemon.StopAsync();
        await Leftovers.AssertNoneAsync(daemon, imagesToo: true);
    }

    /// <summary>The container's own process, its shim, and what the daemon grows by.</summary>
    [Fact]
    public async Task ASleepingContainerAddsLittle()
    {
        const int Count = 10;
        await fixture.Api.GetAsync("/_ping");
        await Task.Delay(Idle);
        HashSet<int> before = [.. Leftovers.Processes(fixture.Daemon)];
        long daemonBefore = ProcessMemory.ProportionalKilobytes(fixture.Daemon.Pid);
        for (int i = 0; i < Count; i++)
        {
            await StartAsync(["sleep", "1000"]);
        }

        await Task.Delay(Idle);
        long added = ProcessMemory.ProportionalKilobytes(fixture.Daemon.Pid) - daemonBefore
            + Leftovers.Processes(fixture.Daemon).Where(pid => !before.Contains(pid)).Sum(ProcessMemory.ProportionalKilobytes);
        await RemoveContainersAsync();
        Assert.InRange(added / Count, 1, ContainerLimit);
    }

    [Fact]
    public async Task Attack29_AHundredContainersStartAtOnce()
    {
        string[] ids = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => StartAsync(["sh", "-c", $"echo {i}; exit {i}"])));
        for (int i = 0; i < ids.Length; i++)
        {
            Reply wait = (await fixture.Api.PostAsync($"/containers/{ids[i]}/wait")).Expect(HttpStatusCode.OK);
            Assert.Equal(i, wait.Json["StatusCode"]!.GetValue<int>()); // a wait's answer has one
            Assert.Equal($"{i}\n", Multiplexed.Text(await fixture.Api.GetBytesAsync($"/containers/{ids[i]}/logs?stdout=1")));
        }

        await RemoveContainersAsync();
    }

    /// <summary>A client that attaches and never reads: nobody's memory grows, and when it goes away the writer goes on and the log is whole.</summary>
    [Fact]
    public async Task Attack29_ASlowReaderCostsNoMemory()
    {
        string id = await CreateAsync(["sh", "-c", "seq 200000 | awk '{ printf \"%07d %0100d\\n\", $1, 0 }'"]);
        using (Socket client = await fixture.Api.ConnectAsync())
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"POST /containers/{id}/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
            byte[] head = new byte[4096];
            int read = await client.ReceiveAsync(head);
            Assert.StartsWith("HTTP/1.1 101", Encoding.ASCII.GetString(head, 0, read), StringComparison.Ordinal);
            long daemonBefore = ProcessMemory.AnonymousKilobytes(fixture.Daemon.Pid); // program code comes back as it is used
            (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
            await Task.Delay(2000);
            Assert.InRange(ProcessMemory.AnonymousKilobytes(fixture.Daemon.Pid) - daemonBefore, long.MinValue, 8 << 10);
            foreach (int shim in Leftovers.Processes(fixture.Daemon).Where(pid => pid != fixture.Daemon.Pid))
            {
                Assert.InRange(ProcessMemory.ResidentKilobytes(shim), 0, 16 << 10);
            }
        }

        Reply wait = (await fixture.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
        Assert.Equal(0, wait.Json["StatusCode"]!.GetValue<int>()); // a wait's answer has one
        CommandResult logs = (await fixture.Berth.RunAsync(["logs", "--tail", "1", id], stdin: null)).Expect();
        Assert.StartsWith("0200000 ", logs.Output, StringComparison.Ordinal);
        await RemoveContainersAsync();
    }

    [Fact]
    public async Task HundredsOfRunsLeaveTheDaemonAsItWas()
    {
        await RunManyAsync(100);
        long before = ProcessMemory.ResidentKilobytes(fixture.Daemon.Pid);
        int descriptorsBefore = Descriptors();
        await RunManyAsync(300);
        await Poll.UntilAsync(() => Descriptors() <= descriptorsBefore + 5, $"descriptors come back to {descriptorsBefore}; there are {Descriptors()}");
        Assert.InRange(ProcessMemory.ResidentKilobytes(fixture.Daemon.Pid) - before, long.MinValue, 12 << 10);
    }

    /// <summary>What was needed once is not kept: buffers of uploads and of downloads, connections, program code.</summary>
    [Fact]
    public async Task AfterWorkTheDaemonIsSmallAgain()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync();
        string id = await daemon.Api.CreateAsync("worker", ["true"]);
        for (int i = 0; i < 5; i++)
        {
            (await daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
            (await daemon.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
            await daemon.Api.GetBytesAsync("/images/get?names=busybox");
            await daemon.Api.GetBytesAsync($"/containers/{id}/archive?path=/bin");
        }

        await Task.Delay(Idle);
        Assert.InRange(ProcessMemory.ResidentKilobytes(daemon.Pid), 1, UsedDaemonLimit);
    }

    private int Descriptors() => Directory.GetFileSystemEntries($"/proc/{fixture.Daemon.Pid}/fd").Length;

    private async Task RunManyAsync(int count)
    {
        for (int i = 0; i < count; i += 4)
        {
            string[] ids = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StartAsync(["true"])));
            foreach (string id in ids)
            {
                (await fixture.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
                (await fixture.Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);
            }
        }
    }

    private Task<string> CreateAsync(string[] command) => fixture.Api.CreateAsync(fixture.NewName(), command);

    private async Task<string> StartAsync(string[] command)
    {
        string id = await CreateAsync(command);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        return id;
    }

    private async Task RemoveContainersAsync()
    {
        foreach (var container in (await fixture.Api.GetAsync("/containers/json?all=1")).Json.AsArray())
        {
            (await fixture.Api.DeleteAsync($"/containers/{container!["Id"]}?force=1")).Expect(HttpStatusCode.NoContent); // a list has no nulls
        }
    }
}
