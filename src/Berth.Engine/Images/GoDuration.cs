using System.Buffers;
using System.Globalization;

namespace Berth.Engine.Images;

/// <summary>Durations as Go's time.ParseDuration reads them: <c>1h30m</c>, <c>-1.5s</c>, <c>300ms</c>, <c>0</c>.</summary>
public static class GoDuration
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");
    private static readonly (string Name, decimal Nanoseconds)[] Units =
    [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ];

    /// <summary>Reads <paramref name="text"/> as nanoseconds; false when it is none or does not fit 64 bits.</summary>
    public static bool TryParse(string text, out long nanoseconds)
    {
        nanoseconds = 0;
        bool isNegative = text.StartsWith('-');
        ReadOnlySpan<char> rest = text.AsSpan(text is ['-' or '+', ..] ? 1 : 0);
        if (rest is "0")
        {
            return true;
        }

        decimal sum = 0;
        bool isAny = false;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) || number > long.MaxValue)
            {
                return false;
            }

            rest = rest[digits..];
            int end = rest.IndexOfAny(Digits);
            string unit = rest[..(end < 0 ? rest.Length : end)].ToString();
            decimal size = Array.Find(Units, known => known.Name == unit).Nanoseconds;
            sum += number * size;
            if (size == 0 || sum > long.MaxValue)
            {
                return false;
            }

            rest = rest[unit.Length..];
            isAny = true;
        }

        nanoseconds = (long)(isNegative ? -sum : sum);
        return isAny;
    }
}
