using System.Text.Json;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary>
/// The last measurement of each container, kept up to date by a thread for each. The threads are the process's: they wait in the kernel for the daemon
/// and end with it.
/// </summary>
internal sealed class StatsBoard : IDisposable
{
    private readonly EngineClient client;
    private readonly List<Entry> entries = []; // also the lock of everything here, which is waited on
    private readonly List<string> errors = [];
    private bool follows;
    private bool isOver;

    public StatsBoard(EngineClient client) => this.client = client;

    /// <summary>Refusals of containers that were asked for, in the order of their coming.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (entries)
                return [.. errors];
        }
    }

    /// <summary>Why containers are not followed any more; null while they are.</summary>
    public string? Failure { get; private set; }

    /// <summary>Names and measurements, in the order of their coming; a null measurement is still awaited.</summary>
    public IReadOnlyList<(string Name, ContainerStats? Stats)> Rows()
    {
        lock (entries)
            return [.. entries.Select(entry => (entry.Name, entry.Stats))];
    }

    /// <summary>
    /// Measures a container, once or until it is removed; one that is on the board already stays as it is. That it does not exist is an error of
    /// <see cref="Errors"/> only for one that <paramref name="isAsked"/>: others may have been removed since they were seen.
    /// </summary>
    public void Add(string name, bool once, bool isAsked)
    {
        var entry = new Entry(name);
        lock (entries)
        {
            if (entries.Exists(known => known.Name == name))
                return;

            entries.Add(entry);
        }

        Start(() =>
        {
            try
            {
                Measure(entry, once);
            }
            catch (EngineException exception)
            {
                Refuse(entry, isAsked ? ErrorText.Of(exception) : null);
            }
        });
    }

    /// <summary>Adds containers that are started (or with <paramref name="all"/> created) from now on, and takes off those that end (or are removed).</summary>
    public void FollowContainers(bool all)
    {
        follows = true;
        string begin = all ? "create" : "start", end = all ? "destroy" : "die";
        ResponseStream stream = client.OpenEventsAsync(null, null, [new("type", "container"), new("event", begin), new("event", end)]).GetAwaiter().GetResult(); // complete: the client blocks
        Start(() =>
        {
            using (stream)
                stream.ReadLines(line => OnEvent(line, begin));

            End("the daemon has ended");
        });
    }

    /// <summary>Waits until every container on the board was measured or refused.</summary>
    public void WaitForFirst()
    {
        lock (entries)
        {
            while (!isOver && entries.Exists(entry => !entry.IsAnswered))
                Monitor.Wait(entries);
        }
    }

    /// <summary>Waits for the moment to draw again; true when nothing is left to be drawn.</summary>
    public bool WaitForEnd(TimeSpan interval)
    {
        long end = Environment.TickCount64 + (long)interval.TotalMilliseconds;
        lock (entries)
        {
            while (!IsEnd)
            {
                long rest = end - Environment.TickCount64;
                if (rest <= 0)
                    return false;

                Monitor.Wait(entries, (int)rest);
            }

            return true;
        }
    }

    private bool IsEnd => isOver || (!follows && entries.Count == 0);

    public void Dispose() => End(null);

    private void Measure(Entry entry, bool once)
    {
        if (once)
        {
            Set(entry, client.GetContainerStatsAsync(entry.Name).GetAwaiter().GetResult()); // complete: the client blocks
            return;
        }

        using ResponseStream stream = client.OpenContainerStatsAsync(entry.Name).GetAwaiter().GetResult();
        lock (entries)
        {
            if (entry.IsRemoved)
                return;

            entry.Stream = stream;
        }

        try
        {
            stream.ReadLines(line => Set(entry, JsonSerializer.Deserialize(line, ApiJson.Context.ContainerStats)));
        }
        catch (Exception) when (IsRemoved(entry))
        {
            return; // closed here while it was read: the daemon would go on about a stopped container, and a connection is held for it
        }

        Remove(entry);
    }

    private bool IsRemoved(Entry entry)
    {
        lock (entries)
            return entry.IsRemoved;
    }

    // A daemon that goes away ends everything; each thread sees it by itself.
    private void Start(Action work)
    {
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception) when (exception is EngineConnectionException or JsonException)
            {
                End(exception.Message);
            }
        })
        { IsBackground = true };
        thread.Start();
    }

    private void OnEvent(ReadOnlySpan<byte> line, string begin)
    {
        using JsonDocument document = JsonDocument.Parse(line.ToArray());
        if (!document.RootElement.TryGetProperty("Actor", out JsonElement actor))
            return;

        string name = Units.ShortId(actor.Text("ID"));
        if (document.RootElement.Text("Action") == begin)
            Add(name, once: false, isAsked: false);
        else
            Remove(name);
    }

    private void Remove(string name)
    {
        Entry? known;
        lock (entries)
            known = entries.Find(entry => entry.Name == name);

        if (known is not null)
            Remove(known);
    }

    private void Refuse(Entry entry, string? error)
    {
        lock (entries)
        {
            if (error is not null)
                errors.Add(error);
        }

        Remove(entry);
    }

    private void Set(Entry entry, ContainerStats? stats)
    {
        lock (entries)
        {
            entry.Stats = stats;
            entry.IsAnswered = true;
            Monitor.PulseAll(entries);
        }
    }

    // A container that was started again has another entry by then.
    private void Remove(Entry entry)
    {
        lock (entries)
        {
            entry.IsRemoved = true;
            entries.Remove(entry);
            Monitor.PulseAll(entries);
        }

        entry.Stream?.Dispose();
    }

    private void End(string? failure)
    {
        lock (entries)
        {
            if (!isOver)
                Failure = failure;

            isOver = true;
            Monitor.PulseAll(entries);
        }
    }

    private sealed class Entry(string name)
    {
        public string Name { get; } = name;

        public ContainerStats? Stats { get; set; }

        public bool IsAnswered { get; set; }

        public bool IsRemoved { get; set; }

        public ResponseStream? Stream { get; set; }
    }
}
