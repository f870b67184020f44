using System.Buffers;
using System.Globalization;
using Berth.Runtime.State;

namespace Berth.RuntimeHost.CommandLine;

/// <summary>Sizes and durations as people write them.</summary>
internal static class Quantities
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Bytes: <c>512</c>, <c>10m</c>, <c>1.5 GiB</c>; units are powers of 1024. -1 is -1.</summary>
    /// <exception cref="FormatException">Anything else.</exception>
    public static long Bytes(string text)
    {
        if (text == "-1")
            return -1;
        int digits = text.AsSpan().IndexOfAnyExcept(Digits);
        string number = digits < 0 ? text : text[..digits];
        string unit = digits < 0 ? "" : text[digits..].TrimStart(' ').ToLowerInvariant();
        int power = unit switch
        {
            "" or "b" => 0,
            "k" or "kb" or "kib" => 1,
            "m" or "mb" or "mib" => 2,
            "g" or "gb" or "gib" => 3,
            "t" or "tb" or "tib" => 4,
            "p" or "pb" or "pib" => 5,
            _ => -1,
        };
        if (power < 0 || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            throw new FormatException($"invalid size: '{text}'");
        decimal factor = 1L << (10 * power);
        return value <= long.MaxValue / factor ? (long)(value * factor) : throw new FormatException($"invalid size: '{text}'");
    }

    /// <summary>A duration as Go writes them: <c>5s</c>, <c>100ms</c>, <c>1m30s</c>; more than nothing.</summary>
    /// <exception cref="StateException">Anything else.</exception>
    public static TimeSpan Duration(string text)
    {
        double milliseconds = 0;
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value))
                throw Wrong(text);
            rest = rest[digits..];
            int letters = rest.IndexOfAny(Digits);
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            milliseconds += value * unit switch { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, "us" or "µs" => 0.001, "ns" => 0.000001, _ => throw Wrong(text) };
            rest = rest[unit.Length..];
        }

        const double Most = int.MaxValue;
        return milliseconds is > 0 and <= Most ? TimeSpan.FromMilliseconds(Math.Max(1, milliseconds)) : throw Wrong(text);
    }

    private static StateException Wrong(string text) => new($"invalid duration \"{text}\": wanted one above 0 like 500ms, 5s or 1m30s");
}
