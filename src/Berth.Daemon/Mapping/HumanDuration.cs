namespace Berth.Daemon.Mapping;

/// <summary>Durations as lists show them: one unit, rounded down.</summary>
internal static class HumanDuration
{
    /// <summary>Such as <c>3 minutes</c>, <c>About an hour</c>, <c>2 weeks</c>.</summary>
    public static string Describe(TimeSpan duration)
    {
        int seconds = (int)Math.Min(duration.TotalSeconds, int.MaxValue);
        int minutes = seconds / 60;
        int hours = (int)Math.Round(duration.TotalHours);
        return (seconds, minutes, hours) switch
        {
            ( < 1, _, _) => "Less than a second",
            (1, _, _) => "1 second",
            ( < 60, _, _) => $"{seconds} seconds",
            (_, 1, _) => "About a minute",
            (_, < 60, _) => $"{minutes} minutes",
            (_, _, 1) => "About an hour",
            (_, _, < 48) => $"{hours} hours",
            (_, _, < 24 * 7 * 2) => $"{hours / 24} days",
            (_, _, < 24 * 30 * 2) => $"{hours / 24 / 7} weeks",
            (_, _, < 24 * 365 * 2) => $"{hours / 24 / 30} months",
            _ => $"{hours / 24 / 365} years",
        };
    }
}
