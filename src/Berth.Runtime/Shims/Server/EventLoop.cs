using Berth.Linux.Events;

namespace Berth.Runtime.Shims.Server;

/// <summary>Something with a descriptor that the loop watches.</summary>
internal abstract class LoopSource
{
    /// <summary>The watched descriptor's number; -1 while not watched.</summary>
    internal int Number { get; set; } = -1;

    internal ulong Token { get; set; }

    internal PollEvents Interest { get; set; }

    internal bool IsParked { get; set; }

    /// <summary>Called with what is ready. May remove any source, this one included.</summary>
    internal abstract void OnReady(PollEvents events);

    /// <summary>Called with what <see cref="OnReady"/> threw: gives up this one source, never the process.</summary>
    internal abstract void OnFailure(Exception exception);
}

/// <summary>The shim's only thread: one epoll instance, level triggered, and a few timers. Allocates nothing per event.</summary>
internal sealed class EventLoop : IDisposable
{
    private readonly EventPoll _poll = new(capacity: 64);
    private readonly List<LoopSource?> _slots = [];
    private readonly Stack<int> _free = [];
    private readonly List<(long Due, Action Action)> _timers = [];
    private uint _generation;

    /// <summary>Begins to watch a descriptor; the source keeps owning it and calls <see cref="Remove"/> before closing it.</summary>
    internal void Add(LoopSource source, int number, PollEvents interest)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _slots.Count;
            _slots.Add(null);
        }

        // The generation tells events of a slot's former owner, still in the present batch, from the new owner's.
        source.Token = ((ulong)++_generation << 32) | (uint)slot;
        source.Number = number;
        source.Interest = interest;
        source.IsParked = false;
        _slots[slot] = source;
        _poll.Add(number, interest, source.Token);
    }

    /// <summary>Changes what is watched. Errors and hang-ups are reported even with <see cref="PollEvents.None"/>.</summary>
    internal void SetInterest(LoopSource source, PollEvents interest)
    {
        if (source.Number < 0 || (source.Interest == interest && !source.IsParked))
            return;
        if (source.IsParked)
            _poll.Add(source.Number, interest, source.Token);
        else
            _poll.Modify(source.Number, interest, source.Token);
        source.Interest = interest;
        source.IsParked = false;
    }

    /// <summary>Watches for nothing at all, not even a hang-up, until <see cref="SetInterest"/>.</summary>
    internal void Park(LoopSource source)
    {
        if (source.Number < 0 || source.IsParked)
            return;
        _poll.Remove(source.Number);
        source.IsParked = true;
    }

    /// <summary>Stops watching; harmless when not watched.</summary>
    internal void Remove(LoopSource source)
    {
        if (source.Number < 0)
            return;
        if (!source.IsParked)
            _poll.Remove(source.Number);
        int slot = (int)(uint)source.Token;
        _slots[slot] = null;
        _free.Push(slot);
        source.Number = -1;
    }

    /// <summary>Calls <paramref name="action"/> once, no earlier than after the delay.</summary>
    internal void After(TimeSpan delay, Action action) => _timers.Add((Environment.TickCount64 + (long)delay.TotalMilliseconds, action));

    /// <summary>Waits for events (not longer than <paramref name="limitMilliseconds"/>, -1: any time) and handles them; false when none came.</summary>
    internal bool RunOnce(int limitMilliseconds)
    {
        int count = _poll.Wait(Timeout(limitMilliseconds));
        for (int i = 0; i < count; i++)
        {
            (PollEvents events, ulong token) = _poll[i];
            LoopSource? source = _slots[(int)(uint)token];
            if (source is null || source.Token != token)
                continue;
            try
            {
                source.OnReady(events);
            }
            catch (Exception e)
            {
                ErrorLog.Write(e.ToString());
                source.OnFailure(e);
            }
        }

        return RunTimers() || count > 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _poll.Dispose();

    private int Timeout(int limit)
    {
        long now = Environment.TickCount64;
        long timeout = limit < 0 ? int.MaxValue : limit;
        foreach ((long due, _) in _timers)
            timeout = Math.Min(timeout, Math.Max(0, due - now));
        return timeout == int.MaxValue ? -1 : (int)timeout;
    }

    private bool RunTimers()
    {
        bool any = false;
        long now = Environment.TickCount64;
        for (int i = 0; i < _timers.Count; i++)
        {
            if (_timers[i].Due > now)
                continue;
            Action action = _timers[i].Action;
            _timers.RemoveAt(i--);
            action();
            any = true;
        }

        return any;
    }
}
