using Berth.Model;

namespace Berth.Build.Solver;

/// <summary>Keeps equal steps of several builds apart: the second one waits for the first, and finds its result then.</summary>
public sealed class SharedSteps
{
    private readonly Lock gate = new();
    private readonly Dictionary<Digest, Entry> entries = [];

    /// <summary>Waits until nobody else does the step; dispose the result to let the next one.</summary>
    internal async Task<IDisposable> EnterAsync(Digest key, CancellationToken cancellationToken)
    {
        Entry? entry;
        lock (gate)
        {
            if (!entries.TryGetValue(key, out entry))
            {
                entry = new Entry(this, key);
                entries.Add(key, entry);
            }

            entry.Users++;
        }

        try
        {
            await entry.Turn.WaitAsync(cancellationToken);
            return entry;
        }
        catch
        {
            Leave(entry);
            throw;
        }
    }

    /// <summary>Whether another build waits for the step.</summary>
    internal bool IsWantedByOthers(Digest key)
    {
        lock (gate)
        {
            return entries.TryGetValue(key, out Entry? entry) && entry.Users > 1;
        }
    }

    private void Leave(Entry entry)
    {
        lock (gate)
        {
            if (--entry.Users == 0)
            {
                entries.Remove(entry.Key);
                entry.Turn.Dispose();
            }
        }
    }

    private sealed class Entry(SharedSteps owner, Digest key) : IDisposable
    {
        public Digest Key => key;

        public SemaphoreSlim Turn { get; } = new(1);

        public int Users { get; set; }

        public void Dispose()
        {
            Turn.Release();
            owner.Leave(this);
        }
    }
}
