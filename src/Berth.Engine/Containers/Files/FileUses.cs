namespace Berth.Engine.Containers;

/// <summary>
/// The operations that read or write a container's files from outside: the container is neither started nor removed while there are any. Those that go on as fast as
/// a client lets them are ended for the ones that wait: when the client lets nothing pass for <see cref="LongestPause"/>, and after <see cref="LongestWait"/> in any case.
/// </summary>
/// <param name="clock">Tells for how long nothing has moved.</param>
internal sealed class FileUses(TimeProvider clock)
{
    /// <summary>How long a client may keep others waiting by doing nothing.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    /// <summary>How long clients may keep others waiting, however much they take or send.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Lock sync = new();
    private readonly HashSet<FileUse> uses = [];
    private TaskCompletionSource? ended;

    /// <summary>
    /// Begins a use; disposing the result ends it. To be called while nothing else can change the container's state. Until it has ended its owner must not wait for
    /// anything that waits for <see cref="DrainAsync"/>, the container's lock above all.
    /// </summary>
    /// <param name="isClients">Whether it goes on as fast as a client lets it, whose stream is then given to <see cref="FileUse.RunAsync"/>.</param>
    public FileUse Begin(bool isClients)
    {
        var use = new FileUse(clock, isClients, End);
        lock (sync)
        {
            uses.Add(use);
        }

        return use;
    }

    /// <summary>Completes when there is no use. To be awaited while no other can begin.</summary>
    public async Task DrainAsync()
    {
        long begin = clock.GetTimestamp();
        while (Pending() is { IsCompleted: false } pending)
        {
            try
            {
                await pending.WaitAsync(LongestPause / 4, clock);
            }
            catch (TimeoutException)
            {
                StopOverdue(begin);
            }
        }
    }

    private Task Pending()
    {
        lock (sync)
        {
            return uses.Count == 0 ? Task.CompletedTask : (ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private void StopOverdue(long begin)
    {
        List<FileUse> overdue;
        lock (sync)
        {
            overdue = [.. uses.Where(use => use.IsOverdue(begin))];
        }

        overdue.ForEach(static use => use.Stop());
    }

    private void End(FileUse use)
    {
        TaskCompletionSource? waiting = null;
        lock (sync)
        {
            if (uses.Remove(use) && uses.Count == 0)
            {
                (waiting, ended) = (ended, null);
            }
        }

        waiting?.TrySetResult();
    }
}
