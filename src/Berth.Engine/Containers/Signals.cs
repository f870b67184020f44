using System.Globalization;
using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>Signal names and numbers (signal(7)); the numbers are those of x86-64 and arm64, which agree.</summary>
public static class Signals
{
    public const int SIGKILL = 9;
    public const int SIGTERM = 15;
    private const int RtMin = 34;
    private const int RtMax = 64;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>Parses <c>TERM</c>, <c>SIGTERM</c> (any case), <c>RTMIN+3</c>, <c>RTMAX-1</c> or a number from 1 to 64.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when it is none of these.</exception>
    public static int Parse(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return number is >= 1 and <= RtMax ? number : throw Invalid(text);
        }

        string name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        int index = Array.IndexOf(Names, name, 1);
        if (index > 0)
        {
            return index;
        }

        return name switch
        {
            "CLD" => 17,
            "POLL" => 29,
            "IOT" => 6,
            "RTMIN" => RtMin,
            "RTMAX" => RtMax,
            _ when name.StartsWith("RTMIN+", StringComparison.Ordinal) => RealTime(text, name, 1, RtMin),
            _ when name.StartsWith("RTMAX-", StringComparison.Ordinal) => RealTime(text, name, -1, RtMax),
            _ => throw Invalid(text),
        };
    }

    /// <summary>A number that is no signal here but may be one elsewhere; null for all else.</summary>
    internal static ulong? TryParseForeign(string text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number is < 0 or > RtMax ? unchecked((ulong)number) : null;

    private static int RealTime(string text, string name, int sign, int start) =>
        int.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out int offset) && offset <= RtMax - RtMin
            ? start + (sign * offset)
            : throw Invalid(text);

    private static EngineException Invalid(string text) => new(ErrorKind.InvalidArgument, $"Invalid signal: {text}");
}
