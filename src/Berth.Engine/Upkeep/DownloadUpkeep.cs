using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Engine.Upkeep;

/// <summary>Lets unfinished downloads go that no pull has gone on with for a week: in the background when the daemon starts, and twice a day.</summary>
public sealed class DownloadUpkeep : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromHours(12);
    private readonly ContainerServices services;
    private readonly StorageUpkeep upkeep;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task running;

    /// <param name="services">The clock, and who is told of failures.</param>
    /// <param name="upkeep">Removes them.</param>
    public DownloadUpkeep(ContainerServices services, StorageUpkeep upkeep)
    {
        this.services = services;
        this.upkeep = upkeep;
        running = Task.Run(RunAsync);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            try
            {
                upkeep.RemoveOldDownloads(services.Clock.GetUtcNow());
            }
            catch (EngineException e)
            {
                EngineLog.LeftoverStays(services.Logger, e, "old unfinished downloads");
            }

            await Task.Delay(Pause, services.Clock, stopping.Token);
        }
    }
}
