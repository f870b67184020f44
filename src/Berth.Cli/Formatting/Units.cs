using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting;

/// <summary>Sizes, ages and shortened texts as docker writes them.</summary>
internal static class Units
{
    private static readonly string[] Decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    private static readonly string[] Binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Bytes in powers of 1000 with three significant digits, such as <c>1.98MB</c>.</summary>
    public static string Size(long bytes) => Scale(bytes, 1000, Decimal, 3);

    /// <summary>Bytes in powers of 1000 with four significant digits, such as <c>1.984MB</c>.</summary>
    public static string ExactSize(long bytes) => Scale(bytes, 1000, Decimal, 4);

    /// <summary>Bytes in powers of 1024 with four significant digits, such as <c>23.54GiB</c>.</summary>
    public static string BinarySize(long bytes) => Scale(bytes, 1024, Binary, 4);

    /// <summary>An age in words, such as <c>About an hour</c>.</summary>
    public static string Age(TimeSpan age)
    {
        int hours = (int)(age.TotalHours + 0.5);
        return (int)age.TotalSeconds switch
        {
            < 1 => "Less than a second",
            1 => "1 second",
            < 60 and var seconds => $"{seconds} seconds",
            < 120 => "About a minute",
            < 3600 and var seconds => $"{seconds / 60} minutes",
            _ when hours == 1 => "About an hour",
            _ when hours < 48 => $"{hours} hours",
            _ when hours < 24 * 7 * 2 => $"{hours / 24} days",
            _ when hours < 24 * 30 * 2 => $"{hours / 24 / 7} weeks",
            _ when hours < 24 * 365 * 2 => $"{hours / 24 / 30} months",
            _ => $"{(int)age.TotalHours / 24 / 365} years",
        };
    }

    /// <summary>How long ago a time was (seconds since 1970), such as <c>2 hours ago</c>.</summary>
    public static string Since(long unixSeconds) => Age(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(unixSeconds)) + " ago";

    /// <summary>Seconds since 1970 in the local zone, such as <c>2026-11-21 02:23:01 +0000 UTC</c>.</summary>
    public static string Time(long unixSeconds)
    {
        DateTimeOffset time = DateTimeOffset.FromUnixTimeSeconds(unixSeconds).ToLocalTime();
        string offset = time.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);
        return time.ToString("yyyy-MM-dd HH:mm:ss ", CultureInfo.InvariantCulture) + offset + " " + (time.Offset == TimeSpan.Zero ? "UTC" : offset);
    }

    /// <summary>The first twelve digits of an id, without its algorithm.</summary>
    public static string ShortId(string id)
    {
        int colon = id.IndexOf(':');
        ReadOnlySpan<char> digits = id.AsSpan(colon + 1);
        return digits[..Math.Min(12, digits.Length)].ToString();
    }

    /// <summary>Text cut to the columns of a terminal that it may take, its end replaced by an ellipsis.</summary>
    public static string Ellipsis(string text, int width)
    {
        int total = 0;
        int keep = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            total += TextWidth.Of(rune);
            if (total <= width - 1)
                keep += rune.Utf16SequenceLength;
        }

        return total <= width ? text : text[..keep] + "…";
    }

    private static string Scale(double value, double step, string[] names, int digits)
    {
        int name = 0;
        while (value >= step && name < names.Length - 1)
        {
            value /= step;
            name++;
        }

        return Values.GoNumber.Format(value, 'g', digits) + names[name];
    }
}
