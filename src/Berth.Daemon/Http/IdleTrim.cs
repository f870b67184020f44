namespace Berth.Daemon.Http;

/// <summary>
/// Gives memory back once the start is over, and whenever requests have stopped coming: a daemon that has just started a hundred containers is as small as
/// one that never did. Program code goes too; what is used again comes back from the page cache.
/// </summary>
internal sealed class IdleTrim : IAsyncDisposable
{
    private static readonly TimeSpan AfterStart = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    // In quiet intervals. The shared pools of buffers let go only of what two collections half a minute apart have found unused.
    private static readonly int[] Trims = [1, 12, 24];
    private readonly Action returnMemory;
    private readonly CancellationTokenSource stop = new();
    private readonly Task loop;
    private long requests;

    /// <param name="returnMemory">Gives the system what the process holds and does not need.</param>
    public IdleTrim(Action returnMemory)
    {
        this.returnMemory = returnMemory;
        loop = RunAsync();
    }

    /// <summary>Notes a request.</summary>
    public void Touch() => Interlocked.Increment(ref requests);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private void Trim()
    {
        BlockPool.Shared.Release();
        returnMemory();
    }

    private async Task RunAsync()
    {
        await Task.Delay(AfterStart, stop.Token);
        Trim();
        using var timer = new PeriodicTimer(Interval);
        long seen = 0;
        int quiet = Trims[0];
        while (await timer.WaitForNextTickAsync(stop.Token))
        {
            long now = Interlocked.Read(ref requests);
            quiet = now == seen ? quiet + 1 : 0;
            seen = now;
            if (Trims.Contains(quiet))
            {
                Trim();
            }
        }
    }
}
