using System.Globalization;

namespace Berth.Storage.Builds;

/// <summary>Which steps have which caches. Safe for concurrent use.</summary>
internal sealed class CacheUses
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Use> used = new(StringComparer.Ordinal);
    private TaskCompletionSource changed = New();

    /// <summary>Takes a cache, and waits for it where that was asked for; <see cref="Release"/> gives it back.</summary>
    /// <returns>Its name, or, where others have it and it is to be used alone without waiting, that of another.</returns>
    public async Task<string> TakeAsync(string name, CacheUse use, object owner, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task release;
            lock (gate)
            {
                for (int number = 0; number == 0 || use == CacheUse.Private; number++)
                {
                    string candidate = number == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");
                    if (TryTakeLocked(candidate, use, owner))
                    {
                        return candidate;
                    }
                }

                release = changed.Task;
            }

            await release.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Takes a cache that nobody has.</summary>
    public bool TryTake(string name)
    {
        lock (gate)
        {
            return TryTakeLocked(name, CacheUse.Locked, new object());
        }
    }

    /// <summary>Whether a step has it.</summary>
    public bool IsUsed(string name)
    {
        lock (gate)
        {
            return used.ContainsKey(name);
        }
    }

    /// <summary>Gives a cache back.</summary>
    public void Release(string name)
    {
        TaskCompletionSource before;
        lock (gate)
        {
            Use use = used[name];
            if (--use.Count == 0)
            {
                used.Remove(name);
            }

            before = changed;
            changed = New();
        }

        before.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool TryTakeLocked(string name, CacheUse use, object owner)
    {
        if (!used.TryGetValue(name, out Use? present))
        {
            used.Add(name, new Use(owner) { Count = 1, IsShared = use == CacheUse.Shared });
            return true;
        }

        if (!present.Owner.Equals(owner) && !(present.IsShared && use == CacheUse.Shared))
        {
            return false;
        }

        present.IsShared &= use == CacheUse.Shared;
        present.Count++;
        return true;
    }

    private sealed class Use(object owner)
    {
        public object Owner => owner;

        public int Count { get; set; }

        public bool IsShared { get; set; }
    }
}
