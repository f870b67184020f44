using Berth.Engine.Containers;
using Berth.Engine.Tests.Support;
using Berth.Model;

namespace Berth.Engine.Tests.Containers.Files;

public sealed class FileUsesTests
{
    private readonly ManualClock clock = new();
    private readonly FileUses uses;

    public FileUsesTests() => uses = new FileUses(clock);

    [Fact]
    public async Task Draining_waits_for_every_use()
    {
        Assert.True(uses.DrainAsync().IsCompleted);
        FileUse first = uses.Begin(isClients: false), second = uses.Begin(isClients: true);
        Task drained = uses.DrainAsync();
        first.Dispose();
        Assert.False(drained.IsCompleted);
        second.Dispose();
        await drained.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_client_that_does_nothing_is_given_up_and_told_why()
    {
        clock.Advance(TimeSpan.FromHours(1));
        using var client = new SlowStream();
        Task work = WorkAsync((stream, ending) => stream.WriteAsync("x"u8.ToArray(), ending).AsTask(), client);
        clock.Advance(TimeSpan.FromHours(1)); // nobody waited
        Task drained = uses.DrainAsync();
        await Task.Delay(1500);
        Assert.False(work.IsCompleted);
        clock.Advance(FileUses.LongestPause);
        await drained.WaitAsync(TimeSpan.FromSeconds(10));
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => work);
        Assert.Equal(ErrorKind.Conflict, refusal.Kind);
        Assert.Contains("has not moved on for 3 seconds", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_daemons_own_slowness_is_not_the_clients()
    {
        var packed = new TaskCompletionSource();
        using var client = new MemoryStream();
        Task work = WorkAsync(
            async (stream, ending) =>
            {
                await stream.WriteAsync("x"u8.ToArray(), ending);
                await packed.Task.WaitAsync(ending);
                await stream.WriteAsync("y"u8.ToArray(), ending);
            },
            client);
        Task drained = uses.DrainAsync();
        clock.Advance(FileUses.LongestWait - TimeSpan.FromSeconds(1));
        await Task.Delay(1500);
        Assert.False(work.IsCompleted);
        packed.SetResult();
        await work.WaitAsync(TimeSpan.FromSeconds(10));
        await drained.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal("xy"u8.ToArray(), client.ToArray());
    }

    [Fact]
    public async Task Clients_are_not_waited_for_without_limit()
    {
        using var client = new MemoryStream();
        Task work = WorkAsync(
            async (stream, ending) =>
            {
                while (true)
                {
                    await stream.WriteAsync("x"u8.ToArray(), ending);
                    await Task.Delay(10, ending);
                }
            },
            client);
        using FileUse daemons = uses.Begin(isClients: false);
        Task drained = uses.DrainAsync();
        clock.Advance(FileUses.LongestWait);
        Assert.Equal(ErrorKind.Conflict, (await Assert.ThrowsAsync<EngineException>(() => work.WaitAsync(TimeSpan.FromSeconds(10)))).Kind);
        Assert.False(drained.IsCompleted); // what goes on by itself is never cut
        daemons.Dispose();
        await drained.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private async Task WorkAsync(Func<Stream, CancellationToken, Task> work, Stream client)
    {
        using FileUse use = uses.Begin(isClients: true);
        await use.RunAsync(client, work, CancellationToken.None);
    }

    // A client that takes nothing.
    private sealed class SlowStream : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}
