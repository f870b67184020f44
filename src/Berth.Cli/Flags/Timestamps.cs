using System.Globalization;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>Points of time as <c>--since</c> and <c>--until</c> take them.</summary>
internal static class Timestamps
{
    private static readonly string[] LocalForms =
        ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH", "yyyy-MM-dd"];

    private static readonly string[] ZonedForms =
        ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mmzzz", "yyyy-MM-dd'T'HHzzz", "yyyy-MM-ddzzz"];

    /// <summary>Seconds since 1970 (with nine decimals) from a duration before now, an RFC 3339 time in full or cut short, or such seconds.</summary>
    /// <param name="flag">Whose value it is, for the error; null where the error names none.</param>
    /// <param name="text">The value.</param>
    /// <returns>Null for none.</returns>
    /// <exception cref="CommandFailedException">Anything else.</exception>
    public static string? Parse(string? flag, string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;

        if (TryDuration(text, out long nanoseconds))
            return Format(DateTimeOffset.UtcNow - TimeSpan.FromTicks(nanoseconds / 100));

        if (text.Length > 4 && text.IndexOf('-', 1) > 0)
            return Format(ParseTime(text) ?? throw Invalid(flag, text));

        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? text
            : throw Invalid(flag, text);
    }

    private static bool TryDuration(string text, out long nanoseconds)
    {
        nanoseconds = 0;
        if (text == "0")
            return false; // seconds since 1970

        try
        {
            nanoseconds = Values.Duration(text);
            return true;
        }
        catch (FlagValueException)
        {
            return false;
        }
    }

    /// <summary>A time with its zone, or without one in the local zone; digits beyond 100 ns are dropped.</summary>
    private static DateTimeOffset? ParseTime(string text)
    {
        if (WireTime.Parse(text) is { } full && (text.EndsWith('Z') || text.LastIndexOf('+') > 0))
            return full;

        string zoned = text.EndsWith('Z') ? text[..^1] + "+00:00" : text;
        return DateTimeOffset.TryParseExact(zoned, ZonedForms, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time)
            || DateTimeOffset.TryParseExact(text, LocalForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out time)
            ? time
            : null;
    }

    private static string Format(DateTimeOffset time)
    {
        long ticks = time.UtcTicks - DateTime.UnixEpoch.Ticks;
        return string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerSecond}.{ticks % TimeSpan.TicksPerSecond * 100:D9}");
    }

    private static CommandFailedException Invalid(string? flag, string text) =>
        new($"{(flag is null ? "" : $"invalid value for \"{flag}\": ")}failed to parse value as time or duration: \"{text}\"", exitCode: 1);
}
