using System.Globalization;
using Berth.Runtime.State;

namespace Berth.RuntimeHost.Verbs;

/// <summary>Signals by number or name (signal(7)); the numbers of x86-64 and arm64.</summary>
internal static class SignalNames
{
    public const int SIGKILL = 9, SIGTERM = 15;

    private const int RealtimeLeast = 34, RealtimeMost = 64; // as programs see them: glibc keeps 32 and 33

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT",
        "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>The number of <c>9</c>, <c>KILL</c>, <c>SIGKILL</c>, <c>sigkill</c>, <c>RTMIN+3</c>. Numbers are not checked: the kernel does.</summary>
    /// <exception cref="StateException">No such name.</exception>
    public static int Parse(string text)
    {
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
            return number;
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        int index = name switch { "IOT" => 6, "CLD" => 17, "POLL" => 29, "" => -1, _ => Array.IndexOf(Names, name) };
        if (index <= 0)
            index = Realtime(name, "RTMIN", RealtimeLeast, 1) ?? Realtime(name, "RTMAX", RealtimeMost, -1) ?? -1;
        return index > 0 ? index : throw new StateException($"unknown signal \"{text}\"");
    }

    private static int? Realtime(string name, string prefix, int start, int direction)
    {
        if (!name.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        string rest = name[prefix.Length..];
        if (rest.Length == 0)
            return start;
        char sign = direction > 0 ? '+' : '-';
        return rest[0] == sign && int.TryParse(rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int offset)
            && offset <= RealtimeMost - RealtimeLeast ? start + (direction * offset) : null;
    }
}
