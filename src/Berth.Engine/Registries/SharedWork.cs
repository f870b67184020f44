using Berth.Model;

namespace Berth.Engine.Registries;

/// <summary>
/// Work that several callers want at the same time is done once. It is given up when nobody waits for it any more; its result lives until the last one
/// lets go of it. Whoever joins late is told what was told so far, the last line of each step.
/// </summary>
/// <param name="release">Ends a result's life.</param>
internal sealed class SharedWork<TKey, TResult>(Func<TResult, ValueTask> release)
    where TKey : notnull
{
    private readonly Lock gate = new();
    private readonly Dictionary<TKey, Entry> entries = [];

    /// <summary>Does the work, or waits for whoever does it already.</summary>
    /// <param name="key">What is worked on.</param>
    /// <param name="work">Gets whom to tell, and a token that ends it; runs on a thread of the pool.</param>
    /// <param name="report">Told what happens; calls do not overlap.</param>
    /// <param name="cancellationToken">Lets go.</param>
    public async Task<Share> JoinAsync(
        TKey key, Func<Action<TransferMessage>, CancellationToken, Task<TResult>> work, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        while (true)
        {
            Entry entry;
            bool isOwner;
            lock (gate)
            {
                isOwner = !entries.TryGetValue(key, out entry!);
                if (isOwner)
                {
                    entry = new Entry();
                    entries.Add(key, entry);
                }

                if (!entry.IsGivenUp)
                {
                    entry.Users++;
                    entry.Task ??= Task.Run(() => RunAsync(key, entry, work), CancellationToken.None);
                }
            }

            if (entry.IsGivenUp)
            {
                // It is being given up, and its files are its own until it has ended.
                await ((Task)entry.Task!).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                continue;
            }

            entry.Listen(report);
            try
            {
                return new Share(this, key, entry, await entry.Task!.WaitAsync(cancellationToken));
            }
            catch (Exception exception)
            {
                await LeaveAsync(key, entry);
                if (isOwner || exception is not EngineException || cancellationToken.IsCancellationRequested)
                {
                    throw;
                }

                // Somebody else's attempt, with somebody else's credentials.
            }
            finally
            {
                entry.Ignore(report);
            }
        }
    }

    private async Task<TResult> RunAsync(TKey key, Entry entry, Func<Action<TransferMessage>, CancellationToken, Task<TResult>> work)
    {
        try
        {
            TResult result = await work(entry.Tell, entry.Stop.Token);
            bool isWanted;
            lock (gate)
            {
                entry.HasResult = true;
                isWanted = entry.Users > 0;
                if (!isWanted)
                {
                    entries.Remove(key);
                }
            }

            if (!isWanted)
            {
                await release(result);
            }

            return result;
        }
        catch
        {
            lock (gate)
            {
                entries.Remove(key);
            }

            throw;
        }
    }

    private async ValueTask LeaveAsync(TKey key, Entry entry)
    {
        bool releases;
        lock (gate)
        {
            bool isLast = --entry.Users == 0;
            releases = isLast && entry.HasResult;
            if (releases)
            {
                entries.Remove(key);
            }
            else if (isLast)
            {
                entry.IsGivenUp = true;
            }
        }

        if (entry.IsGivenUp)
        {
            await entry.Stop.CancelAsync();
        }

        if (releases)
        {
            await release(await entry.Task!); // a result has its task
        }
    }

    /// <summary>A caller's part in a result; disposing it lets go of it.</summary>
    internal sealed class Share(SharedWork<TKey, TResult> owner, TKey key, Entry entry, TResult result) : IAsyncDisposable
    {
        /// <summary>The result; valid until this is disposed.</summary>
        public TResult Result { get; } = result;

        public ValueTask DisposeAsync() => owner.LeaveAsync(key, entry);
    }

    internal sealed class Entry
    {
        private readonly Lock gate = new();
        private readonly List<string> order = [];
        private readonly Dictionary<string, TransferMessage> last = [];
        private readonly List<Action<TransferMessage>> listeners = [];

        public CancellationTokenSource Stop { get; } = new();
        public Task<TResult>? Task { get; set; }
        public int Users { get; set; }
        public bool HasResult { get; set; }

        /// <summary>Nobody waits any more: who comes now waits for its end, and begins anew.</summary>
        public bool IsGivenUp { get; set; }

        public void Tell(TransferMessage message)
        {
            lock (gate)
            {
                string step = message.Id ?? message.Status;
                if (!last.ContainsKey(step))
                {
                    order.Add(step);
                }

                last[step] = message;
                listeners.ForEach(listener => listener(message));
            }
        }

        public void Listen(Action<TransferMessage> report)
        {
            lock (gate)
            {
                order.ForEach(step => report(last[step]));
                listeners.Add(report);
            }
        }

        public void Ignore(Action<TransferMessage> report)
        {
            lock (gate)
            {
                listeners.Remove(report);
            }
        }
    }
}
