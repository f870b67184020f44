using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>How often, and until when, what changed while it was read is read anew: with longer and longer pauses, as whoever changes it must come to an end.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct NetlinkRetry()
{
    private const int LongestPauseMilliseconds = 50;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private readonly long start = Stopwatch.GetTimestamp();
    private int attempts;
    private int pause = 1;

    /// <summary>Waits before the next attempt.</summary>
    /// <exception cref="LinuxException">EAGAIN: there were attempts for ten seconds.</exception>
    public void Pause(string call, string subject)
    {
        attempts++;
        if (Stopwatch.GetElapsedTime(start) > Longest)
        {
            throw new LinuxException(Errno.EAGAIN, call,
                $"{(subject.Length == 0 ? "" : subject + ": ")}changed each of the {attempts} times that it was read, for {Longest.TotalSeconds:F0} s");
        }

        Thread.Sleep(pause);
        pause = Math.Min(pause * 2, LongestPauseMilliseconds);
    }
}
