using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>One operation on a container's files; see <see cref="FileUses"/>.</summary>
internal sealed class FileUse : IDisposable
{
    private readonly TimeProvider clock;
    private readonly bool isClients;
    private readonly Action<FileUse> onEnd;
    private readonly CancellationTokenSource stop = new();
    private readonly Lock sync = new();
    private long moved;
    private bool isOver;

    public FileUse(TimeProvider clock, bool isClients, Action<FileUse> onEnd)
    {
        this.clock = clock;
        this.isClients = isClients;
        this.onEnd = onEnd;
        moved = clock.GetTimestamp();
    }

    /// <summary>Whether it waits for a client that has done nothing for too long.</summary>
    public bool IsStalled => isClients && clock.GetElapsedTime(Volatile.Read(ref moved)) >= FileUses.LongestPause;

    /// <summary>Ends it from outside.</summary>
    public void Stop()
    {
        lock (sync)
        {
            if (!isOver)
            {
                stop.Cancel();
            }
        }
    }

    /// <summary>Does the work that the use is for, with the client's stream in a form that is watched.</summary>
    /// <exception cref="EngineException">Conflict: the container was started or removed by somebody else, and the client did nothing that this could have waited for.</exception>
    public async Task RunAsync(Stream client, Func<Stream, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stop.Token);
        try
        {
            await work(new WatchedStream(client, () => Volatile.Write(ref moved, clock.GetTimestamp())), either.Token);
        }
        catch (OperationCanceledException e) when (stop.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new EngineException(
                ErrorKind.Conflict, $"the container is being started or removed, and the archive has not moved on for {FileUses.LongestPause.TotalSeconds:0} seconds: try again", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (sync)
        {
            if (isOver)
            {
                return;
            }

            isOver = true;
            stop.Dispose();
        }

        onEnd(this);
    }
}
