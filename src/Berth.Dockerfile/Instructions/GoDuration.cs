using System.Buffers;
using System.Globalization;

namespace Berth.Dockerfile.Instructions;

/// <summary>Times as Go writes them: <c>1h30m</c>, <c>1.5s</c>, <c>300ms</c>, with Go's words for what is none.</summary>
public static class GoDuration
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>The time, cut to 100 ns (less than that, but something, is 100 ns); <paramref name="error"/> says what is wrong.</summary>
    public static bool TryParse(string text, out TimeSpan time, out string error)
    {
        time = default;
        string quoted = QuotedText.Of(text);
        error = $"time: invalid duration {quoted}";
        ReadOnlySpan<char> rest = text.AsSpan();
        bool isNegative = rest.StartsWith("-", StringComparison.Ordinal);
        rest = isNegative || rest.StartsWith("+", StringComparison.Ordinal) ? rest[1..] : rest;
        if (rest is "0")
        {
            return true;
        }

        if (rest.IsEmpty || rest.Length > 100)
        {
            return false;
        }

        decimal nanoseconds = 0;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            ReadOnlySpan<char> number = digits < 0 ? rest : rest[..digits];
            if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count))
            {
                return false;
            }

            rest = rest[number.Length..];
            int end = rest.IndexOfAny(Digits);
            string unit = (end < 0 ? rest : rest[..end]).ToString();
            if (Nanoseconds(unit) is not { } factor)
            {
                error = unit.Length == 0 ? $"time: missing unit in duration {quoted}" : $"time: unknown unit {QuotedText.Of(unit)} in duration {quoted}";
                return false;
            }

            if (count > long.MaxValue / factor || (nanoseconds += count * factor) > long.MaxValue)
            {
                return false;
            }

            rest = rest[unit.Length..];
        }

        time = TimeSpan.FromTicks((long)(nanoseconds is > 0 and < 100 ? 1 : nanoseconds / 100) * (isNegative ? -1 : 1));
        return true;
    }

    /// <summary>The time as Go shows it: <c>1m30s</c>, <c>1.5s</c>, <c>300ms</c>, <c>0s</c>.</summary>
    public static string Format(TimeSpan time)
    {
        if (time == TimeSpan.Zero)
        {
            return "0s";
        }

        string sign = time < TimeSpan.Zero ? "-" : "";
        decimal nanoseconds = Math.Abs((decimal)time.Ticks) * 100;
        if (nanoseconds < 1_000_000_000)
        {
            (decimal factor, string unit) = nanoseconds < 1_000 ? (1m, "ns") : nanoseconds < 1_000_000 ? (1_000m, "µs") : (1_000_000m, "ms");
            return sign + Number(nanoseconds / factor) + unit;
        }

        decimal seconds = nanoseconds / 1_000_000_000;
        decimal hours = decimal.Floor(seconds / 3600), minutes = decimal.Floor(seconds / 60 % 60);
        string text = Number(seconds % 60) + "s";
        return sign + (hours > 0 ? $"{Number(hours)}h{Number(minutes)}m{text}" : minutes > 0 ? $"{Number(minutes)}m{text}" : text);
    }

    private static string Number(decimal number) => number.ToString("0.#########", CultureInfo.InvariantCulture);

    private static decimal? Nanoseconds(string unit) => unit switch
    {
        "ns" => 1,
        "us" or "µs" or "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => null,
    };
}
