using System.Buffers;
using System.Globalization;

namespace Berth.Build.Dockerfile.Instructions;

/// <summary>Times as Go writes them: <c>1h30m</c>, <c>1.5s</c>, <c>300ms</c>, with Go's words for what is none.</summary>
internal static class GoDuration
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
