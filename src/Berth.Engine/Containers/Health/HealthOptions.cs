using Berth.Model;

namespace Berth.Engine.Containers.Health;

/// <summary>A container's health probe as it was asked for; durations in nanoseconds, 0 stands for the default.</summary>
public sealed record HealthOptions
{
    /// <summary>Empty: the image's. <c>NONE</c>: no probe. <c>CMD</c> and a command, or <c>CMD-SHELL</c> and a line for the shell.</summary>
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>Between the end of a probe and the next; 30 s.</summary>
    public long Interval { get; init; }

    /// <summary>What a probe may take; 30 s.</summary>
    public long Timeout { get; init; }

    /// <summary>How long after the start failures do not count; none.</summary>
    public long StartPeriod { get; init; }

    /// <summary>As <see cref="Interval"/>, within the start period and before the first success; 5 s.</summary>
    public long StartInterval { get; init; }

    /// <summary>Failures in a row that make a container unhealthy; 3.</summary>
    public int Retries { get; init; }

    internal TimeSpan IntervalTime => Time(Interval, 30);

    internal TimeSpan TimeoutTime => Time(Timeout, 30);

    internal TimeSpan StartPeriodTime => Time(StartPeriod, 0);

    internal TimeSpan StartIntervalTime => Time(StartInterval, 5);

    internal int RetryCount => Retries > 0 ? Retries : 3;

    /// <summary>Whether there is a probe.</summary>
    internal bool HasCommand => Test is ["CMD" or "CMD-SHELL", _, ..];

    /// <summary>The probe's command; empty for none.</summary>
    /// <param name="shell">The container's shell, which a line is given to; null: /bin/sh -c.</param>
    internal IReadOnlyList<string> Command(IReadOnlyList<string>? shell) => Test switch
    {
        ["CMD", _, ..] => [.. Test.Skip(1)],
        ["CMD-SHELL", var line, ..] => [.. shell ?? ["/bin/sh", "-c"], line],
        _ => [],
    };

    /// <summary>These options, the image's where nothing was said.</summary>
    public HealthOptions CompletedBy(HealthOptions image) => new()
    {
        Test = Test.Count > 0 ? Test : image.Test,
        Interval = Interval != 0 ? Interval : image.Interval,
        Timeout = Timeout != 0 ? Timeout : image.Timeout,
        StartPeriod = StartPeriod != 0 ? StartPeriod : image.StartPeriod,
        StartInterval = StartInterval != 0 ? StartInterval : image.StartInterval,
        Retries = Retries != 0 ? Retries : image.Retries,
    };

    /// <summary>Checks every value.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the value.</exception>
    public void Validate()
    {
        const long least = 1_000_000;
        foreach ((string name, long value) in (ReadOnlySpan<(string, long)>)
            [("Interval", Interval), ("Timeout", Timeout), ("StartPeriod", StartPeriod), ("StartInterval", StartInterval)])
        {
            if (value is not 0 and < least)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"{name} in Healthcheck cannot be less than 1ms");
            }
        }

        if (Retries < 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "Retries in Healthcheck cannot be negative");
        }

        if (Test.Count > 0 && Test[0] != "NONE" && !HasCommand)
        {
            throw new EngineException(ErrorKind.InvalidArgument,
                Test[0] is "CMD" or "CMD-SHELL" ? $"Healthcheck {Test[0]} names no command" : $"Unknown type '{Test[0]}' in Healthcheck (try 'CMD', 'CMD-SHELL' or 'NONE')");
        }
    }

    private static TimeSpan Time(long nanoseconds, int defaultSeconds) =>
        nanoseconds == 0 ? TimeSpan.FromSeconds(defaultSeconds) : TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
}
