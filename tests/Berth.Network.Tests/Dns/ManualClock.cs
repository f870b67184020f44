namespace Berth.Network.Tests.Dns;

/// <summary>A clock that stands still until it is told to go on: time limits end when the test says so, however slow the machine is.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private long ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, period);
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Goes on and calls what has become due, on this thread.</summary>
    public void Advance(TimeSpan time)
    {
        ManualTimer[] due;
        lock (gate)
        {
            ticks += time.Ticks;
            due = [.. timers.Where(timer => timer.Due <= ticks)];
            timers.RemoveAll(timer => timer.Due <= ticks);
        }

        foreach (ManualTimer timer in due)
        {
            timer.Call();
        }
    }

    private sealed class ManualTimer(ManualClock clock, Action call) : ITimer
    {
        public long Due { get; private set; }

        public Action Call { get; } = call;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.gate)
            {
                clock.timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock.ticks + dueTime.Ticks;
                    clock.timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
