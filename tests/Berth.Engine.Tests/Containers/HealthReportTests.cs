using Berth.Engine.Containers.Health;
using Berth.Engine.Tests.Support;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class HealthReportTests
{
    private const long Second = 1_000_000_000;
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    [Fact]
    public void Failures_in_a_row_make_it_unhealthy_and_one_success_healthy()
    {
        var options = new HealthOptions { Retries = 2 };
        Assert.Equal(["starting 1", "unhealthy 2", "unhealthy 3", "healthy 0", "healthy 1", "healthy 0", "healthy 1", "unhealthy 2"], After(options, 1, 1, 1, 0, 1, 0, -1, 1));
        Assert.Equal(["starting 1", "starting 2", "unhealthy 3"], After(new HealthOptions(), 1, 1, 1));
    }

    [Fact]
    public void Failures_in_the_start_period_do_not_count_until_the_first_success()
    {
        var options = new HealthOptions { Retries = 1, StartPeriod = 4 * Second };
        Assert.Equal(["starting 0", "starting 0", "starting 0", "unhealthy 1"], After(options, 1, 1, 1, 1));
        Assert.Equal(["healthy 0", "unhealthy 1"], After(options, 0, 1));
    }

    [Fact]
    public void The_last_five_are_kept_and_a_new_run_keeps_them()
    {
        var report = new HealthReport();
        for (int i = 0; i < 7; i++)
        {
            report = report.With(new HealthResult(Start, Start, i, ""), new HealthOptions(), Start);
        }

        Assert.Equal([2, 3, 4, 5, 6], report.Log.Select(static result => result.ExitCode));
        Assert.True(report.Restarted() is { Status: HealthReport.Starting, FailingStreak: 0, Log.Count: 5 });
        using var folder = new TempFolder();
        HealthFile.Write(folder.Path, report);
        Assert.Equal(report.Log, HealthFile.TryRead(folder.Path)!.Log);
        Assert.Null(HealthFile.TryRead(folder["none"]));
    }

    [Fact]
    public void The_wait_is_shorter_within_the_start_period()
    {
        var options = new HealthOptions { Interval = 20 * Second, StartInterval = Second, StartPeriod = 10 * Second };
        var report = new HealthReport();
        Assert.Equal(1, report.Wait(options, TimeSpan.FromSeconds(9)).TotalSeconds);
        Assert.Equal(20, report.Wait(options, TimeSpan.FromSeconds(10)).TotalSeconds);
        Assert.Equal(20, (report with { Status = HealthReport.Healthy }).Wait(options, TimeSpan.Zero).TotalSeconds);
        Assert.Equal((30, 5), (report.Wait(new HealthOptions(), TimeSpan.Zero).TotalSeconds, report.Wait(new HealthOptions { StartPeriod = Second }, TimeSpan.Zero).TotalSeconds));
    }

    [Fact]
    public void What_is_left_out_is_the_images()
    {
        var image = new HealthOptions { Test = ["CMD", "a"], Interval = Second, Retries = 9 };
        Assert.True(new HealthOptions { Retries = 2 }.CompletedBy(image) is { Test: ["CMD", "a"], Interval: Second, Retries: 2 });
        Assert.Empty(new HealthOptions { Test = ["NONE"] }.CompletedBy(image).Command(["/bin/ash"]));
        Assert.Equal(["/bin/sh", "-c", "x y"], new HealthOptions { Test = ["CMD-SHELL", "x y"] }.Command(shell: null));
    }

    [Theory]
    [InlineData("BOGUS", "Unknown type 'BOGUS'")]
    [InlineData("CMD", "names no command")]
    public void Odd_probes_are_refused(string kind, string words) =>
        Assert.Contains(words, Assert.Throws<EngineException>(() => new HealthOptions { Test = [kind] }.Validate()).Message, StringComparison.Ordinal);

    private static IEnumerable<string> After(HealthOptions options, params int[] exitCodes)
    {
        var report = new HealthReport();
        DateTimeOffset time = Start;
        foreach (int code in exitCodes)
        {
            time = time.AddSeconds(1);
            report = report.With(new HealthResult(time, time, code, ""), options, Start);
            yield return $"{report.Status} {report.FailingStreak}";
        }
    }
}
