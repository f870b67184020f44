using Berth.Linux;
using Berth.Linux.Processes;

namespace Berth.RuntimeHost;

/// <summary>
/// Keeps the program's file out of reach of the processes that come out of this one: while they are being made, /proc/PID/exe of a process in the
/// container is this program, and <c>#!/proc/self/exe</c> as the container's program would run it there.
/// </summary>
internal static class OwnFile
{
    /// <summary>Does it by letting go of the file, which takes a millisecond; where that is not allowed, by starting again from a sealed copy.</summary>
    /// <exception cref="LinuxException">Neither works.</exception>
    public static void Protect()
    {
        if (OwnExecutable.RunsFromDisk && !OwnExecutable.TryForget())
            throw SealedExecutable.RestartFrom("/proc/self/exe");
    }
}
