using System.Globalization;
using System.Text;
using Berth.Api;
using Berth.Cli.Formatting;

namespace Berth.Cli.Terminal;

/// <summary>How far a step is, as text: a bar where the terminal is wide, what is done of how much, and the time that is left.</summary>
internal static class ProgressBar
{
    private const int Cells = 50;
    private const int BarFrom = 110;
    private const int TimeFrom = 50;

    /// <summary>Empty when nothing is known.</summary>
    /// <param name="progress">How far.</param>
    /// <param name="width">Columns of the terminal.</param>
    /// <param name="now">For the time that is left.</param>
    public static string Render(JsonProgress progress, int width, DateTimeOffset now)
    {
        (long current, long total) = (progress.Current, progress.Total);
        if (current <= 0 && total <= 0)
            return "";

        if (total <= 0)
            return Amount(progress, current);

        int done = Math.Min((int)((double)current / total * 100) / 2, Cells);
        var text = new StringBuilder();
        if (width > BarFrom)
            text.Append('[').Append('=', Math.Max(done, 0)).Append('>').Append(' ', Cells - Math.Max(done, 0)).Append("] ");

        if (!progress.HidesCounts)
            text.Append(current > total ? Amount(progress, current) : Share(progress));

        if (width > TimeFrom && current > 0 && progress.Start > 0 && done < Cells)
            text.Append(' ').Append(Left(progress, now));

        return text.ToString();
    }

    private static string Amount(JsonProgress progress, long current) =>
        string.IsNullOrEmpty(progress.Units) ? Units.ExactSize(current).PadLeft(8) : string.Create(CultureInfo.InvariantCulture, $"{current} {progress.Units}");

    private static string Share(JsonProgress progress) => string.IsNullOrEmpty(progress.Units)
        ? $"{Units.ExactSize(progress.Current).PadLeft(8)}/{Units.ExactSize(progress.Total)}"
        : string.Create(CultureInfo.InvariantCulture, $"{progress.Current}/{progress.Total} {progress.Units}");

    // The pace so far, kept up.
    private static string Left(JsonProgress progress, DateTimeOffset now)
    {
        double elapsed = (now - DateTimeOffset.FromUnixTimeSeconds(progress.Start)).TotalSeconds;
        long seconds = (long)Math.Round(elapsed / progress.Current * (progress.Total - progress.Current), MidpointRounding.AwayFromZero);
        return seconds switch
        {
            < 60 => string.Create(CultureInfo.InvariantCulture, $"{seconds}s"),
            < 3600 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60}m{seconds % 60}s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600}h{seconds / 60 % 60}m{seconds % 60}s"),
        };
    }
}
