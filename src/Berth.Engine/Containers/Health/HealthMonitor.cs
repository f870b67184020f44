namespace Berth.Engine.Containers.Health;

/// <summary>Probes one run of a container until it is disposed: at its end, and while its processes stand still.</summary>
internal sealed class HealthMonitor : IAsyncDisposable
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);
    private readonly CancellationTokenSource stop = new();
    private readonly HealthOptions options;
    private readonly DateTimeOffset startedAt;
    private readonly TimeProvider clock;
    private readonly Func<CancellationToken, Task<HealthResult>> probe;
    private readonly Func<HealthReport> report;
    private readonly Action<HealthReport> onResult;
    private readonly Task loop;

    /// <param name="options">What to do.</param>
    /// <param name="startedAt">When the run began.</param>
    /// <param name="clock">Waits.</param>
    /// <param name="probe">Runs the command once; throws nothing but the cancellation.</param>
    /// <param name="report">What was found until now.</param>
    /// <param name="onResult">Takes what is found then.</param>
    public HealthMonitor(
        HealthOptions options, DateTimeOffset startedAt, TimeProvider clock, Func<CancellationToken, Task<HealthResult>> probe, Func<HealthReport> report, Action<HealthReport> onResult)
    {
        this.options = options;
        this.startedAt = startedAt;
        this.clock = clock;
        this.probe = probe;
        this.report = report;
        this.onResult = onResult;
        loop = Task.Run(RunAsync);
    }

    /// <summary>No probe begins and no result is taken any more; the one under way is given up.</summary>
    public void Stop() => stop.Cancel();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            TimeSpan wait = report().Wait(options, clock.GetUtcNow() - startedAt);
            await Task.Delay(wait < LongestTimer ? wait : LongestTimer, clock, stop.Token);
            HealthResult result = await probe(stop.Token);
            stop.Token.ThrowIfCancellationRequested();
            onResult(report().With(result, options, startedAt));
        }
    }
}
