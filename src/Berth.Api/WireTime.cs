using System.Globalization;

namespace Berth.Api;

/// <summary>Times as Go's RFC3339Nano writes them: UTC, up to nine decimals without trailing zeros.</summary>
public static class WireTime
{
    /// <summary>Go's zero time, which stands for "never".</summary>
    public const string Zero = "0001-01-01T00:00:00Z";

    /// <summary><paramref name="time"/> in UTC; <see cref="Zero"/> for null.</summary>
    public static string Format(DateTimeOffset? time) =>
        time is { } value ? value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z" : Zero;

    /// <summary>Reads an RFC 3339 time; digits beyond 100 ns are dropped. Null when it is not one or is <see cref="Zero"/>.</summary>
    public static DateTimeOffset? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text) || text == Zero)
            return null;

        int point = text.IndexOf('.');
        if (point >= 0)
        {
            int end = point + 1;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;

            if (end - point > 8)
                text = string.Concat(text.AsSpan(0, point + 8), text.AsSpan(end));
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) ? time : null;
    }
}
