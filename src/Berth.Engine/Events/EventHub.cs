using System.Collections.Immutable;
using System.Threading.Channels;
using Berth.Model;
using Berth.Storage;
using Microsoft.Extensions.Logging;

namespace Berth.Engine.Events;

/// <summary>Takes what happens and hands it on: to whoever listens at the moment, and to a ring on the disk for those who ask later. Safe for concurrent use.</summary>
public sealed class EventHub : IDisposable
{
    private readonly Lock sync = new();
    private readonly EventRing ring;
    private readonly TimeProvider clock;
    private readonly ILogger logger;
    private ImmutableList<Channel<EngineEvent>> listeners = [];
    private long last;
    private bool hasFailed;

    private EventHub(EventRing ring, TimeProvider clock, ILogger logger)
    {
        this.ring = ring;
        this.clock = clock;
        this.logger = logger;
        last = ring.LastTime;
    }

    /// <summary>How many subscriptions listen at the moment.</summary>
    public int ListenerCount => listeners.Count;

    /// <summary>Opens the ring below the data root's <c>events</c>.</summary>
    /// <exception cref="EngineException">Internal when it cannot be made or read.</exception>
    public static EventHub Open(StorageRoot root, ILogger logger) => Open(Path.Combine(root.Path, "events"), TimeProvider.System, logger);

    internal static EventHub Open(string folder, TimeProvider clock, ILogger logger)
    {
        try
        {
            return new EventHub(EventRing.Open(folder), clock, logger);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"the events in {folder} cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// Tells that something happened, after it did. Never fails and never waits for a listener; when the disk refuses, the event is told to listeners alone.
    /// </summary>
    /// <param name="type"><c>container</c>, <c>image</c>, <c>volume</c>, <c>network</c>, <c>builder</c> or <c>daemon</c>.</param>
    /// <param name="action">What happened.</param>
    /// <param name="actorId">What it happened to.</param>
    /// <param name="attributes">More about that; copied.</param>
    public void Publish(string type, string action, string actorId, IReadOnlyDictionary<string, string> attributes)
    {
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, string value) in attributes)
        {
            sorted[key] = value;
        }

        lock (sync)
        {
            long now = (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
            last = Math.Max(now, last + 1);
            var item = new EngineEvent(type, action, actorId, sorted, last);
            Keep(item);
            foreach (Channel<EngineEvent> listener in listeners)
            {
                if (!listener.Writer.TryWrite(item))
                {
                    listener.Writer.TryComplete(new EngineException(ErrorKind.Unavailable, "events came faster than they were read"));
                }
            }
        }
    }

    /// <summary>
    /// The events from <paramref name="since"/> (nanoseconds since 1970; null: none of the past) on, then, unless <paramref name="pastOnly"/>, those that
    /// happen, each once and in order. The caller disposes it.
    /// </summary>
    public EventSubscription Subscribe(long? since, bool pastOnly)
    {
        lock (sync)
        {
            EventHistory? history = since is null ? null : ring.Snapshot();
            if (pastOnly)
            {
                return new EventSubscription(this, history, since, null);
            }

            var channel = Channel.CreateBounded<EngineEvent>(new BoundedChannelOptions(EventSubscription.MostWaiting) { SingleReader = true });
            listeners = listeners.Add(channel);
            return new EventSubscription(this, history, since, channel);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (sync)
        {
            listeners.ForEach(static listener => listener.Writer.TryComplete());
            listeners = [];
            ring.Dispose();
        }
    }

    internal void Remove(Channel<EngineEvent> listener)
    {
        lock (sync)
        {
            listeners = listeners.Remove(listener);
        }
    }

    private void Keep(EngineEvent item)
    {
        try
        {
            ring.Append(item);
            hasFailed = false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            if (!hasFailed)
            {
                EngineLog.EventNotKept(logger, exception); // once for each time that the disk begins to refuse
                hasFailed = true;
            }
        }
    }
}
