using System.Diagnostics;
using System.Globalization;
using Berth.Linux.Signals;

namespace Berth.Storage;

/// <summary>
/// Marked steps at which a daemon built for it (property BerthFailPoints) kills itself: when <c>BERTH_FAIL_AT=NAME</c> or <c>NAME:N</c> is in its
/// environment, at the first or the N-th time that it comes to the step. In other builds there is nothing of it: neither calls nor names.
/// </summary>
public static class FailPoint
{
    private static readonly string? Wanted = Environment.GetEnvironmentVariable("BERTH_FAIL_AT");
    private static int reached;

    /// <summary>Says that the step that <paramref name="name"/> (one of <see cref="FailPoints"/>) is named after has just been done.</summary>
    [Conditional("BERTH_FAILPOINTS")]
    public static void Reach(string name)
    {
        if (Wanted is null || !Wanted.StartsWith(name, StringComparison.Ordinal))
        {
            return;
        }

        ReadOnlySpan<char> rest = Wanted.AsSpan(name.Length);
        bool isMeant = rest.IsEmpty || rest[0] == ':';
        int count = rest.IsEmpty ? 1 : int.TryParse(rest[1..], CultureInfo.InvariantCulture, out int parsed) ? parsed : 1;
        if (isMeant && Interlocked.Increment(ref reached) == count)
        {
            OwnProcess.Kill();
        }
    }
}
