using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>A point in time to the nanosecond, with the offset it was written with.</summary>
internal sealed record GoTime(DateTimeOffset Second, int Nanoseconds)
{
    private static readonly string[] Layouts =
    [
        "January", "Monday", "2006", "-07:00", "Z07:00", "-0700", "Z0700", "Jan", "Mon", "MST", "002", "01", "02", "03", "04", "05", "06", "15", "_2", "PM", "pm", "-07", "1", "2", "3", "4", "5",
    ];

    /// <summary>The first second of year 1, which stands for no time.</summary>
    public static GoTime Zero { get; } = new(DateTimeOffset.MinValue, 0);

    /// <summary>Reads RFC 3339 with up to nine digits of a second; null for anything else.</summary>
    public static GoTime? Parse(string text)
    {
        if (text.Length < 20 || text[10] != 'T')
            return null;

        int end = 19;
        if (text[end] == '.')
        {
            end++;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
        }

        string digits = end > 20 ? text[20..end].PadRight(9, '0')[..9] : "0";
        return DateTimeOffset.TryParseExact(text[..19] + text[end..], "yyyy-MM-dd'T'HH:mm:ssK", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset second)
            ? new GoTime(second, int.Parse(digits, CultureInfo.InvariantCulture))
            : null;
    }

    public bool IsZero => Second == DateTimeOffset.MinValue && Nanoseconds == 0;

    /// <summary>As <c>%v</c> prints it.</summary>
    public override string ToString() => Format("2006-01-02 15:04:05") + Fraction() + Format(" -0700 ") + Zone();

    /// <summary>As JSON has it.</summary>
    public string ToRfc3339() => Format("2006-01-02T15:04:05") + Fraction() + Format("Z07:00");

    /// <summary>Go's Time.Format: a layout shows how 2006-01-02 15:04:05 would be written.</summary>
    public string Format(string layout)
    {
        var output = new StringBuilder();
        for (int i = 0; i < layout.Length;)
        {
            string rest = layout[i..];
            if (FractionLength(rest) is var length and > 0)
            {
                string digits = Nanoseconds.ToString("D9", CultureInfo.InvariantCulture)[..Math.Min(length - 1, 9)];
                string shown = rest[1] == '9' ? digits.TrimEnd('0') : digits;
                output.Append(shown.Length > 0 ? rest[0] + shown : "");
                i += length;
            }
            else if (Array.Find(Layouts, part => rest.StartsWith(part, StringComparison.Ordinal)) is { } found)
            {
                output.Append(Part(found));
                i += found.Length;
            }
            else
            {
                output.Append(layout[i++]);
            }
        }

        return output.ToString();
    }

    private static int FractionLength(string text)
    {
        if (text.Length < 2 || text[0] is not ('.' or ',') || text[1] is not ('0' or '9'))
            return 0;

        int end = 1;
        while (end < text.Length && text[end] == text[1])
            end++;

        return end < text.Length && char.IsAsciiDigit(text[end]) ? 0 : end;
    }

    private string Part(string part) => part switch
    {
        "January" => Text("MMMM"),
        "Jan" => Text("MMM"),
        "Monday" => Text("dddd"),
        "Mon" => Text("ddd"),
        "2006" => Text("yyyy"),
        "06" => Text("yy"),
        "01" => Text("MM"),
        "1" => Text("%M"),
        "02" => Text("dd"),
        "2" => Text("%d"),
        "_2" => Text("%d").PadLeft(2),
        "002" => Second.DayOfYear.ToString("D3", CultureInfo.InvariantCulture),
        "15" => Text("HH"),
        "03" => Text("hh"),
        "3" => Text("%h"),
        "04" => Text("mm"),
        "4" => Text("%m"),
        "05" => Text("ss"),
        "5" => Text("%s"),
        "PM" => Text("tt"),
        "pm" => Text("tt").ToLowerInvariant(),
        "MST" => Zone(),
        "Z07:00" => Second.Offset == TimeSpan.Zero ? "Z" : Text("zzz"),
        "-07:00" => Text("zzz"),
        "-07" => Text("zz"),
        "Z0700" when Second.Offset == TimeSpan.Zero => "Z",
        _ => Text("zzz").Replace(":", "", StringComparison.Ordinal),
    };

    private string Zone() => Second.Offset == TimeSpan.Zero ? "UTC" : Text("zzz").Replace(":", "", StringComparison.Ordinal);

    private string Text(string format) => Second.ToString(format, CultureInfo.InvariantCulture);

    private string Fraction() => Nanoseconds == 0 ? "" : "." + Nanoseconds.ToString("D9", CultureInfo.InvariantCulture).TrimEnd('0');
}
