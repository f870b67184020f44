using System.Globalization;
using Berth.Engine;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>Moments as filters have them: a duration before now, seconds since 1970, or a date with more or less of a time behind it.</summary>
internal static class TimeValues
{
    private static readonly string[] Forms =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HHK", "yyyy-MM-ddK",
    ];

    /// <exception cref="EngineException">InvalidArgument when it is none of these.</exception>
    public static DateTimeOffset Parse(string text, DateTimeOffset now)
    {
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal seconds)
            && seconds is > -62135596800 and < 253402300800)
        {
            return DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        }

        if (GoTime.TryParse(text, out TimeSpan duration) && duration.Ticks < now.UtcTicks)
        {
            return now - duration;
        }

        return DateTimeOffset.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset time)
            ? time
            : throw new EngineException(ErrorKind.InvalidArgument, $"failed to parse value as time or duration: \"{text}\"");
    }
}
