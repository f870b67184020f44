using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>One operation on a container's files; see <see cref="FileUses"/>.</summary>
internal sealed class FileUse : IDisposable
{
    private const long NotWaiting = long.MinValue;

    private readonly TimeProvider clock;
    private readonly bool isClients;
    private readonly Action<FileUse> onEnd;
    private readonly CancellationTokenSource stop = new();
    private readonly Lock sync = new();
    private long waitingSince = NotWaiting;
    private bool isOver;

    public FileUse(TimeProvider clock, bool isClients, Action<FileUse> onEnd)
    {
        this.clock = clock;
        this.isClients = isClients;
        this.onEnd = onEnd;
    }

    /// <summary>Whether its client has kept others waiting for too long: doing nothing, or altogether. The time that the daemon itself takes is not the client's.</summary>
    /// <param name="begin">Since when others wait.</param>
    public bool IsOverdue(long begin)
    {
        long since = Volatile.Read(ref waitingSince);
        return isClients
            && (clock.GetElapsedTime(begin) >= FileUses.LongestWait || (since != NotWaiting && clock.GetElapsedTime(long.Max(since, begin)) >= FileUses.LongestPause));
    }

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
    /// <exception cref="EngineException">Conflict: the container was started or removed by somebody else, and the client kept that waiting for too long.</exception>
    public async Task RunAsync(Stream client, Func<Stream, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stop.Token);
        try
        {
            await work(new WatchedStream(client, isWaiting => Volatile.Write(ref waitingSince, isWaiting ? clock.GetTimestamp() : NotWaiting)), either.Token);
        }
        catch (OperationCanceledException e) when (stop.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new EngineException(
                ErrorKind.Conflict,
                $"the container is being started or removed, and the archive has not moved on for {FileUses.LongestPause.TotalSeconds:0} seconds or is not through after {FileUses.LongestWait.TotalSeconds:0}: try again",
                e);
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
