using System.Collections.Concurrent;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Build.Solver;

/// <summary>
/// Keeps what a build has done, for others and for the next one: not step by step, as each record waits for the disk, but a second after the first that is not kept yet, and at the build's end, however
/// that is. For all steps of one build, on any thread.
/// </summary>
/// <param name="images">Where steps are kept.</param>
/// <param name="assembly">Holds their layers.</param>
/// <param name="clock">Tells when.</param>
internal sealed class StepRecorder(ImageStore images, ImageAssembly assembly, TimeProvider clock) : IAsyncDisposable
{
    private const int Most = 10_000;
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);
    private readonly Lock gate = new();
    private readonly SemaphoreSlim writing = new(1);
    private readonly ConcurrentDictionary<Digest, BuildStep> known = [];
    private readonly List<BuildStep> waiting = [];
    private readonly HashSet<Digest> used = [];
    private readonly CancellationTokenSource ending = new();
    private Task timer = Task.CompletedTask;

    /// <summary>A step that this build has done; null for others.</summary>
    public BuildStep? Find(Digest key) => known.GetValueOrDefault(key);

    /// <summary>Keeps a step, soon.</summary>
    public void Add(BuildStep step)
    {
        known[step.Key] = step;
        lock (gate)
        {
            waiting.Add(step);
            if (timer.IsCompleted && !ending.IsCancellationRequested)
            {
                timer = Task.Run(FlushLaterAsync);
            }
        }
    }

    /// <summary>Notes that a step was taken from an earlier build.</summary>
    public void Used(Digest key)
    {
        lock (gate)
        {
            used.Add(key);
        }
    }

    /// <summary>Keeps everything that is not kept yet.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public async Task FlushAsync()
    {
        await writing.WaitAsync(CancellationToken.None);
        try
        {
            List<BuildStep> steps;
            lock (gate)
            {
                steps = [.. waiting];
                waiting.Clear();
            }

            if (steps.Count > 0)
            {
                await assembly.KeepStepsAsync(steps, CancellationToken.None);
            }
        }
        finally
        {
            writing.Release();
        }
    }

    /// <summary>Ends the keeping; what cannot be kept is lost, which costs the next build time and nothing else.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await timer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)FlushAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (used.Count > 0)
        {
            await images.TouchStepsAsync([.. used], clock.GetUtcNow());
        }

        await TrimAsync();

        writing.Dispose();
        ending.Dispose();
    }

    // Those that were not used for the longest time go.
    private async Task TrimAsync()
    {
        IReadOnlyList<BuildStep> all = images.ListSteps();
        if (all.Count > Most)
        {
            await ((Task)images.RemoveStepsAsync([.. all.OrderBy(static step => step.LastUsed).Take(all.Count - Most * 9 / 10).Select(static step => step.Key)], CancellationToken.None))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FlushLaterAsync()
    {
        try
        {
            bool isMore = true;
            while (isMore)
            {
                await Task.Delay(Delay, clock, ending.Token);
                await FlushAsync();
                lock (gate)
                {
                    isMore = waiting.Count > 0;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or EngineException)
        {
            // Kept at the end, or not at all.
        }
    }
}
