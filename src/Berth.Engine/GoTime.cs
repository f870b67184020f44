using System.Buffers;
using System.Globalization;
using System.Text;

namespace Berth.Engine;

/// <summary>Durations as Go writes and reads them (package time, Duration.String and ParseDuration): <c>500ms</c>, <c>1m30s</c>, <c>1h0m0s</c>.</summary>
public static class GoTime
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");
    private static readonly (string Name, long Nanoseconds)[] Units =
        [("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

    /// <summary>The duration's text.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration < TimeSpan.Zero)
        {
            return "-" + Format(duration.Negate());
        }

        if (duration < TimeSpan.FromSeconds(1))
        {
            return duration == TimeSpan.Zero ? "0s" : duration < TimeSpan.FromMilliseconds(1) ? Number(duration.TotalMicroseconds) + "µs" : Number(duration.TotalMilliseconds) + "ms";
        }

        var text = new StringBuilder();
        if (duration.TotalHours >= 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(long)duration.TotalHours}h");
        }

        if (duration.TotalMinutes >= 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"{duration.Minutes}m");
        }

        return text.Append(Number((duration.Ticks % TimeSpan.TicksPerMinute) / (double)TimeSpan.TicksPerSecond)).Append('s').ToString();
    }

    /// <summary>Reads such a text; what is finer than 100 ns is dropped.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        ReadOnlySpan<char> rest = text;
        bool isNegative = rest is ['-', ..];
        rest = rest is ['-' or '+', ..] ? rest[1..] : rest;
        if (rest is "0")
        {
            return true;
        }

        decimal total = 0;
        do
        {
            int digits = rest.IndexOfAnyExcept(NumberCharacters);
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
            {
                return false;
            }

            rest = rest[digits..];
            int end = rest.IndexOfAny(NumberCharacters);
            string name = (end < 0 ? rest : rest[..end]).ToString();
            long unit = Array.Find(Units, candidate => candidate.Name == name).Nanoseconds;
            if (unit == 0 || number > long.MaxValue / unit || (total += number * unit) > long.MaxValue)
            {
                return false;
            }

            rest = end < 0 ? [] : rest[end..];
        }
        while (rest.Length > 0);
        duration = TimeSpan.FromTicks((long)(total / TimeSpan.NanosecondsPerTick) * (isNegative ? -1 : 1));
        return true;
    }

    private static string Number(double value) => value.ToString("0.#########", CultureInfo.InvariantCulture);
}
