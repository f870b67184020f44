namespace Berth.Engine.Containers;

/// <summary>Whether another run follows the end of one.</summary>
/// <param name="Name">As the user wrote it: empty or <c>no</c>, <c>always</c>, <c>unless-stopped</c>, <c>on-failure</c>.</param>
/// <param name="MaximumRetryCount">The most runs that follow by themselves, for <c>on-failure</c>; 0 is any number.</param>
public sealed record RestartPolicyOption(string Name, int MaximumRetryCount)
{
    /// <summary>Whether it never wants another run.</summary>
    public bool IsNone => Name is "" or "no";

    /// <summary>Whether another run is wanted.</summary>
    /// <param name="exitCode">Of the run that ended.</param>
    /// <param name="wasStopped">Whether a user ended it.</param>
    /// <param name="restarts">How many runs followed by themselves since a user started it.</param>
    public bool Wants(int exitCode, bool wasStopped, int restarts) => Name switch
    {
        "always" => true,
        "unless-stopped" => !wasStopped,
        "on-failure" => exitCode != 0 && (MaximumRetryCount == 0 || restarts < MaximumRetryCount),
        _ => false,
    };
}

/// <summary>How long to wait before a run that follows by itself: 100 ms, twice as long each time up to a minute, anew after a run of ten seconds.</summary>
internal sealed class RestartBackoff
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongRun = TimeSpan.FromSeconds(10);
    private TimeSpan last;

    /// <summary>The wait after a run that lasted so long.</summary>
    public TimeSpan Next(TimeSpan run)
    {
        TimeSpan doubled = run >= LongRun || last == TimeSpan.Zero ? Shortest : last * 2;
        last = doubled < Longest ? doubled : Longest;
        return last;
    }

    /// <summary>A user started the container: all begins anew.</summary>
    public void Reset() => last = TimeSpan.Zero;
}
