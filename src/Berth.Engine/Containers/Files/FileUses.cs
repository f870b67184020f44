namespace Berth.Engine.Containers;

/// <summary>
/// The operations that read or write a container's files from outside: the container is neither started nor removed while there are any. One whose client neither
/// sends nor takes anything is ended for those that wait.
/// </summary>
/// <param name="clock">Tells for how long nothing has moved.</param>
internal sealed class FileUses(TimeProvider clock)
{
    /// <summary>How long a client may keep others waiting by doing nothing.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    private readonly Lock sync = new();
    private readonly HashSet<FileUse> uses = [];
    private TaskCompletionSource? ended;

    /// <summary>Begins a use; disposing the result ends it. To be called while nothing else can change the container's state.</summary>
    /// <param name="isClients">Whether it goes on as fast as a client lets it, which <see cref="FileUse.Watch"/> is to be told of.</param>
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
        while (Pending() is { IsCompleted: false } pending)
        {
            try
            {
                await pending.WaitAsync(LongestPause / 4, clock);
            }
            catch (TimeoutException)
            {
                StopStalled();
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

    private void StopStalled()
    {
        List<FileUse> stalled;
        lock (sync)
        {
            stalled = [.. uses.Where(static use => use.IsStalled)];
        }

        stalled.ForEach(static use => use.Stop());
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
