using Berth.Linux;
using Berth.Linux.Processes;

namespace Berth.Runtime.Host;

/// <summary>What this process holds and does not need for now.</summary>
public static class UnusedMemory
{
    /// <summary>
    /// Collects everything, gives the heap's empty pages back and unmaps program code; what is used again comes back from the page cache, a few pages at a time.
    /// It stops the process for some milliseconds: for the end of a burst of work.
    /// </summary>
    /// <exception cref="LinuxException">/proc/self/smaps cannot be read.</exception>
    public static void Return()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers(); // or the collector's other thread would touch its code again after this
        ResidentMemory.DropCleanFilePages();
    }
}
