namespace Berth.Engine.Containers;

/// <summary>Counts the operations that read or write a container's files from outside: the container is neither started nor removed while there are any.</summary>
internal sealed class FileUses
{
    private readonly Lock sync = new();
    private int count;
    private TaskCompletionSource? ended;

    /// <summary>Begins a use; disposing the result ends it. To be called while nothing else can change the container's state.</summary>
    public IDisposable Begin()
    {
        lock (sync)
        {
            count++;
        }

        return new Use(this);
    }

    /// <summary>Completes when there is no use. To be awaited while no other can begin.</summary>
    public Task DrainAsync()
    {
        lock (sync)
        {
            return count == 0 ? Task.CompletedTask : (ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private void End()
    {
        TaskCompletionSource? waiting = null;
        lock (sync)
        {
            if (--count == 0)
            {
                (waiting, ended) = (ended, null);
            }
        }

        waiting?.TrySetResult();
    }

    private sealed class Use(FileUses owner) : IDisposable
    {
        private FileUses? owner = owner;

        public void Dispose() => Interlocked.Exchange(ref owner, null)?.End();
    }
}
