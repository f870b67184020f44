namespace Berth.Daemon.Mapping;

/// <summary>Durations as lists show them: one unit, rounded down.</summary>
internal static class HumanDuration
{
    /// <summary>Such as <c>3 minutes</c>, <c>About an hour</c>, <c>2 weeks</c>.</summary>
    public static string Describe(TimeSpan duration) => duration switch
    {
        { TotalSeconds: < 1 } => "Less than a second",
        { TotalSeconds: < 2 } => "1 second",
        { TotalSeconds: < 60 } => $"{(int)duration.TotalSeconds} seconds",
        { TotalMinutes: < 2 } => "About a minute",
        { TotalMinutes: < 60 } => $"{(int)duration.TotalMinutes} minutes",
        _ when Math.Round(duration.TotalHours) is var hours => hours switch
        {
            1 => "About an hour",
            < 48 => $"{hours} hours",
            < 24 * 7 * 2 => $"{(int)(hours / 24)} days",
            < 24 * 30 * 2 => $"{(int)(hours / 24 / 7)} weeks",
            < 24 * 365 * 2 => $"{(int)(hours / 24 / 30)} months",
            _ => $"{(int)(duration.TotalHours / 24 / 365)} years",
        },
    };
}
