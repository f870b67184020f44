using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Berth.Engine.Events;

/// <summary>A listener's place in the stream of events.</summary>
public sealed class EventSubscription : IDisposable
{
    /// <summary>The most events that wait for a slow reader; with more its subscription fails.</summary>
    public const int MostWaiting = 8192;

    private readonly EventHub hub;
    private readonly EventHistory? history;
    private readonly long? since;
    private readonly Channel<EngineEvent>? channel;

    internal EventSubscription(EventHub hub, EventHistory? history, long? since, Channel<EngineEvent>? channel)
    {
        this.hub = hub;
        this.history = history;
        this.since = since;
        this.channel = channel;
    }

    /// <summary>The events; to be enumerated once.</summary>
    /// <exception cref="Berth.Model.EngineException">Unavailable when this reader was too slow.</exception>
    public async IAsyncEnumerable<EngineEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (EngineEvent item in history?.Read() ?? [])
        {
            if (item.TimeNano >= since)
            {
                yield return item;
            }
        }

        if (channel is not null)
        {
            await foreach (EngineEvent item in channel.Reader.ReadAllAsync(cancellationToken))
            {
                yield return item;
            }
        }
    }

    /// <summary>Whether the next event is there already.</summary>
    public bool HasMore => channel is { Reader.Count: > 0 };

    /// <inheritdoc/>
    public void Dispose()
    {
        history?.Dispose();
        if (channel is not null)
        {
            hub.Remove(channel);
        }
    }
}
