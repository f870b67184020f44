using System.Runtime.InteropServices;

namespace Berth.Linux.Events;

/// <summary>Sleeps below the millisecond that Thread.Sleep counts in.</summary>
public static partial class ShortSleep
{
    /// <summary>Suspends the calling thread for about so many microseconds (usleep(3)); a signal may end it earlier.</summary>
    public static void Microseconds(uint duration) => _ = usleep(duration);

    [LibraryImport("libc")]
    private static partial int usleep(uint duration);
}
