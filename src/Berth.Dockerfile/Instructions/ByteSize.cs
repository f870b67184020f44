using System.Globalization;

namespace Berth.Dockerfile.Instructions;

/// <summary>Sizes as docker writes them: <c>64m</c>, <c>1.5GiB</c>, <c>100</c>; units are powers of 1024.</summary>
internal static class ByteSize
{
    private const string Units = "kmgtp";

    /// <summary>The number of bytes; null for what is no size.</summary>
    public static long? Parse(string text)
    {
        int end = text.LastIndexOfAny(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.']) + 1;
        string unit = text[end..].Trim().ToLowerInvariant();
        if (!decimal.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
        {
            return null;
        }

        int power = unit is "" or "b" ? 0 : Units.IndexOf(unit[0], StringComparison.Ordinal) + 1;
        bool isUnit = unit is "" or "b" || (power > 0 && unit[1..] is "" or "b" or "ib");
        if (!isUnit || number > long.MaxValue >> (10 * power))
        {
            return null;
        }

        return (long)(number * (1L << (10 * power)));
    }
}
