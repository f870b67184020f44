using System.Text.Json.Serialization;

namespace Berth.Engine.Containers.Health;

/// <summary>What the probes of a container found; immutable.</summary>
public sealed record HealthReport
{
    public const string Starting = "starting";
    public const string Healthy = "healthy";
    public const string Unhealthy = "unhealthy";
    private const int KeptResults = 5;

    /// <summary><see cref="Starting"/>, <see cref="Healthy"/> or <see cref="Unhealthy"/>.</summary>
    public string Status { get; init; } = Starting;

    /// <summary>Failures since the last success.</summary>
    public int FailingStreak { get; init; }

    /// <summary>The last five probes, oldest first.</summary>
    public IReadOnlyList<HealthResult> Log { get; init; } = [];

    /// <summary>A run begins: the log stays.</summary>
    internal HealthReport Restarted() => this with { Status = Starting, FailingStreak = 0 };

    /// <summary>This report with one more probe.</summary>
    /// <param name="result">What it found.</param>
    /// <param name="options">What counts.</param>
    /// <param name="startedAt">When the run began.</param>
    internal HealthReport With(HealthResult result, HealthOptions options, DateTimeOffset startedAt)
    {
        HealthReport next = this with { Log = [.. Log.TakeLast(KeptResults - 1), result] };
        if (result.ExitCode == 0)
        {
            return next with { Status = Healthy, FailingStreak = 0 };
        }

        if (Status == Starting && result.Start - startedAt < options.StartPeriodTime)
        {
            return next; // it may take that long to come up
        }

        int streak = FailingStreak + 1;
        return next with { FailingStreak = streak, Status = streak >= options.RetryCount ? Unhealthy : Status };
    }

    /// <summary>How long to wait before the next probe.</summary>
    internal TimeSpan Wait(HealthOptions options, TimeSpan sinceStart) =>
        Status == Starting && sinceStart < options.StartPeriodTime ? options.StartIntervalTime : options.IntervalTime;
}

/// <summary>One probe.</summary>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
/// <param name="ExitCode">Its command's; -1 when it could not be run or took too long.</param>
/// <param name="Output">What it printed, cut at 4096 bytes, or why there is no exit code.</param>
public sealed record HealthResult(DateTimeOffset Start, DateTimeOffset End, int ExitCode, string Output);

/// <summary>JSON of the file <c>health</c> in a container's folder.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthReport))]
internal sealed partial class HealthJsonContext : JsonSerializerContext;
