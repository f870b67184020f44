using System.Globalization;
using Berth.Model;

namespace Berth.Engine.Images;

/// <summary>Times as docker's <c>until</c> filters take them: a duration before now, a date with or without a time, or seconds since 1970.</summary>
public static class TimeFilter
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HHK", "yyyy-MM-ddK",
    ];

    /// <exception cref="EngineException">InvalidArgument in docker's words.</exception>
    public static DateTimeOffset Parse(string text, DateTimeOffset now)
    {
        if (GoDuration.TryParse(text, out long nanoseconds))
        {
            return now.AddTicks(-nanoseconds / TimeSpan.NanosecondsPerTick);
        }

        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal seconds) && seconds is > -62135596800 and < 253402300800)
        {
            return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        }

        return DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset time)
            ? time
            : throw new EngineException(ErrorKind.InvalidArgument, $"failed to parse value as time or duration: \"{text}\"");
    }
}
