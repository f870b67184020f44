namespace Berth.Daemon.Http;

/// <summary>Gives memory back once requests have stopped coming: a daemon that has just started a hundred containers is as small as one that never did.</summary>
internal sealed class IdleTrim : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);
    private readonly CancellationTokenSource stop = new();
    private readonly Task loop;
    private long requests;

    public IdleTrim() => loop = RunAsync();

    /// <summary>Notes a request.</summary>
    public void Touch() => Interlocked.Increment(ref requests);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        long seen = 0;
        long trimmed = -1;
        while (await timer.WaitForNextTickAsync(stop.Token))
        {
            long now = Interlocked.Read(ref requests);
            if (now == seen && now != trimmed)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                trimmed = now;
            }

            seen = now;
        }
    }
}
